package diskfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// All is done as the user, without root's capabilities: so "trusted." names are
// not there and "security." ones not to be set, but by root.
//
// Attributes of a symbolic link are the link's own, which may have none of
// "user.": proc does not lead through it.

// grown calls get with as large a buffer as it asks for.
func grown(get func(b []byte) (int, error)) ([]byte, error) {
	b := make([]byte, 256)
	for {
		n, err := get(b)
		if err == nil {
			return b[:n], nil
		}
		if err != unix.ERANGE {
			return nil, err
		}
		if n, err = get(nil); err != nil {
			return nil, err
		}
		b = make([]byte, max(n, len(b))+64)
	}
}

// Listxattr gives the names.
func (n *node) Listxattr(ctx context.Context) ([]string, error) {
	b, err := n.xattr(ctx, func(b []byte) (int, error) { return unix.Listxattr(n.proc(), b) })
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}

// Getxattr gives a value, which may be empty.
func (n *node) Getxattr(ctx context.Context, name string) ([]byte, error) {
	return n.xattr(ctx, func(b []byte) (int, error) { return unix.Getxattr(n.proc(), name, b) })
}

func (n *node) xattr(ctx context.Context, get func(b []byte) (int, error)) (b []byte, err error) {
	if err := n.use(ctx); err != nil {
		return nil, err
	}
	defer n.done()
	err = n.run(ctx, func() (err error) {
		b, err = grown(get)
		return err
	})
	return b, err
}

// Setxattr sets a value.
func (n *node) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	return n.setxattr(ctx, func() error { return unix.Setxattr(n.proc(), name, value, flags) })
}

// Removexattr takes an attribute away.
func (n *node) Removexattr(ctx context.Context, name string) error {
	return n.setxattr(ctx, func() error { return unix.Removexattr(n.proc(), name) })
}

func (n *node) setxattr(ctx context.Context, set func() error) error {
	if n.t.readOnly {
		return p9.ErrReadOnly
	}
	if err := n.use(ctx); err != nil {
		return err
	}
	defer n.done()
	return n.run(ctx, set)
}
