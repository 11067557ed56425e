package srv

import (
	"context"
	"io"
	"strings"
	"syscall"

	"ninespace/srv/p9"
)

const (
	xattrNameMax  = 255
	xattrSizeMax  = 64 << 10 // Linux's limits
	xattrReplaces = 2        // XATTR_REPLACE
)

// An xattr is what a fid holds after Txattrwalk (a value to read) or
// Txattrcreate (a value that is written and set when the fid is clunked).
type xattr struct {
	file  Xattrer
	name  string
	value []byte
	size  uint64 // announced by Txattrcreate
	flags int
	set   bool
	held  int64 // how much of value conn.hold counts
}

// xattrWalk makes the new fid one that reads an attribute, or the list of their
// names, each ended by a NUL, where the name is empty.
func (r *req) xattrWalk(ctx context.Context, f *fid) (uint64, error) {
	x, ok := f.node.file.(Xattrer)
	if !ok && r.t.Name != p9.SumXattr {
		return 0, p9.ErrNotSup
	}
	nf := r.need[1]
	val := &xattr{}
	switch r.t.Name {
	case p9.SumXattr:
		v, err := f.sum(ctx)
		if err != nil {
			return 0, err
		}
		val.value = v
	case "":
		names, err := x.Listxattr(ctx)
		if err != nil {
			return 0, err
		}
		if len(names) > 0 {
			val.value = []byte(strings.Join(names, "\x00") + "\x00")
		}
	default:
		v, err := x.Getxattr(ctx, r.t.Name)
		if err != nil {
			return 0, err
		}
		val.value = v
	}
	val.held = int64(len(val.value))
	if err := r.c.mayHold(val.held); err != nil {
		return 0, err
	}
	r.c.hold(val.held)
	f.node.ref.Add(1)
	nf.node, nf.who, nf.xattr = f.node, f.who, val
	return uint64(len(val.value)), nil
}

func (f *fid) xattrCreate(t *p9.Fcall) error {
	x, ok := f.node.file.(Xattrer)
	switch {
	case !ok:
		return p9.ErrNotSup
	case f.open || f.xattr != nil:
		return p9.ErrBadUseFid
	case t.Name == "" || len(t.Name) > xattrNameMax:
		return p9.ErrorOfErrno(syscall.ERANGE)
	case t.Size > xattrSizeMax:
		return p9.ErrorOfErrno(syscall.E2BIG)
	}
	f.xattr = &xattr{file: x, name: t.Name, size: t.Size, flags: int(t.Flags), set: true}
	return nil
}

// Read gives the bytes of a value to be read.
func (x *xattr) Read(_ context.Context, p []byte, off int64) (int, error) {
	if x.set {
		return 0, p9.ErrBadUseFid
	}
	if off >= int64(len(x.value)) {
		return 0, io.EOF
	}
	return copy(p, x.value[off:]), nil
}

func (x *xattr) write(c *conn, p []byte, off uint64) (uint32, error) {
	if !x.set {
		return 0, p9.ErrBadUseFid
	}
	if off != uint64(len(x.value)) || off+uint64(len(p)) > x.size {
		return 0, p9.ErrBadOffset
	}
	n := int64(len(p))
	if err := c.mayHold(n); err != nil {
		return 0, err
	}
	c.hold(n)
	x.held += n
	x.value = append(x.value, p...)
	return uint32(len(p)), nil
}

// commit sets the attribute that was written. Linux asks for the removal of one
// by an empty value that replaces.
func (x *xattr) commit(ctx context.Context) error {
	switch {
	case !x.set:
		return nil
	case uint64(len(x.value)) != x.size:
		return p9.ErrIO
	case x.size == 0 && x.flags == xattrReplaces:
		return x.file.Removexattr(ctx, x.name)
	}
	return x.file.Setxattr(ctx, x.name, x.value, x.flags)
}
