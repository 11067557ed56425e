package ns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// errRoot: a group keeps the root that it started with, and may add to it.
var errRoot = p9.NewError(syscall.EBUSY, "the root can only be added to")

var errXdev = p9.ErrorOfErrno(syscall.EXDEV)

// DialTimeout bounds how long a mount waits for its server to answer.
const DialTimeout = 10 * time.Second

// An Engine holds the name spaces of one session.
type Engine struct {
	rootDev, host *Dev
	namespace     string
	streams       []*stream
	baseDirs      []string
	noGraft       bool
	kernel        kernel

	mu     sync.Mutex
	groups map[int]*Group
	ngroup int
}

// A stream is a descriptor that the engine was started with: #d/N.
type stream struct {
	mu   sync.Mutex
	rwc  io.ReadWriteCloser
	conn *client.Conn
}

// kernel is what the Linux side does for the engine; nil where there is none.
type kernel interface {
	// place makes the kernel mounts that lie over g those that grafts tells, in
	// the mount namespace of the thread pid. If it cannot, nothing is changed.
	place(g *Group, pid int, grafts []Graft) error
	// fork attaches the new group n's tree at /proc of the thread pid, a thread
	// of group g that has a mount namespace of its own.
	fork(g, n *Group, pid int) error
	// changed tells that names of the group may mean something else now.
	changed(g *Group)
}

// EngineOptions are what an Engine is made of.
type EngineOptions struct {
	Host      srv.File             // the tree #U
	Exe       string               // what the links of /mnt/bin lead to
	Commands  []string             // names in /mnt/bin
	Namespace string               // directory of posted servers
	Streams   []io.ReadWriteCloser // #d/0, #d/1 ...
	Bases     []string             // directories of the host's root that are mounted by the kernel
	NoGraft   bool                 // mount nothing of the host's beside Bases
}

// NewEngine makes an engine without groups.
func NewEngine(o EngineOptions) *Engine {
	e := &Engine{namespace: o.Namespace, baseDirs: o.Bases, noGraft: o.NoGraft, groups: map[int]*Group{}}
	e.rootDev = NewDev("#/", newRoot(o.Exe, o.Commands), nil)
	e.rootDev.byGroup = true
	e.host = NewDev("#U", o.Host, nil)
	e.host.host = true
	e.rootDev.refs.Add(1) // both stay
	e.host.refs.Add(1)
	for _, s := range o.Streams {
		e.streams = append(e.streams, &stream{rwc: s})
	}
	return e
}

// A Group is the processes that share a name space.
type Group struct {
	eng  *Engine
	id   int
	pg   *Pgrp
	root *Chan

	change sync.Mutex // one change at a time
	placed []Graft    // what the kernel has over the tree
	mntns  uint64     // number of its mount namespace; 0: it has none yet
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
	e.add(g)
	return g, nil
}

