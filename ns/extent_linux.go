package ns

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
)

// What 9P has no message for. The host's own files have it all the same.

type allocator interface {
	Fallocate(ctx context.Context, mode uint32, off, length int64) error
}

func (f *fuseFS) Fallocate(cancel *devfuse.Cancel, in *devfuse.FallocateIn) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return syscall.EBADF
	}
	a, ok := h.h.(allocator)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	defer ctx.finish()
	err := a.Fallocate(ctx, in.Mode, int64(in.Offset), int64(in.Length))
	if err == nil && in.Uid != 0 {
		err = f.killSuid(ctx, h.c, in.Gid)
	}
	return status(err)
}

type extenter interface {
	Extent(ctx context.Context, off int64, whence int) (int64, error)
}

// Lseek is about data and holes only. Where these are not known, all is data up to
// the end.
func (f *fuseFS) Lseek(cancel *devfuse.Cancel, in *devfuse.LseekIn, out *devfuse.LseekOut) syscall.Errno {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return syscall.EBADF
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	defer ctx.finish()
	if e, ok := h.h.(extenter); ok {
		n, err := e.Extent(ctx, int64(in.Offset), int(in.Whence))
		out.Offset = uint64(n)
		return status(err)
	}
	file, ok := h.h.(srv.File)
	if !ok {
		file = h.c.file
	}
	st, err := file.Stat(ctx)
	switch {
	case err != nil:
		return status(err)
	case in.Offset >= st.Length:
		return syscall.ENXIO
	case in.Whence == unix.SEEK_DATA:
		out.Offset = in.Offset
	case in.Whence == unix.SEEK_HOLE:
		out.Offset = st.Length
	default:
		return syscall.EINVAL
	}
	return 0
}

// CopyFileRange has the kernel copy between two of the host's files, and does so itself between
// others that have versions: the kernel alone goes by pieces of 64 KiB.
func (f *fuseFS) CopyFileRange(cancel *devfuse.Cancel, in *devfuse.CopyFileRangeIn) (uint64, syscall.Errno) {
	from, ok := f.handle(in.FhIn).(*fileHandle)
	to, also := f.handle(in.FhOut).(*fileHandle)
	if !ok || !also {
		return 0, syscall.EBADF
	}
	if from.direct || to.direct {
		return 0, syscall.EOPNOTSUPP
	}
	ctx := f.ctx(cancel, &in.InHeader, to.n)
	defer ctx.finish()
	bare := func() error { // before anything is written
		if in.Uid == 0 {
			return nil
		}
		defer f.expireAttr(to.n.id)
		return f.killSuid(ctx, to.c, in.Gid)
	}
	off, at, most := int64(in.OffIn), int64(in.OffOut), min(in.Len, copyMost)
	r, ok := from.h.(backer)
	w, also := to.h.(backer)
	if ok && also {
		var st unix.Stat_t
		if err := unix.Fstat(r.Backing(), &st); err != nil {
			return 0, status(err)
		}
		if off >= st.Size {
			return 0, 0
		}
		if err := bare(); err != nil {
			return 0, status(err)
		}
		n, err := unix.CopyFileRange(r.Backing(), &off, w.Backing(), &at, int(most), int(in.Flags))
		return uint64(max(n, 0)), status(err)
	}
	n, err := copyRange(ctx, to, at, from, off, most, bare)
	if n == 0 {
		return 0, status(err)
	}
	f.grew(to.n, in.OffOut+n)
	to.n.bare.Store(time.Now().UnixNano())
	return n, 0
}

// copyMost is how much is copied at once.
const copyMost = 16 << 20

// copyRange copies from one open file to another, up to the end. It calls before once there is
// something to write.
func copyRange(ctx context.Context, to *fileHandle, at int64, from *fileHandle, off int64, most uint64, before func() error) (done uint64, err error) {
	r, ok := from.h.(srv.Reader)
	if !ok {
		return 0, syscall.EBADF
	}
	w, err := to.writer(ctx, 0)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, min(most, maxWrite))
	for done < most && err == nil {
		var n, m int
		n, err = r.Read(ctx, buf[:min(uint64(len(buf)), most-done)], off+int64(done))
		if n <= 0 {
			break
		}
		if done == 0 {
			if err := before(); err != nil {
				return 0, err
			}
		}
		for piece := buf[:n]; len(piece) > 0 && err == nil; piece = piece[m:] {
			if m, err = w.Write(ctx, piece, at+int64(done)); m <= 0 {
				return done, err
			}
			done += uint64(m)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return done, err
}
