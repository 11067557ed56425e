package ns

import (
	"context"
	"io/fs"
	"sync"
	"sync/atomic"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Dev is an instance of a device: a tree of files whose qid paths are unique
// among themselves. It lives as long as a Chan is on it.
type Dev struct {
	id      uint64 // unique in this process, never 0
	name    string // as ns prints it: #U, #s/ram, tcp!host!port
	spec    string // the aname of a server's tree
	server  string // where its server is, as later sessions find it too; "" where nothing says so
	auth    Auth   // how it was attached to
	bare    bool   // names in it need no mount: #U/tmp
	root    srv.File
	host    bool   // the host's own tree, which the kernel can bind as well
	byGroup bool   // its files differ from group to group
	local   bool   // no server is asked: it is the engine's own or the host's
	kernels string // what the kernel mounts for its root, a Graft's Host; "": nothing
	hangup  func() // called when the last Chan is closed
	refs    atomic.Int32
	slow    atomic.Int32 // how slow it has been of late
	locks   atomic.Bool  // somebody has had a lock of a file in it
	locking sync.Once    // before the first
	takes   takes
	told    toldDirs
	doubted doubters
}

// A server is quick unless it is slow again and again: what takes long counts as so many
// of what does not.
const (
	slowOne  = 16
	slowMost = 4 * slowOne
)

// took follows an answer.
func (d *Dev) took(long bool) {
	switch n := d.slow.Load(); {
	case d.local:
	case long:
		d.slow.Store(min(n+slowOne, slowMost))
	case n > 0:
		d.slow.Store(n - 1) // one that is lost is as good
	}
}

// quick tells whether what the device is asked is soon answered.
func (d *Dev) quick() bool { return d.local || d.slow.Load() <= 2*slowOne }

var lastDev atomic.Uint64

// NewDev makes a device of a tree. name is what ns prints for its root; hangup,
// which may be nil, is called when the device is no longer in use.
func NewDev(name string, root srv.File, hangup func()) *Dev {
	return &Dev{id: lastDev.Add(1), name: name, root: root, hangup: hangup}
}

// A Chan is a file of a device: what a name means at one moment. Chans are
// counted; whoever is given one closes it.
type Chan struct {
	dev  *Dev
	file srv.File
	qid  p9.Qid
	mode fs.FileMode // type bits
	rel  string      // name from the device's root, "/" for the root itself
	refs atomic.Int32
}

// A key is the identity of a Chan's file.
type key struct {
	dev  uint64
	path uint64
}

func (c *Chan) key() key    { return key{c.dev.id, c.qid.Path} }
func (c *Chan) isDir() bool { return c.mode.IsDir() }

// brief tells whether requests about a file are soon answered. A ctl's may mount.
func (c *Chan) brief() bool {
	_, ctl := c.file.(*ctlFile)
	return !ctl && c.mode&^(fs.ModeDir|fs.ModeSymlink) == 0 && c.dev.quick()
}

// fixed tells of the engine's own files, which stay as they are but for what is
// read there.
func (c *Chan) fixed() bool { return c.dev.byGroup }

// attach makes a Chan of a device's root.
func (d *Dev) attach(ctx context.Context) (*Chan, error) {
	c, _, err := d.top(ctx)
	return c, err
}

// top is attach, with the root's attributes.
func (d *Dev) top(ctx context.Context) (*Chan, p9.Stat, error) {
	st, err := d.root.Stat(ctx)
	if err != nil {
		return nil, st, err
	}
	return newChan(d, d.root, &st, "/"), st, nil
}

func newChan(d *Dev, f srv.File, st *p9.Stat, rel string) *Chan {
	c := &Chan{dev: d, file: f, qid: st.Qid, mode: st.Mode & fs.ModeType, rel: rel}
	c.refs.Store(1)
	d.refs.Add(1)
	return c
}

// hold counts one more user of c.
func (c *Chan) hold() *Chan {
	c.refs.Add(1)
	return c
}

// close lets c go, and its file when it was the last user's.
func (c *Chan) close() {
	if c == nil || c.refs.Add(-1) > 0 {
		return
	}
	if c.file != c.dev.root {
		srv.Clunk(c.file)
	}
	if c.dev.refs.Add(-1) == 0 && c.dev.hangup != nil {
		c.dev.hangup()
	}
}

// unused lets a server's device go if no Chan is on it.
func (d *Dev) unused() {
	if d.refs.Load() == 0 {
		d.hangup()
	}
}

func closeAll(cs []*Chan) {
	for _, c := range cs {
		c.close()
	}
}

// A walkStater walks and stats in one go, where that saves a round trip.
type walkStater interface {
	WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error)
}

// walk finds a name in a directory of a device, without regard to mounts.
func (c *Chan) walk(ctx context.Context, name string) (*Chan, p9.Stat, error) {
	var f srv.File
	var st p9.Stat
	var err error
	if w, ok := c.file.(walkStater); ok {
		f, st, err = w.WalkStat(ctx, name)
	} else if f, err = srv.Walk(ctx, c.file, name); err == nil {
		if st, err = f.Stat(ctx); err != nil {
			srv.Clunk(f)
		}
	}
	if err != nil {
		return nil, st, err
	}
	return newChan(c.dev, f, &st, join(c.rel, name)), st, nil
}

// join puts a name after a directory's.
func join(dir, name string) string {
	if dir == "/" || dir == "" {
		return dir + name
	}
	return dir + "/" + name
}
