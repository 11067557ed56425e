package procfs

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// waitHandle is wait, open.
type waitHandle struct {
	p     proc
	start uint64   // ticks since the boot
	f     *os.File // the pidfd
	begin sync.Once
	ended chan struct{} // closed when line is set
	line  string
}

func openWait(f *file, _ p9.Mode) (srv.Handle, error) {
	st, err := f.p.stat()
	if err != nil {
		return nil, err
	}
	fd, err := f.p.pidfd()
	if err != nil {
		return nil, err
	}
	return &waitHandle{p: f.p, start: st.start, f: os.NewFile(uintptr(fd), "pidfd"), ended: make(chan struct{})}, nil
}

// Descriptor marks that it holds one.
func (h *waitHandle) Descriptor() {}

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
			h.line = h.waitMsg(int(fd)).String() + "\n"
			close(h.ended)
		}
		return n > 0
	})
}

// waitMsg is what can be known of a process that has ended.
func (h *waitHandle) waitMsg(pidfd int) srv.WaitMsg {
	p := h.p
	w := srv.WaitMsg{Pid: p.pid, Real: sinceBoot() - time.Duration(h.start)*tick, Status: "unknown"}
	st, err := p.stat()
	uid, _, oerr := p.owner(ofProcess)
	if err == nil && oerr == nil { // a zombie, whose status Linux tells to those who could trace it
		w.User, w.Sys = st.utime+st.cutime, st.stime+st.cstime
		if me := uint32(os.Geteuid()); me == 0 || me == uid {
			w.Status = srv.StatusText(st.exit)
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

// whenEnded does something after the process's end.
func (f *file) whenEnded(do func()) {
	h, err := openWait(f, p9.OREAD)
	if err != nil {
		do()
		return
	}
	go func() {
		defer srv.Clunk(h)
		h.(srv.Reader).Read(context.Background(), make([]byte, 1), 0)
		do()
	}()
}
