package ns

import (
	"context"
	"syscall"
	"time"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

func (f *fuseFS) xattr(cancel *devfuse.Cancel, h *devfuse.InHeader, do func(context.Context, srv.Xattrer) error) syscall.Errno {
	return status(f.on(cancel, h, func(ctx context.Context, file srv.File) error {
		if x, ok := file.(srv.Xattrer); ok {
			return do(ctx, x)
		}
		return p9.ErrNotSup
	}))
}

// fit copies a value to dest as getxattr(2) has it: the size alone for none.
func fit(dest []byte, v string) (uint32, error) {
	if len(dest) == 0 {
		return uint32(len(v)), nil
	}
	if len(v) > len(dest) {
		return uint32(len(v)), syscall.ERANGE
	}
	return uint32(copy(dest, v)), nil
}

// Linux looks for a file's capabilities before it writes to it, to take them away, and so
// again at each write where others are told of the file's attributes in between. The last
// write has done so already.
const (
	capability = "security.capability"
	bareFor    = time.Second
)

func (f *fuseFS) GetXAttr(cancel *devfuse.Cancel, h *devfuse.InHeader, name string, dest []byte) (n uint32, _ syscall.Errno) {
	if name == capability && f.isBare(h.NodeId) {
		return 0, syscall.ENODATA
	}
	s := f.xattr(cancel, h, func(ctx context.Context, x srv.Xattrer) error {
		v, err := x.Getxattr(ctx, name)
		if err != nil {
			return err
		}
		n, err = fit(dest, string(v))
		return err
	})
	if name == label && s == syscall.ENODATA {
		s = syscall.EOPNOTSUPP
	}
	return n, s
}

// label is of SELinux, which answers for it itself where it is: nobody here uses it. ls asks for
// each file's, until it hears that the file system has none.
const label = "security.selinux"

// isBare tells whether a file was written to just now, and given no attributes since.
func (f *fuseFS) isBare(id uint64) bool {
	n := f.numbered(id)
	return n != nil && time.Since(time.Unix(0, n.bare.Load())) < bareFor
}

func (f *fuseFS) ListXAttr(cancel *devfuse.Cancel, h *devfuse.InHeader, dest []byte) (n uint32, _ syscall.Errno) {
	s := f.xattr(cancel, h, func(ctx context.Context, x srv.Xattrer) error {
		names, err := x.Listxattr(ctx)
		if err != nil {
			return err
		}
		list := ""
		for _, name := range names {
			list += name + "\x00"
		}
		n, err = fit(dest, list)
		return err
	})
	return n, s
}

// dressed notes that a file was given an attribute.
func (f *fuseFS) dressed(id uint64) {
	if n := f.numbered(id); n != nil {
		n.bare.Store(0)
	}
}

func (f *fuseFS) SetXAttr(cancel *devfuse.Cancel, in *devfuse.SetXAttrIn, name string, v []byte) syscall.Errno {
	defer f.dressed(in.NodeId)
	return f.xattr(cancel, &in.InHeader, func(ctx context.Context, x srv.Xattrer) error {
		return x.Setxattr(ctx, name, v, int(in.Flags))
	})
}

func (f *fuseFS) RemoveXAttr(cancel *devfuse.Cancel, h *devfuse.InHeader, name string) syscall.Errno {
	return f.xattr(cancel, h, func(ctx context.Context, x srv.Xattrer) error { return x.Removexattr(ctx, name) })
}
