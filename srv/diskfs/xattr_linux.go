package diskfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

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
func (n *node) Listxattr(context.Context) ([]string, error) {
	b, err := grown(func(b []byte) (int, error) { return unix.Listxattr(n.proc(), b) })
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00"), nil
}

// Getxattr gives a value, which may be empty.
func (n *node) Getxattr(_ context.Context, name string) ([]byte, error) {
	return grown(func(b []byte) (int, error) { return unix.Getxattr(n.proc(), name, b) })
}

// Setxattr sets a value.
func (n *node) Setxattr(_ context.Context, name string, value []byte, flags int) error {
	if n.t.readOnly {
		return p9.ErrReadOnly
	}
	return unix.Setxattr(n.proc(), name, value, flags)
}

// Removexattr takes an attribute away.
func (n *node) Removexattr(_ context.Context, name string) error {
	if n.t.readOnly {
		return p9.ErrReadOnly
	}
	return unix.Removexattr(n.proc(), name)
}
