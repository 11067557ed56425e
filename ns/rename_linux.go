package ns

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// owner gives, held, the member of a union that has a name.
func (g *Group) owner(ctx context.Context, c *Chan, name string) (*Chan, error) {
	members := g.pg.members(c)
	defer closeAll(members)
	if len(members) == 1 {
		return members[0].hold(), nil
	}
	for _, m := range members {
		if n, _, err := m.walk(ctx, name); err == nil {
			n.close()
			return m.hold(), nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, p9.ErrNotExist
}

func (f *fuseFS) Unlink(cancel *devfuse.Cancel, h *devfuse.InHeader, name string) syscall.Errno {
	return f.unlink(cancel, h, name, false)
}

func (f *fuseFS) Rmdir(cancel *devfuse.Cancel, h *devfuse.InHeader, name string) syscall.Errno {
	return f.unlink(cancel, h, name, true)
}

func (f *fuseFS) unlink(cancel *devfuse.Cancel, h *devfuse.InHeader, name string, isDir bool) syscall.Errno {
	r := f.begin(cancel, h)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	d, err := r.n.group.owner(r, r.c, name)
	if err != nil {
		return status(err)
	}
	defer d.close()
	if !r.n.group.pg.on(d.dev) {
		// nothing of this device can be in use as a mount point
	} else if c, _, err := d.walk(r, name); err == nil {
		busy := r.n.group.pg.mounted(c)
		c.close()
		if busy { // it would be what is mounted there that seems to go
			return syscall.EBUSY
		}
	}
	if err := srv.Unlink(r, d.file, name, isDir); err != nil {
		return status(err)
	}
	if isDir {
		f.removed(r.n, name)
	}
	return 0
}

func (f *fuseFS) Rename(cancel *devfuse.Cancel, in *devfuse.RenameIn, old, name string) syscall.Errno {
	r := f.begin(cancel, &in.InHeader)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	n, c := f.node(in.Newdir)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	pg := r.n.group.pg
	from, err := r.n.group.owner(r, r.c, old)
	if err != nil {
		return status(err)
	}
	defer from.close()
	to, err := r.n.group.owner(r, c, name)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = pg.creator(c)
	}
	if err != nil {
		return status(err)
	}
	defer to.close()
	if from.dev != to.dev {
		return syscall.EXDEV
	}
	if flagged, ok := from.file.(srv.FlagRenamer); ok && in.Flags != 0 {
		if err := flagged.RenameFlags(r, old, to.file, name, in.Flags); err != nil {
			return status(err)
		}
		f.moved(r.n, old, n, name, in.Flags&unix.RENAME_EXCHANGE != 0)
		return 0
	}
	switch in.Flags { // in which 9P has none
	case 0:
	case unix.RENAME_NOREPLACE:
		if x, _, err := to.walk(r, name); err == nil {
			x.close()
			return syscall.EEXIST
		}
	default:
		return syscall.EINVAL
	}
	file := to.file
	if to.key() == from.key() {
		file = from.file // srv.Rename knows one directory by its File
	}
	if err := srv.Rename(r, from.file, old, file, name); err != nil {
		return status(err)
	}
	f.moved(r.n, old, n, name, false)
	return 0
}
