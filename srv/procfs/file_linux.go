package procfs

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A fileHandle is a file of Linux's /proc, open: mem, text. It stays its process's.
type fileHandle struct {
	p  proc
	fd int
}

// Descriptor marks that it holds one.
func (h *fileHandle) Descriptor() {}

func (h *fileHandle) Clunk() { unix.Close(h.fd) }

// done has an end, or an error, be that of the process where it is that.
func (h *fileHandle) done(n int, err error) (int, error) {
	if n > 0 && err == nil {
		return n, nil
	}
	if cerr := h.p.check(); cerr != nil {
		return 0, cerr
	}
	return max(n, 0), err
}

func (h *fileHandle) Read(_ context.Context, b []byte, off int64) (int, error) {
	return h.done(unix.Pread(h.fd, b, off))
}

func (h *fileHandle) open(name string, flags int) (*fileHandle, error) {
	fd, err := unix.Open(h.p.path(name), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, h.p.cause(err)
	}
	h.fd = fd
	return h, nil
}

func openText(f *file, _ p9.Mode) (srv.Handle, error) {
	h, err := (&fileHandle{p: f.p}).open("/exe", unix.O_RDONLY)
	if err != nil {
		return nil, err // without a handle that is a nil in an interface
	}
	return h, nil
}

// memHandle is mem, open.
type memHandle struct{ *fileHandle }

func (h memHandle) Write(_ context.Context, b []byte, off int64) (int, error) {
	return h.done(unix.Pwrite(h.fd, b, off))
}

func openMem(f *file, mode p9.Mode) (srv.Handle, error) {
	flags := unix.O_RDONLY
	if mode.Writable() {
		flags = unix.O_RDWR
	}
	h, err := (&fileHandle{p: f.p}).open("/mem", flags)
	if err != nil {
		return nil, err
	}
	return memHandle{h}, nil
}

// noteHandle is note, open: it reads as what waits to be delivered.
type noteHandle struct {
	f    *file
	text srv.Bytes
	post func(ctx context.Context, sig syscall.Signal) error
}

func (h *noteHandle) Read(ctx context.Context, b []byte, off int64) (int, error) {
	return h.text.Read(ctx, b, off)
}

func (h *noteHandle) Write(ctx context.Context, b []byte, _ int64) (int, error) {
	sig, err := srv.ParseNote(string(b))
	if err == nil {
		err = h.f.allowed(ctx, p9.OWRITE) // it may be another user's since the open
	}
	if err == nil {
		err = h.post(ctx, sig)
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func openNote(f *file, mode p9.Mode) (srv.Handle, error) {
	h := &noteHandle{f: f, post: func(_ context.Context, sig syscall.Signal) error { return f.p.signal(sig) }}
	if mode.Readable() {
		s, err := f.p.pending()
		h.text = srv.Bytes(s)
		return h, err
	}
	return h, nil
}

func openNotepg(f *file, _ p9.Mode) (srv.Handle, error) {
	return &noteHandle{f: f, post: f.signalGroup}, nil
}

// pending gives the notes that the process has not had yet.
func (p proc) pending() (string, error) {
	set, err := p.pendingSet()
	if err != nil {
		return "", err
	}
	var s strings.Builder
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if set>>(sig-1)&1 != 0 {
			s.WriteString(srv.NoteText(sig) + "\n")
		}
	}
	return s.String(), nil
}

// pendingSet is of signals: bit 0 is signal 1.
func (p proc) pendingSet() (uint64, error) {
	b, err := os.ReadFile(p.path("/status"))
	return signalSet(b, "SigPnd:") | signalSet(b, "ShdPnd:"), p.cause(err)
}

// hasPending tells whether the process has not had a signal yet that it was sent.
func (p proc) hasPending(sig syscall.Signal) (bool, error) {
	set, err := p.pendingSet()
	if err == errExited {
		return false, nil
	}
	return set>>(sig-1)&1 != 0, err
}

// signalSet reads a line of /proc/N/status that is a set of signals in hexadecimal.
func signalSet(status []byte, field string) (set uint64) {
	_, rest, _ := bytes.Cut(status, []byte("\n"+field))
	digits, _, _ := bytes.Cut(rest, []byte{'\n'})
	for _, c := range bytes.TrimSpace(digits) {
		set = set<<4 | uint64(strings.IndexByte("0123456789abcdef", c)&15)
	}
	return set
}

// pidfd gives a descriptor of the process itself.
func (p proc) pidfd() (int, error) {
	fd, err := unix.PidfdOpen(p.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return -1, p.cause(err)
	}
	if err := p.check(); err != nil { // it was still this one when we had it
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (p proc) signal(sig syscall.Signal) error {
	fd, err := p.pidfd()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return p.cause(unix.PidfdSendSignal(fd, sig, nil, 0))
}

// signalGroup has all processes of the group told. The server's own user tells whom Linux
// lets it, another one those that are his.
func (f *file) signalGroup(ctx context.Context, sig syscall.Signal) error {
	st, err := f.p.stat()
	if err != nil {
		return err
	}
	if err := f.p.check(); err != nil {
		return err
	}
	if st.pgrp <= 0 {
		return errNone
	}
	u := srv.UserOf(ctx)
	if u.Host() {
		return f.p.cause(unix.Kill(-st.pgrp, sig))
	}
	pids, err := pidsAfter(0)
	for _, pid := range pids {
		m, merr := readStat(pid)
		p, ierr := f.r.kept.find(pid)
		if merr != nil || ierr != nil || m.pgrp != st.pgrp {
			continue
		}
		if uid, _, oerr := p.owner(ofFiles); oerr == nil && uid == u.Uid {
			if serr := p.signal(sig); serr != nil && serr != errExited && err == nil {
				err = serr
			}
		}
	}
	return err
}
