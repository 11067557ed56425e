package ns

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv/p9"
)

// A new group's root is listed, for the kernel to learn at once where it will be told to mount:
// the host's directories that it mounts in each group, and the engine's own. Whoever else lists
// it gets all there is; the engine's thread, known by its number, gets these, which are at hand.

// A top is a name in a group's root, its file and that file's attributes.
type top struct {
	name string
	c    *Chan
	st   p9.Stat
}

// tops are those of them that are the host's, looked up once: the kernel's mounts hide what
// changes in them.
type tops struct {
	once  sync.Once
	hosts []top
}

func (t *tops) of(ctx context.Context, e *Engine, host *Chan) []top {
	t.once.Do(func() {
		ctx := context.WithoutCancel(ctx) // they are looked up for all
		for _, b := range e.bases() {
			if c, st, err := host.walk(ctx, b[1:]); err == nil {
				t.hosts = append(t.hosts, top{b[1:], c, st})
			}
		}
	})
	return t.hosts
}

// close is called when the engine ends.
func (t *tops) close() {
	t.once.Do(func() {})
	for _, x := range t.hosts {
		x.c.close()
	}
}

// own are the names that #/ has.
var own = [...]string{"n", "mnt", "env", "net", "srv"}

// topsOf gives, held, a group's. It gives none where another file system than the engine's and the
// host's is in the root's union before these.
func (f *fuseFS) topsOf(ctx context.Context, g *Group) (list []top) {
	h := g.pg.find(g.root)
	defer h.close()
	if h == nil || len(h.mount) < 2 {
		return nil
	}
	first, host := h.mount[0].to, h.mount[1].to
	if first.dev != g.eng.rootDev || !host.dev.host || host.rel != "/" {
		return nil
	}
	for _, name := range own {
		if c, st, err := first.walk(ctx, name); err == nil {
			list = append(list, top{name, c, st})
		}
	}
	for _, x := range f.tops.of(ctx, g.eng, host) {
		x.c.hold()
		list = append(list, x)
	}
	return list
}

// list has an open directory list these alone.
func (d *dirHandle) list(tops []top) {
	d.tops, d.open = tops, true
	for _, x := range tops {
		d.ents = append(d.ents, devfuse.DirEntry{Name: x.name, Mode: p9.UnixMode(x.c.mode), Ino: inode(x.c.key())})
	}
}

// topped gives, held, one of them, unless another server has to be asked about what is mounted there.
func (d *dirHandle) topped(i uint64) (*Chan, p9.Stat, bool) {
	x := &d.tops[i]
	t := d.n.group.pg.top(x.c)
	defer t.close()
	if !t.dev.local {
		return nil, x.st, false
	}
	return x.c.hold(), x.st, true
}

// teach has the kernel learn the names of a group's root. It is called in a visitor at home.
func (h *host) teach(g *Group) error {
	tid := uint32(unix.Gettid())
	h.teachers.Store(tid, nil)
	defer h.teachers.Delete(tid)
	fd, err := unix.Openat(h.engine, groupDir(g.id), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var buf [16 << 10]byte
	_, err = unix.Getdents(fd, buf[:])
	return err
}
