package procfs

import (
	"context"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func sorted(n []int) []int { slices.Sort(n); return n }

// pidfd gives a descriptor of the process itself.
func (p proc) pidfd() (int, error) {
	fd, err := unix.PidfdOpen(p.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return -1, cause(err)
	}
	d, err := p.open() // it was still this one when we had it
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	d.close()
	return fd, nil
}

func (p proc) signal(sig syscall.Signal) error {
	fd, err := p.pidfd()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return cause(unix.PidfdSendSignal(fd, sig, nil, 0))
}

// setNice is for each thread, as Linux has a priority for each.
func (p proc) setNice(nice int) error {
	d, err := p.open()
	if err != nil {
		return err
	}
	defer d.close()
	tasks, err := os.ReadDir(d.path + "/task")
	if err != nil {
		return cause(err)
	}
	for _, t := range tasks {
		tid, _ := strconv.Atoi(t.Name())
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil && err != unix.ESRCH {
			return cause(err)
		}
	}
	return nil
}

// nsFile is where a process in a name space has the text of it.
const nsFile = "mnt/ns/ns"

// ns reads the process's own nsFile. The root is the process's to arrange, so that
// nothing in it may lead out, to our own files, and what is not a file is not read.
func (d *procDir) ns() (string, error) {
	root, err := unix.Open(d.path+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", cause(err)
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, nsFile, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	none := p9.NewError(syscall.ENOENT, "not in a name space")
	switch {
	case err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ENXIO:
		return "", none
	case err != nil:
		return "", cause(err)
	}
	f := os.NewFile(uintptr(fd), nsFile)
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", cause(err)
	}
	if !st.Mode().IsRegular() {
		return "", none
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b), cause(err)
}

// waitHandle is wait, open.
type waitHandle struct {
	p     proc
	f     *os.File // the pidfd
	begin sync.Once
	ended chan struct{} // closed when line is set
	line  string
}

func openWait(p proc, _ *procDir) (srv.Handle, error) {
	fd, err := p.pidfd()
	if err != nil {
		return nil, err
	}
	return &waitHandle{p: p, f: os.NewFile(uintptr(fd), "pidfd"), ended: make(chan struct{})}, nil
}

// Clunk ends await too.
func (h *waitHandle) Clunk() { h.f.Close() }

func (h *waitHandle) Read(ctx context.Context, b []byte, off int64) (int, error) {
	h.begin.Do(func() { go h.await() })
	select {
	case <-h.ended:
		return srv.Bytes(h.line).Read(ctx, b, off)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// await has the poller wait until the pidfd can be read, which is the process's end.
func (h *waitHandle) await() {
	rc, err := h.f.SyscallConn()
	if err != nil {
		return
	}
	rc.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, _ := unix.Poll(p, 0)
		if n > 0 {
			h.line = h.p.waitMsg(int(fd)).String() + "\n"
			close(h.ended)
		}
		return n > 0
	})
}

// waitMsg is what can be known of a process that has ended.
func (p proc) waitMsg(pidfd int) srv.WaitMsg {
	w := srv.WaitMsg{Pid: p.pid, Real: sinceBoot() - time.Duration(p.start)*tick, Status: "unknown"}
	d, err := p.open()
	if err == nil { // a zombie, whose status Linux tells to those who could trace it
		defer d.close()
		w.User, w.Sys = d.utime+d.cutime, d.stime+d.cstime
		uid, _, err := d.owner("")
		if me := uint32(os.Geteuid()); err == nil && (me == 0 || me == uid) {
			w.Status = srv.StatusText(d.exit)
		}
		return w
	}
	if ws, ok := exitOf(pidfd); ok {
		w.Status = srv.StatusText(ws)
	}
	return w
}

// exitOf asks a pidfd for the status of its process, which Linux keeps there after it
// has been reaped (6.15 and later; struct pidfd_info in linux/pidfd.h).
func exitOf(pidfd int) (syscall.WaitStatus, bool) {
	const getInfo, infoExit = 0xc040ff0b, 1 << 3 // PIDFD_GET_INFO of the first 64 bytes, PIDFD_INFO_EXIT
	info := struct {
		mask, cgroup uint64
		ids          [11]uint32
		exit         int32
	}{mask: infoExit}
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), getInfo, uintptr(unsafe.Pointer(&info)))
	return syscall.WaitStatus(info.exit), e == 0 && info.mask&infoExit != 0
}
