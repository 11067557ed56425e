package ramfs

import (
	"context"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"syscall"

	"ninespace/srv"
)

// xattr(7)'s limits, in bytes.
const (
	maxXattrName = 255
	maxXattr     = 64 << 10
)

// xattrName says whether an attribute of this name may be had on the node, by
// the rules of xattr(7). Access control lists (system.*) are not kept: nothing
// here would obey them. n.mu is held.
func (n *node) xattrName(u *srv.User, name string, want fs.FileMode) error {
	switch space, rest, _ := strings.Cut(name, "."); {
	case len(name) > maxXattrName:
		return syscall.ERANGE
	case rest == "" || space != "user" && space != "security" && space != "trusted":
		return syscall.EOPNOTSUPP
	case space == "user" && !n.mode.IsRegular() && !n.mode.IsDir():
		return syscall.EPERM
	case space == "user" && !n.allowed(u, want) && !u.Host():
		return syscall.EACCES
	case space == "trusted" && !u.Host(), space == "security" && want == 2 && !n.owns(u):
		return syscall.EPERM
	}
	return nil
}

// Listxattr gives the names, sorted.
func (n *node) Listxattr(ctx context.Context) ([]string, error) {
	u := srv.UserOf(ctx)
	n.mu.RLock()
	defer n.mu.RUnlock()
	var names []string
	for name := range n.xattr {
		if !strings.HasPrefix(name, "trusted.") || u.Host() {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// Getxattr gives a value, which may be empty.
func (n *node) Getxattr(ctx context.Context, name string) ([]byte, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if err := n.xattrName(srv.UserOf(ctx), name, 4); err != nil {
		return nil, err
	}
	v, ok := n.xattr[name]
	if !ok {
		return nil, syscall.ENODATA
	}
	return slices.Clone(v), nil
}

// Setxattr sets a value of at most 64 KiB; flags 1 says that the attribute must
// be new, 2 that it must not.
func (n *node) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	const create, replace = 1, 2
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.xattrName(srv.UserOf(ctx), name, 2); err != nil {
		return err
	}
	old, ok := n.xattr[name]
	switch {
	case len(value) > maxXattr:
		return syscall.E2BIG
	case flags&^(create|replace) != 0:
		return syscall.EINVAL
	case flags&create != 0 && ok:
		return syscall.EEXIST
	case flags&replace != 0 && !ok:
		return syscall.ENODATA
	}
	grows := int64(len(value) - len(old))
	if !ok {
		grows += entryCost + int64(len(name))
	}
	if err := n.t.charge(grows); err != nil {
		return err
	}
	n.held += grows
	if n.xattr == nil {
		n.xattr = map[string][]byte{}
	}
	n.xattr[name] = slices.Clone(value)
	n.changed(ctx)
	return nil
}

// Removexattr takes an attribute away.
func (n *node) Removexattr(ctx context.Context, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.xattrName(srv.UserOf(ctx), name, 2); err != nil {
		return err
	}
	v, ok := n.xattr[name]
	if !ok {
		return syscall.ENODATA
	}
	less := entryCost + int64(len(name)+len(v))
	n.t.charge(-less)
	n.held -= less
	delete(n.xattr, name)
	n.changed(ctx)
	return nil
}