func (e *Engine) add(g *Group) {
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

// Fork makes a group whose name space is a copy (RFNAMEG).
func (g *Group) Fork() *Group {
	n := &Group{eng: g.eng, pg: g.pg.Copy(), root: g.root.hold()}
	g.eng.add(n)
	return n
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
// going there, and the host's own /mnt and /n after ours.
func (g *Group) base(ctx context.Context) error {
	host, err := g.eng.host.attach(ctx)
	if err != nil {
		return fmt.Errorf("#U: %w", err)
	}
	defer host.close()
	if err := g.baseUnion(g.root, host, "/", MAFTER|MCREATE); err != nil {
		return err
	}
	for _, name := range []string{"mnt", "n"} {
		ours, _, err := g.root.walk(ctx, name)
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
	hostName := "#U"
	if name != "/" {
		hostName += name
	}
	k, was, err := g.pg.mountOn(Mount{to: new, name: hostName, flag: flag}, nil, old, name)
	was.close()
	if err == nil {
		for _, m := range g.pg.heads[k].mount {
			m.base = true
		}
	}
	return err
}

// Apply does one line in the group: bind, mount, unmount or clear. pid is the
// thread that asks, 0 for none: kernel mounts are made where it is. An error
// leaves all as it was.
func (g *Group) Apply(ctx context.Context, op Op, pid int) error {
	var to *Chan
	var err error
	if op.Verb == "mount" {
		// The server may take its time, in which others can bind.
		if to, err = g.dial(ctx, op); err != nil {
			return err
		}
		defer to.close()
	}
	g.change.Lock()
	defer g.change.Unlock()
	switch op.Verb {
	case "bind":
		err = g.bind(ctx, op, pid)
	case "mount":
		err = g.mount(ctx, op, to, pid)
	case "unmount":
		err = g.unmount(ctx, op, pid)
	case "clear":
		err = g.clear(ctx, pid)
	default:
		err = fmt.Errorf("%q: unknown operation", op.Verb)
	}
	if err == nil && g.eng.kernel != nil {
		g.eng.kernel.changed(g)
	}
	return err
}

func (g *Group) bind(ctx context.Context, op Op, pid int) error {
	what := "bind " + op.New + " " + op.Old
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	defer old.close()
	new, err := g.lookup(ctx, op.New, false)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer new.close()
	to, umh := new.hold(), g.mounted(new)
	defer umh.close()
	if umh != nil {
		to.close()
		to = umh.mount[0].to.hold()
	}
	defer to.close()
	if err := g.join(Mount{to: to, name: new.name, flag: op.Flag}, umh, old, pid); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// dial gives the root of the tree that a mount is of. That there is a place for
// it is looked at first.
func (g *Group) dial(ctx context.Context, op Op) (*Chan, error) {
	what := "mount " + op.Old
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	old.close()
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	dev, err := g.eng.server(ctx, op.New, op.Spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	to, err := dev.attach(ctx)
	if err != nil {
		dev.hangup()
		return nil, fmt.Errorf("%s: %s: %w", what, op.New, err)
	}
	return to, nil
}

func (g *Group) mount(ctx context.Context, op Op, to *Chan, pid int) error {
	what := "mount " + op.Old
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	defer old.close()
	if err := g.join(Mount{to: to, name: to.dev.name, spec: op.Spec, srv: true, flag: op.Flag}, nil, old, pid); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// mountPoint says that a missing name is a missing mount point.
func mountPoint(err error) error {
	if errors.Is(err, p9.ErrNotExist) {
		return fmt.Errorf("mount point not there: %w", err)
	}
	return err
}

// server dials what a mount names.
func (e *Engine) server(ctx context.Context, name, aname string) (*Dev, error) {
	if n, ok := strings.CutPrefix(name, "#d/"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= len(e.streams) {
			return nil, fmt.Errorf("%s: the engine has no such stream: %w", name, p9.ErrNotExist)
		}
		return e.streams[i].attach(ctx, name, aname)
	}
	addr := name
	if n, ok := strings.CutPrefix(serverName(name), "#s/"); ok {
		if srv.CheckName(n) != nil {
			return nil, fmt.Errorf("%s: %w", name, p9.ErrBadName)
		}
		addr = "unix!" + filepath.Join(e.namespace, n)
	}
	dev, err := dial(ctx, addr, serverName(name), aname)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = p9.ErrorOfErrno(syscall.ETIMEDOUT)
		}
		if !strings.Contains(err.Error(), addr) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return nil, err
	}
	return dev, nil
}

// serverName gives a posted server one name of its three: ram, /srv/ram, #s/ram.
func serverName(name string) string {
	if n, ok := strings.CutPrefix(name, "/srv/"); ok {
		return "#s/" + n
	}
	if name[0] != '#' && !strings.ContainsAny(name, "!/:") {
		return "#s/" + name
	}
	return name
}

// attach makes a device of a stream; all its mounts share the connection.
func (s *stream) attach(ctx context.Context, name, aname string) (*Dev, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		// Half a negotiation would spoil the stream for those who ask again.
		vctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DialTimeout)
		defer cancel()
		conn, err := client.New(vctx, s.rwc, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.conn = conn
	}
	root, err := s.conn.Attach(ctx, nil, "", aname)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &mntFile{root}
	d := NewDev(name, f, f.Clunk)
	d.kill = func() { s.conn.Close() }
	return d, nil
}

// join mounts, and takes it back where the kernel cannot follow.
func (g *Group) join(nm Mount, umh *Mhead, old place, pid int) error {
	if old.key() == g.root.key() && nm.flag&order == MREPL {
		return errRoot
	}
	k, was, err := g.pg.mountOn(nm, umh, old.Chan, old.name)
	if err != nil {
		return err
	}
	return g.commit(k, was, pid)
}

// commit makes the kernel's mounts follow a change of the table, or undoes it.
func (g *Group) commit(k key, was *Mhead, pid int) error {
	if err := g.place(pid); err != nil {
		g.pg.restore(k, was)
		return err
	}
	was.close()
	return nil
}

func (g *Group) unmount(ctx context.Context, op Op, pid int) error {
	what := "unmount " + op.Old
	old, err := g.lookup(ctx, op.Old, false)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer old.close()
	var is func(*Mount) bool
	if op.New != "" {
		what = "unmount " + op.New + " " + op.Old
		is = func(m *Mount) bool { return m.srv && m.name == serverName(op.New) }
		if new, err := g.lookup(ctx, op.New, false); err == nil {
			defer new.close()
			k, bySrv := new.key(), is
			if h := g.mounted(new); h != nil {
				k = h.mount[0].to.key()
				h.close()
			}
			is = func(m *Mount) bool { return m.to.key() == k || bySrv(m) }
		}
	}
	if old.key() == g.root.key() {
		// The kernel's mounts of the host's directories hang on their names.
		if is == nil {
			return fmt.Errorf("%s: %w", what, errRoot)
		}
		any := is
		is = func(m *Mount) bool { return !m.base && any(m) }
	}
	k, was, err := g.pg.unmount(is, old.Chan)
	if err == nil {
		err = g.commit(k, was, pid)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// clear gives the group the name space that it would start with.
func (g *Group) clear(ctx context.Context, pid int) error {
	fresh := &Group{eng: g.eng, pg: NewPgrp(), root: g.root}
	if err := fresh.base(ctx); err != nil {
		return err
	}
	swap := func() {
		g.pg.mu.Lock()
		g.pg.heads, fresh.pg.heads = fresh.pg.heads, g.pg.heads
		g.pg.gen++
		g.pg.mu.Unlock()
	}
	swap()
	err := g.place(pid)
	if err != nil {
		swap()
		err = fmt.Errorf("clear: %w", err)
	}
	fresh.pg.Close()
	return err
}

// fork is the ctl message by which a thread that has unshared its mount
// namespace gets a new group.
func (e *Engine) fork(_ context.Context, c *caller) error {
	if e.kernel == nil {
		return p9.ErrNotSup
	}
	c.group.change.Lock()
	defer c.group.change.Unlock()
	n := c.group.Fork()
	if err := e.kernel.fork(c.group, n, c.pid); err != nil {
		n.Close()
		return fmt.Errorf("fork: %w", err)
	}
	return nil
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

// place brings the kernel's mounts into line with the table.
func (g *Group) place(pid int) error {
	if g.eng.kernel == nil {
		return nil
	}
	return g.eng.kernel.place(g, pid, g.grafts(g.hidden()))
}

// hidden gives those of the host's top directories whose names another member of
// the root union has before the host's.
func (g *Group) hidden() []string {
	h := g.pg.find(g.root)
	defer h.close()
	if h == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), DialTimeout)
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
