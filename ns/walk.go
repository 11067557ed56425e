package ns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

const maxLinks = 40 // symbolic links followed in one name, as Linux has it

// walk finds a name in what c stands for: the first member that has it. What it
// gives is the file itself, not what is mounted on it.
func (g *Group) walk(ctx context.Context, c *Chan, name string) (*Chan, p9.Stat, error) {
	n, st, _, err := g.walkVia(ctx, c, name)
	return n, st, err
}

// walkVia tells also which member it was, 0 for c itself or one that stays.
func (g *Group) walkVia(ctx context.Context, c *Chan, name string) (*Chan, p9.Stat, uint64, error) {
	if name == ownSpec && c.key() == g.root.key() {
		n, st, err := g.eng.own.top(ctx)
		return n, st, 0, err
	}
	h := g.pg.find(c)
	defer h.close()
	members := []*Mount{{to: c}}
	if h != nil {
		members = h.mount
	}
	var first error
	for _, m := range members {
		if !m.to.isDir() {
			return nil, p9.Stat{}, 0, p9.ErrNotDir
		}
		n, st, err := m.to.walk(ctx, name)
		if err == nil {
			if _, ok := n.file.(*point); ok && !g.pg.mounted(n) {
				n.close() // a mount point on which nothing is mounted is not there
				err = p9.ErrNotExist
			} else if m.base {
				return n, st, 0, nil
			} else {
				return n, st, m.id, nil
			}
		}
		if first == nil || errors.Is(first, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, p9.Stat{}, 0, first
}

// A place is a name that has been evaluated.
type place struct {
	*Chan
	name string   // clean and absolute, without symbolic links
	via  []uint64 // the members that it led through
	bare bool     // of a device, where nothing is mounted
}

// mounted gives, held, what is mounted on a place, or nil.
func (g *Group) mounted(p place) *Mhead {
	if p.bare {
		return nil
	}
	return g.pg.find(p.Chan)
}

// lookup evaluates an absolute name, or one of a device (#U/tmp), following
// symbolic links. What is mounted on its last element is not regarded; the
// callers do that. With mount set, a name that is missing in a directory in
// which mount points appear is made.
func (g *Group) lookup(ctx context.Context, name string, mount bool) (place, error) {
	links := 0
	todo := name
	var via []uint64
	bare := strings.HasPrefix(name, "#")
restart:
	c, at, rest, err := g.start(ctx, todo)
	if err != nil {
		return place{}, err
	}
	for rest != "" {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		if elem == "" {
			continue
		}
		if err := srv.CheckName(elem); err != nil {
			c.close()
			return place{}, fmt.Errorf("%s: %w", name, err)
		}
		var n *Chan
		if bare {
			var h *Mhead
			t := c
			if _, ok := c.file.(*point); ok { // itself empty: names in it are in what is mounted there
				if h = g.pg.find(c); h != nil {
					t, via = h.mount[0].to, append(via, h.mount[0].id)
				}
			}
			n, _, err = t.walk(ctx, elem)
			h.close()
		} else {
			var m uint64
			if n, _, m, err = g.walkVia(ctx, c, elem); m != 0 {
				via = append(via, m)
			}
		}
		if err != nil && (mount || bare) && rest == "" && errors.Is(err, fs.ErrNotExist) {
			n, err = g.newPoint(ctx, c, elem)
		}
		c.close()
		if err != nil {
			return place{}, fmt.Errorf("%s: %w", join(at, elem), p9.ErrorOf(err))
		}
		c, at = n, join(at, elem)
		if c.mode&fs.ModeSymlink == 0 || !bare && g.pg.mounted(c) {
			continue
		}
		target, err := readlink(ctx, c.file)
		c.close()
		if err == nil {
			if links++; links > maxLinks {
				err = p9.ErrorOfErrno(syscall.ELOOP)
			}
		}
		if err != nil {
			return place{}, fmt.Errorf("%s: %w", at, p9.ErrorOf(err))
		}
		if path.IsAbs(target) && bare { // a link stays in its device
			dev, _, _ := strings.Cut(name, "/")
			target = dev + target
		} else if !path.IsAbs(target) {
			target = path.Dir(at) + "/" + target
		}
		todo = path.Clean(target + "/" + rest)
		goto restart
	}
	return place{c, at, via, bare}, nil
}

// start gives the root that a name begins at, the root's name and the rest.
func (g *Group) start(ctx context.Context, name string) (c *Chan, at, rest string, err error) {
	if strings.HasPrefix(name, "/") {
		return g.root.hold(), "/", path.Clean(name)[1:], nil
	}
	spec, rest, _ := strings.Cut(name, "/")
	if strings.HasPrefix(spec, "#") && !(len(spec) > 1 && strings.Contains("|decp", spec[1:2])) && g.pg.denied() {
		return nil, "", "", fmt.Errorf("%s: %w", name, ErrNoMount)
	}
	d, err := g.eng.device(ctx, spec)
	if err != nil {
		return nil, "", "", fmt.Errorf("%s: %w", name, err)
	}
	if c, err = d.attach(ctx); err != nil {
		if d.hangup != nil {
			d.hangup() // it was connected to for this
		}
		return nil, "", "", fmt.Errorf("%s: %w", spec, err)
	}
	rest = path.Clean("/" + rest)[1:]
	return c, strings.TrimSuffix(d.name, "/"), rest, nil
}

func readlink(ctx context.Context, f srv.File) (string, error) {
	if l, ok := f.(srv.Readlinker); ok {
		return l.Readlink(ctx)
	}
	return "", p9.ErrNotSup
}

// newPoint makes a mount point in a directory in which such appear.
func (g *Group) newPoint(ctx context.Context, c *Chan, name string) (*Chan, error) {
	members := g.pg.members(c)
	defer closeAll(members)
	for _, m := range members {
		if d, ok := m.file.(*pointDir); ok {
			p := d.point(name)
			st, err := p.Stat(ctx)
			if err != nil {
				return nil, err
			}
			return newChan(m.dev, p, &st, join(m.rel, name)), nil
		}
	}
	return nil, p9.ErrNotExist
}
