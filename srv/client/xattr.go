package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"

	"ninespace/srv/p9"
)

// maxXattr is Linux's own bound for a value and for a list, xattr(7).
const maxXattr = 64 << 10

// Listxattr gives the names of the file's extended attributes.
func (f *Fid) Listxattr(ctx context.Context) ([]string, error) {
	b, err := f.xattr(ctx, "")
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(string(bytes.TrimSuffix(b, []byte{0})), "\x00"), nil
}

// Getxattr gives the value of an extended attribute; one that is not there is
// syscall.ENODATA.
func (f *Fid) Getxattr(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, p9.ErrNoData
	}
	return f.xattr(ctx, name)
}

func (f *Fid) xattr(ctx context.Context, name string) ([]byte, error) {
	g := &Fid{c: f.c, num: f.c.newFid()}
	var size uint64
	err := f.dotl(ctx, p9.Txattrwalk, func(k *call) { k.Newfid, k.Name = g.num, name }, func(k *call) { size = k.Size })
	if err != nil {
		f.c.settle(ctx, g.num, err)
		return nil, err
	}
	defer g.Drop()
	if size > maxXattr {
		return nil, fmt.Errorf("attribute of %d bytes: %w", size, p9.ErrorOfErrno(syscall.E2BIG))
	}
	b := make([]byte, size)
	n, err := g.ReadAt(ctx, b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return b[:n], nil
}

// xattrReplace is XATTR_REPLACE of setxattr(2). With an empty value it is how
// v9fs asks for a removal.
const xattrReplace = 2

// Setxattr sets an extended attribute; flags are setxattr(2)'s. To replace a
// value by an empty one cannot be asked for.
func (f *Fid) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	if len(value) == 0 && flags == xattrReplace {
		return p9.ErrNotSup
	}
	return f.setxattr(ctx, name, value, flags)
}

// Removexattr removes an extended attribute.
func (f *Fid) Removexattr(ctx context.Context, name string) error {
	return f.setxattr(ctx, name, nil, xattrReplace)
}

func (f *Fid) setxattr(ctx context.Context, name string, value []byte, flags int) error {
	if !f.c.dotl {
		return p9.ErrNotSup
	}
	g, err := f.Walk(ctx)
	if err != nil {
		return err
	}
	err = g.dotl(ctx, p9.Txattrcreate, func(k *call) { k.Name, k.Size, k.Flags = name, uint64(len(value)), uint32(flags) }, nil)
	if err == nil && len(value) > 0 {
		var n int
		if n, err = g.Write(ctx, value, 0); err == nil && n < len(value) {
			err = p9.ErrorOfErrno(syscall.EIO)
		}
	}
	// The clunk is what sets it, and says how that went.
	if clunk := g.Clunk(ctx); err == nil {
		err = clunk
	}
	return err
}
