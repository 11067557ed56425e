package ns

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// errRoot: a group keeps the root that it started with, and may add to it.
var errRoot = p9.NewError(syscall.EBUSY, "the root can only be added to")

// An Engine holds the name spaces of one session.
type Engine struct {
	rootDev, host *Dev
	srvDev, own   *Dev
	namespace     string
	streams       []*stream
	baseDirs      []string
	noGraft, v9fs bool
	kernel        kernel
	near          func(pid int, root uint64) (srv.File, func())
	attach        attacher
	forgotten     atomic.Pointer[func(dev uint64, paths []uint64, all bool)] // tells the kernel of changed files

	mu     sync.Mutex
	groups map[int]*Group
	ngroup int
}

// kernel is what the Linux side does for the engine; nil where there is none.
type kernel interface {
	// place undoes kernel mounts that lie over g and then makes others, in the
	// mount namespace of the thread pid. If it cannot, nothing is changed.
	place(g *Group, pid int, undo, make []Graft) error
	// fork attaches the new group n's tree at /proc of the thread pid, a thread
	// of group g that has a mount namespace of its own.
	fork(g, n *Group, pid int) error
	// envOf gives the group whose /env the thread pid of g sees, g if no other.
	envOf(g *Group, pid int) *Group
	// showEnv has the thread pid of g, which has a mount namespace of its own, see
	// the /env of n.
	showEnv(g, n *Group, pid int) error
	// changed tells that what is mounted on a file is not the same now, for names
	// of the group that lead to it or through it; nil: that any name may mean
	// something else.
	changed(g *Group, at *Chan)
	// hidden tells that servers are mounted in a group no more: what the kernel remembers
	// of their trees there, and nobody uses, it is to forget. Nothing else changes the
	// group meanwhile.
	hidden(g *Group, devs []*Dev)
	// over gives the name of a mount that others than the engine have made at a directory of g or
	// beneath it, or only beneath, in the mount namespace of the thread pid; "" if there is none.
	over(g *Group, pid int, at *Chan, beneath bool) string
	// forgetting gives what is closed when names at a file of g are forgotten as hidden has
	// asked for, and what is mounted beneath them; nil if they are.
	forgetting(g *Group, at *Chan) <-chan struct{}
	// tree mounts the tree of the server at a dial string, or rather another one of the
	// same connection, without regard to names. It gives what a Graft has for it, and
	// what undoes it; "" where the kernel has no client for it.
	tree(ctx context.Context, addr, aname string) (name string, undo func())
	// descriptors gives what takes the descriptor n of the process that writer is a thread of,
	// if that may do no more than that of maker: EPERM.
	descriptors(maker caller) (take func(writer caller, n int) (channel, error), err error)
	// serves notes that the process that c is a thread of serves files, until end: EPERM then for
	// descriptors of it.
	serves(c caller) (end func(), err error)
}

// EngineOptions are what an Engine is made of.
type EngineOptions struct {
	Host      srv.File             // the tree #U
	Exe       string               // what the links of /mnt/bin lead to
	Commands  []string             // names in /mnt/bin
	Scripts   map[string]string    // files in /mnt/bin, by name
	Namespace string               // directory of posted servers
	Streams   []io.ReadWriteCloser // #d/0, #d/1 ..., whose trees are kept as with MCACHE
	Bases     []string             // directories of the host's root that are mounted by the kernel
	NoGraft   bool                 // mount nothing of the host's beside Bases
	V9fs      bool                 // mount servers' trees by the kernel's 9P client where that is the same

	// Near, which may be nil, gives a tree that is the same as what the process pid serves by a
	// root with that qid path, and what lets go of it; nil where it has none. See nearFile.
	Near func(pid int, root uint64) (tree srv.File, end func())

	// Attach attaches to a mount's server, and proves who does so where that asks. Nil: nothing is proved.
	Attach attacher
}

// Bin has /mnt/bin show the commands of the program that runs, by their names, and scripts.
func (o *EngineOptions) Bin(commands []string, scripts map[string]string) error {
	var err error
	if o.Exe, err = os.Executable(); err != nil {
		return err
	}
	o.Scripts = scripts
	for _, name := range append(commands, "nine") {
		if name != "man" { // the machine's own is not hidden
			o.Commands = append(o.Commands, name)
		}
	}
	return nil
}

// NewEngine makes an engine without groups.
func NewEngine(o EngineOptions) *Engine {
	e := &Engine{namespace: o.Namespace, baseDirs: o.Bases, noGraft: o.NoGraft, v9fs: o.V9fs, near: o.Near, attach: o.Attach, groups: map[int]*Group{}}
	e.rootDev = NewDev("#/", newRoot(o.Exe, o.Commands, o.Scripts), nil)
	e.own = NewDev(ownSpec, newOwn(), nil)
	for _, d := range []*Dev{e.rootDev, e.own} {
		d.byGroup, d.bare, d.local = true, true, true
	}
	e.host = NewDev("#U", o.Host, nil)
	e.host.host, e.host.bare = true, true
	e.srvDev = NewDev("#s", newSrvDir(o.Namespace, e.taker), nil)
	e.srvDev.bare = true
	e.host.local = true
	for _, d := range []*Dev{e.rootDev, e.own, e.host, e.srvDev} {
		d.refs.Add(1) // they stay
	}
	for i, s := range o.Streams {
		s := newStream(s, nil)
		s.keep, s.kept = e.keep, map[streamTree]*Dev{}
		e.streams = append(e.streams, s)
		go func() { // the first mount need not wait for it
			if d, err := s.attach(context.Background(), fmt.Sprintf("#d/%d", i), ""); err == nil {
				d.root.Stat(context.Background())
			}
		}()
	}
	return e
}

