package procfs

import (
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// A keeper holds pidfds of processes that were asked for, so that to know whether it is
// still the same one that has a pid takes one short call. A kept process has its
// pid until that call says that it has ended.
type keeper struct {
	mu   sync.RWMutex
	kept map[int]*kept
	most int
	many int // when there are as many, those go that have ended
}

// A kept is a process's pidfd and id, and what of /proc/N is open once it was asked for:
// to read that again takes one call, and it is never another process's.
type kept struct {
	fd    int
	id    uint64
	dir   int // -1: nothing is open
	files [len(keptFiles)]int
}

// keptFiles are the files that are kept open.
var keptFiles = [...]string{statFile: "stat", statmFile: "statm"}

const (
	statFile = iota
	statmFile
)

// close lets go of the descriptors.
func (p *kept) close() {
	unix.Close(p.fd)
	if p.dir >= 0 {
		unix.Close(p.dir)
		for _, fd := range p.files {
			unix.Close(fd)
		}
	}
}

func newKeeper() *keeper {
	var r unix.Rlimit
	k := &keeper{kept: map[int]*kept{}, most: 1024}
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		k.most = int(min(uint64(k.most), r.Cur/4/(2+uint64(len(keptFiles)))))
	}
	return k
}

// close lets go of all.
func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for pid, p := range k.kept {
		p.close()
		delete(k.kept, pid)
	}
	k.most = 0
}

// find gives the process that has a pid. A further thread of a process, of which /proc
// knows too, is none.
func (k *keeper) find(pid int) (proc, error) {
	id, err := k.identify(pid, true)
	return proc{pid, id, k}, err
}

// identify gives what tells a process from all others that have or had its pid: the
// inode number of its pidfd, or its start and its pid. With keep it is known the next time.
func (k *keeper) identify(pid int, keep bool) (uint64, error) {
	k.mu.RLock()
	p, ok := k.kept[pid]
	alive := ok && answers(p.fd)
	k.mu.RUnlock()
	if alive {
		return p.id, nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == unix.ENOSYS || err == unix.EPERM: // an old kernel, or a filter
		return startOf(pid)
	case err != nil:
		return 0, err
	case !pidfs():
		defer unix.Close(fd)
		return startOf(pid)
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, ok := k.kept[pid]; ok {
		old.close()
		delete(k.kept, pid)
	}
	if err != nil || !keep || k.most == 0 {
		unix.Close(fd)
		return st.Ino, err
	}
	if len(k.kept) >= k.many {
		k.sweep()
	}
	if len(k.kept) >= k.most {
		for other, p := range k.kept { // any one
			p.close()
			delete(k.kept, other)
			break
		}
	}
	k.kept[pid] = &kept{fd: fd, id: st.Ino, dir: -1}
	return st.Ino, nil
}

// sweep lets go of processes that have ended, so that they are never many more than half of
// what is kept. k.mu is held.
func (k *keeper) sweep() {
	for pid, p := range k.kept {
		if !answers(p.fd) {
			p.close()
			delete(k.kept, pid)
		}
	}
	k.many = max(sweepLeast, min(2*len(k.kept), k.most))
}

const sweepLeast = 32

// read reads one of keptFiles of a process, owner asks for the owner of one in /proc/N,
// or of that itself.
// Both report whether that could be done by a descriptor that is kept.
func (k *keeper) read(p proc, file int, buf []byte) (n int, ok bool, err error) {
	h := k.hold(p)
	defer k.mu.RUnlock()
	if h == nil {
		return 0, false, nil
	}
	n, err = unix.Pread(h.files[file], buf, 0)
	return max(n, 0), true, err
}

func (k *keeper) owner(p proc, name string) (uid, gid uint32, ok bool, err error) {
	h := k.hold(p)
	defer k.mu.RUnlock()
	if h == nil {
		return 0, 0, false, nil
	}
	var st unix.Stat_t
	if name != "" {
		err = unix.Fstatat(h.dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	} else if err = unix.Fstat(h.dir, &st); err == nil && !answers(h.fd) { // it seems to be root's then
		err = unix.ESRCH
	}
	return st.Uid, st.Gid, true, err
}

// hold gives a process that is kept with its files, nil if it isn't, and holds the
// keeper's lock for reading.
func (k *keeper) hold(p proc) *kept {
	for tried := false; ; tried = true {
		k.mu.RLock()
		h := k.kept[p.pid]
		switch {
		case h == nil || h.id != p.id:
			return nil
		case h.dir >= 0:
			return h
		case tried:
			return nil
		}
		k.mu.RUnlock()
		k.openFiles(p)
	}
}

// openFiles opens what is kept of a process, if it is still there afterwards.
func (k *keeper) openFiles(p proc) {
	dir, err := unix.Open("/proc/"+strconv.Itoa(p.pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	n := kept{fd: -1, dir: dir}
	for i, name := range keptFiles {
		var oerr error
		if n.files[i], oerr = unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0); oerr != nil {
			err = oerr
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.kept[p.pid]; err == nil && h != nil && h.id == p.id && h.dir < 0 && answers(h.fd) {
		h.dir, h.files = n.dir, n.files
		return
	}
	n.close()
}

// answers tells whether a pidfd's process has not been waited for yet.
func answers(fd int) bool {
	err := unix.PidfdSendSignal(fd, 0, nil, 0)
	return err == nil || err == unix.EPERM
}

func startOf(pid int) (uint64, error) {
	st, err := readStat(pid)
	return st.start<<22 | uint64(pid), err
}

// pidfs tells whether the inode number of a pidfd is the process's alone, as it is from
// Linux 6.9 on.
var pidfs = sync.OnceValue(func() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == unix.PID_FS_MAGIC
})
