package ns

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// What 9P has no message for. The host's own files have it all the same.

type allocator interface {
	Fallocate(ctx context.Context, mode uint32, off, length int64) error
}

func (f *fuseFS) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return fuse.EBADF
	}
	a, ok := h.h.(allocator)
	if !ok {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	ctx := f.ctx(cancel, &in.InHeader, h.n)
	defer ctx.finish()
	err := a.Fallocate(ctx, in.Mode, int64(in.Offset), int64(in.Length))
	if err == nil && in.Uid != 0 {
		f.killSuid(ctx, h.c, in.Gid)
	}
	return status(err)
}

type extenter interface {
	Extent(ctx context.Context, off int64, whence int) (int64, error)
}

// Lseek is about data and holes only. Where these are not known, all is data up to
// the end.
func (f *fuseFS) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h, ok := f.handle(in.Fh).(*fileHandle)
	if !ok {
		return fuse.EBADF
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
		return fuse.Status(syscall.ENXIO)
	case in.Whence == unix.SEEK_DATA:
		out.Offset = in.Offset
	case in.Whence == unix.SEEK_HOLE:
		out.Offset = st.Length
	default:
		return fuse.EINVAL
	}
	return fuse.OK
}
