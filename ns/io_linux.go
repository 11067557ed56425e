package ns

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

func (f *fuseFS) Read(cancel *devfuse.Cancel, in *devfuse.ReadIn, buf []byte) (int, syscall.Errno) {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return 0, syscall.EBADF
	}
	r, ok := h.h.(srv.Reader)
	if !ok {
		return 0, syscall.EACCES
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	// Pages are read through the handle of a file that is passed on as it is, too: of one in memory.
	paged := !h.direct || !h.stream && in.ReadFlags&devfuse.ReadLockOwner == 0
	ctx.quick = !paged
	defer ctx.finish()
	off := int64(in.Offset)
	if h.stream {
		h.mu.Lock()
		off = h.rat
		h.mu.Unlock()
	}
	n, err := r.Read(ctx, buf, off)
	// A short answer means the end to the page cache. Where the kernel takes the end
	// to be, there is no need to ask again.
	for paged && err == nil && n > 0 && n < len(buf) && uint64(off)+uint64(n) != h.n.length.Load() {
		var m int
		if m, err = r.Read(ctx, buf[n:], off+int64(n)); m <= 0 {
			break
		}
		n += m
	}
	// So what came before an error is given only where the next read will meet it.
	if err != nil && !errors.Is(err, io.EOF) && (n <= 0 || paged && n < len(buf)) {
		return 0, status(err)
	}
	n = max(n, 0)
	if h.stream {
		h.mu.Lock()
		h.rat += int64(n)
		h.mu.Unlock()
	}
	return n, 0
}

func (f *fuseFS) Write(cancel *devfuse.Cancel, in *devfuse.WriteIn, data []byte) (uint32, syscall.Errno) {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return 0, syscall.EBADF
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	w, err := h.writer(ctx, in.Flags)
	if err != nil {
		ctx.finish()
		return 0, status(err)
	}
	if in.WriteFlags&devfuse.WriteKillSuidgid != 0 {
		if err := f.killSuid(ctx, h.c, in.Gid); err != nil {
			ctx.finish()
			return 0, status(err)
		}
	}
	_, ctl := h.h.(*ctlHandle)
	// What was changed in memory, of which the kernel takes any answer for all.
	memory := in.WriteFlags&devfuse.WriteCache != 0
	ctx.quick = h.direct && !ctl && !memory // a mount is not given up at each signal
	defer ctx.finish()
	off := int64(in.Offset)
	if h.stream {
		h.mu.Lock()
		off = h.wat
		h.mu.Unlock()
	}
	n, err := w.Write(ctx, data, off)
	for (memory || !h.direct) && err == nil && n > 0 && n < len(data) {
		var m int
		if m, err = w.Write(ctx, data[n:], off+int64(n)); m <= 0 {
			break
		}
		n += m
	}
	if h.stream {
		h.mu.Lock()
		h.wat += int64(max(n, 0))
		h.mu.Unlock()
	}
	if memory && err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil && (n <= 0 || memory) {
		return 0, status(err)
	}
	if !h.direct {
		f.grew(h.n, in.Offset+uint64(n))
	}
	if memory && h.flushed.Load() { // by munmap(2), say: no close may come that waits for it
		if err := h.flush(ctx); err != nil {
			return 0, status(err)
		}
	}
	h.n.bare.Store(time.Now().UnixNano())
	return uint32(n), 0
}

// killSuid takes set-uid and set-gid from a file that someone else writes, who is of
// the group gid, whether or not he is killed meanwhile. Set-gid without the group's permission
// to run it is about locks, on some systems, and stays for the group.
func (f *fuseFS) killSuid(ctx context.Context, c *Chan, gid uint32) error {
	ctx, cancel := bounded(context.WithoutCancel(ctx))
	defer cancel()
	st, err := c.file.Stat(ctx)
	if err != nil {
		return ctx.Err() // a file that has gone, say, has no bits
	}
	kill := setId
	if st.Mode&0o010 == 0 && st.Ngid == gid {
		kill = fs.ModeSetuid
	}
	if st.Mode&kill == 0 {
		return nil
	}
	err = srv.Wstat(ctx, c.file, p9.Wstat{Valid: p9.WMode, Mode: st.Mode &^ kill})
	if f.own.uid != 0 && errors.Is(err, fs.ErrPermission) {
		return nil // another's file: the server, which is no more than this user, takes them away as it writes
	}
	return err
}

func (f *fuseFS) Fsync(cancel *devfuse.Cancel, in *devfuse.FsyncIn) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return syscall.EBADF
	}
	s, ok := h.h.(srv.Syncer)
	if !ok {
		return 0
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	defer ctx.finish()
	if err := h.flush(ctx); err != nil {
		return status(err)
	}
	return status(s.Sync(ctx, in.FsyncFlags&1 != 0))
}
