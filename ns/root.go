package ns

import (
	"context"
	"io/fs"
	"iter"
	"sort"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// The device #/. One instance serves every group: what a file reads as and which
// mount points are there depends on the group in the context.
//
//	n/         0555 mount points
//	env/       0555 a mount point, that of #s/env
//	net/       0555 another, that of #s/net
//	srv/       0555 empty: #s is mounted there
//	mnt/       0555 mount points, and
//	  ns/ctl   0600 takes bind, mount, unmount, clear, rfork of the engine's user
//	  ns/ns    0444 the name space as lines of namespace(6)
//	  ns/serving 0444 who has it open serves files: see serving
//	  bin/     0555 links to the commands, and those that are scripts
//
// The device #ns is what is in mnt/ns. The name #ns in a group's root, which is not listed, leads there
// whatever is bound: unbinding needs ctl.

// A caller is on whose behalf a request is made.
type caller struct {
	group *Group
	pid   int // the thread that asks, 0 if it is none of this machine's

	uid, gid uint32 // its user
}

type callerKey struct{}

func withCaller(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

const ownSpec = "#ns"

// newOwn makes the tree #ns.
func newOwn() srv.File {
	return srv.NewDir().
		Add("ctl", &ctlFile{srv.NewNode(0o600)}).
		Add("serving", &servingFile{srv.NewNode(0o444)}).
		Add("ns", srv.Text(0o444, func(ctx context.Context) (string, error) {
			if c := callerOf(ctx); c != nil {
				return c.group.pg.Text(), nil
			}
			return "", p9.ErrPerm
		}))
}

// newRoot makes the tree #/ with a link to exe for each command, and scripts.
func newRoot(exe string, commands []string, scripts map[string]string) srv.File {
	bin := srv.NewDir()
	for _, name := range commands {
		bin.Add(name, &link{srv.NewNode(fs.ModeSymlink | 0o777), exe})
	}
	for name, text := range scripts {
		bin.Add(name, srv.Text(0o555, func(context.Context) (string, error) { return text, nil }))
	}
	mnt := newPointDir()
	mnt.Add("ns", newOwn()).Add("bin", bin)
	return srv.NewDir().Add("n", newPointDir()).Add("mnt", mnt).Add("env", srv.NewDir()).Add("net", srv.NewDir()).Add("srv", srv.NewDir())
}

type link struct {
	srv.Node
	target string
}

func (l *link) Readlink(context.Context) (string, error) { return l.target, nil }

// A pointDir is a directory in which mount points appear when a mount names
// them. A group sees those that it has something mounted on.
type pointDir struct {
	*srv.Dir
	mu     sync.Mutex
	points map[string]*point
}

func newPointDir() *pointDir {
	return &pointDir{Dir: srv.NewDir(), points: map[string]*point{}}
}

// A point is a mount point that was made by a mount: an empty directory.
type point struct {
	srv.Node
	name string
}

// Walk never finds a name in a mount point: something is mounted on it.
func (p *point) Walk(context.Context, string) (srv.File, error) { return nil, p9.ErrNotExist }

// List finds none.
func (p *point) List(context.Context, uint64) iter.Seq2[p9.Dirent, error] {
	return func(func(p9.Dirent, error) bool) {}
}

// point gives the mount point of a name.
func (d *pointDir) point(name string) *point {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.points[name]
	if p == nil {
		p = &point{srv.NewNode(fs.ModeDir | 0o555), name}
		d.points[name] = p
	}
	return p
}

func (d *pointDir) Walk(ctx context.Context, name string) (srv.File, error) {
	f, err := d.Dir.Walk(ctx, name)
	if err == nil {
		return f, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.points[name]; p != nil {
		return p, nil
	}
	return nil, p9.ErrNotExist
}

const pointCookie = 1 << 32 // above those of the entries that are always there

// List gives the fixed entries and then the mount points that are in use in the
// caller's group.
func (d *pointDir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		if cookie < pointCookie {
			for e, err := range d.Dir.List(ctx, cookie) {
				if !yield(e, err) {
					return
				}
			}
		}
		c := callerOf(ctx)
		if c == nil {
			return
		}
		d.mu.Lock()
		points := make([]*point, 0, len(d.points))
		for _, p := range d.points {
			points = append(points, p)
		}
		d.mu.Unlock()
		used := c.group.pg.points()
		type ent struct {
			st p9.Stat
			p  *point
		}
		var ents []ent
		for _, p := range points {
			st, _ := p.Stat(ctx)
			if used[st.Qid.Path] && pointCookie+st.Qid.Path%pointCookie > cookie {
				ents = append(ents, ent{st, p})
			}
		}
		sort.Slice(ents, func(i, j int) bool { return ents[i].st.Qid.Path < ents[j].st.Qid.Path })
		for _, e := range ents {
			if !yield(p9.Dirent{Qid: e.st.Qid, Cookie: pointCookie + e.st.Qid.Path%pointCookie, Mode: fs.ModeDir, Name: e.p.name}, nil) {
				return
			}
		}
	}
}

// points gives the qid paths of the mount points that have something on them.
func (pg *Pgrp) points() map[uint64]bool {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	used := map[uint64]bool{}
	for k, h := range pg.heads {
		if _, ok := h.from.file.(*point); ok {
			used[k.path] = true
		}
	}
	return used
}
