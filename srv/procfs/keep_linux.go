package procfs

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A keeper holds pidfds of processes that were asked for, so that to know whether it is
// still the same one that has a pid takes one short call. A kept process has its
// pid until that call says that it has ended.
type keeper struct {
	mu   sync.RWMutex
	kept map[int]pidfd
	most int
}

// A pidfd is a descriptor and the process's id.
type pidfd struct {
	fd int
	id uint64
}

func newKeeper() *keeper {
	var r unix.Rlimit
	k := &keeper{kept: map[int]pidfd{}, most: 1024}
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		k.most = int(min(uint64(k.most), r.Cur/16))
	}
	return k
}

// close lets go of all.
func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for pid, p := range k.kept {
		unix.Close(p.fd)
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
		unix.Close(old.fd)
		delete(k.kept, pid)
	}
	if err != nil || !keep || k.most == 0 {
		unix.Close(fd)
		return st.Ino, err
	}
	if len(k.kept) >= k.most {
		for other, p := range k.kept { // any one
			unix.Close(p.fd)
			delete(k.kept, other)
			break
		}
	}
	k.kept[pid] = pidfd{fd, st.Ino}
	return st.Ino, nil
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