// taker gives what takes descriptors of the processes of who asks.
func (e *Engine) taker(ctx context.Context) (takeFunc, error) {
	maker, err := processOf(ctx)
	if err != nil {
		return nil, err
	}
	if e.kernel == nil {
		return nil, errUseFd
	}
	take, err := e.kernel.descriptors(maker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, fd int) (channel, error) {
		writer, err := processOf(ctx)
		if err != nil {
			return nil, err
		}
		return take(writer, fd)
	}, nil
}

// processOf gives who asks, if that is a process of this machine.
func processOf(ctx context.Context) (caller, error) {
	c := callerOf(ctx)
	if c == nil || c.pid == 0 {
		return caller{}, fmt.Errorf("who asks is no process of this machine: %w", p9.ErrNotOwner)
	}
	return *c, nil
}

// A Group is the processes that share a name space.
type Group struct {
	eng  *Engine
	id   int
	pg   *Pgrp
	root *Chan

	change sync.Mutex // one change at a time
	placed placing    // what the kernel has over the tree
	mntns  uint64     // number of its mount namespace; 0: it has none yet
	varied bool       // some of its processes see another group's /env; under change

	threads context.Context // has those that its processes' requests may keep in the kernel
}

// NewGroup makes a group that sees the union of #/ and #U.
func (e *Engine) NewGroup(ctx context.Context) (*Group, error) {
	root, err := e.rootDev.attach(ctx)
	if err != nil {
		return nil, fmt.Errorf("#/: %w", err)
	}
	g := &Group{eng: e, pg: NewPgrp(), root: root}
	if err := g.base(ctx); err != nil {
		g.pg.Close()
		root.close()
		return nil, err
	}
	g.pg.setBase()
	e.add(g)
	return g, nil
}

func (e *Engine) add(g *Group) {
	g.threads = srv.WithThreads(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ngroup++
	g.id = e.ngroup
	e.groups[g.id] = g
}

// group finds a group by its number, nil where there is none.
func (e *Engine) group(id int) *Group {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.groups[id]
}

// Fork makes a group whose name space is a copy (RFNAMEG) or, if clean, what a
// group starts with (RFCNAMEG). That attaches #U, so it needs the right to.
func (g *Group) Fork(clean bool) (*Group, error) {
	if clean && g.pg.denied() {
		return nil, ErrNoMount
	}
	n := &Group{eng: g.eng, pg: g.pg.Copy(clean), root: g.root.hold()}
	if clean {
		n.placed.list = n.grafts(n.hidden())
	} else {
		n.placed.list = slices.Clone(g.placed.list)
	}
	g.eng.add(n)
	return n, nil
}

// Close ends a group.
func (g *Group) Close() {
	g.eng.mu.Lock()
	delete(g.eng.groups, g.id)
	g.eng.mu.Unlock()
	g.pg.Close()
	g.root.close()
}

// base mounts what every group starts with: the host's root after #/, new files
// going there, #s on /srv, and the host's own /mnt, /n and /srv after ours.
func (g *Group) base(ctx context.Context) error {
	host, err := g.eng.host.attach(ctx)
	if err != nil {
		return fmt.Errorf("#U: %w", err)
	}
	defer host.close()
	if err := g.baseUnion(g.root, host, "/", MAFTER|MCREATE); err != nil {
		return err
	}
	posted, err := g.eng.srvDev.attach(ctx)
	if err != nil {
		return fmt.Errorf("#s: %w", err)
	}
	defer posted.close()
	for _, name := range []string{"mnt", "n", "srv"} {
		ours, _, err := g.root.walk(ctx, name)
		if err == nil && name == "srv" {
			err = g.baseUnion(ours, posted, "/srv", MCREATE)
		}
		if err != nil {
			return fmt.Errorf("#/%s: %w", name, err)
		}
		theirs, _, err := host.walk(ctx, name)
		if err == nil {
			if theirs.isDir() {
				err = g.baseUnion(ours, theirs, "/"+name, MAFTER)
			}
			theirs.close()
		} else {
			err = nil // the host has none
		}
		ours.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) baseUnion(old, new *Chan, name string, flag Flag) error {
	newName := strings.TrimSuffix(new.dev.name+new.rel, "/")
	_, was, err := g.pg.mountOn(Mount{to: new, name: newName, flag: flag, on: spot{name: name}}, nil, old)
	was.close()
	return err
}

// bases gives the directories of the host's root that the kernel has mounted.
func (e *Engine) bases() []string { return e.baseDirs }

// native tells whether the kernel shall mount a name of the host's itself.
func (e *Engine) native(rel string) bool {
	if !e.noGraft {
		return true
	}
	for _, b := range e.baseDirs { // files that only the kernel can make
		if within(rel, b) {
			return true
		}
	}
	return false
}

// hidden gives those of the host's top directories whose names another member of
// the root union has before the host's.
func (g *Group) hidden() []string {
	h := g.pg.find(g.root)
	defer h.close()
	if h == nil {
		return nil
	}
	ctx, cancel := bounded(context.Background())
	defer cancel()
	var names []string
	for _, m := range h.mount {
		if m.to.dev.host && m.to.rel == "/" {
			break
		}
		if m.to.dev == g.eng.rootDev {
			continue
		}
		for _, b := range g.eng.bases() {
			if c, _, err := m.to.walk(ctx, b[1:]); err == nil {
				c.close()
				names = append(names, b)
			}
		}
	}
	return names
}

// isBase tells whether a name of the root is mounted by the kernel.
func (e *Engine) isBase(name string) bool {
	for _, b := range e.baseDirs {
		if b[1:] == name {
			return true
		}
	}
	return false
}
