package ns

import (
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A server's tree that was mounted with MCACHE: what it said is kept, see the package
// comment for how long. All that is kept is in kepts, one for each file of the server
// that is in use or was lately.

// keepFor is how long what a server said is believed that has given no lease.
var keepFor = 3 * time.Second

// keepMost is how many files are remembered at most.
var keepMost = 1 << 16

// A cache is what is known of a server's tree.
type cache struct {
	conn   *client.Conn
	root   *kept
	server string // whose tree it is, Dev.server with the aname; "": nothing says so

	mu     sync.Mutex
	files  map[uint64]*kept // by qid.path
	clock  uint64           // counts changes
	lost   uint64           // the last of a file that is not in files
	inUse  int              // how many files could not be forgotten when there were too many
	xattrs bool             // somebody asks for lists of extended attributes ...
	noAttr bool             // ... and the server has none

	trip    time.Duration // the shortest round trip that was seen
	far     bool          // even that is long
	fetches int           // what is asked for ahead and has not come
	ahead   int           // bytes of files that came so and were not opened
	fetched []*kept       // those that have them, or had

	doubted time.Duration // what was asked before is believed by a lease alone: a lock was got then

	programs int                 // of which what they need is being asked for (keptexec.go)
	asking   int                 // bytes of that
	list     map[string][]string // where libraries are ...
	listOf   p9.Qid              // ... by that file

	constant *constants // what was declared to be; nil: nothing

	lease lease
	tell  func(paths []uint64, all bool) // tells the kernel of files that others change, by their qid.path, or of all
}

// A kept is a file of such a tree. Its fid is not got before something needs it: until
// then the file is known by its directory and name.
type kept struct {
	c    *cache
	path uint64
	sem  chan struct{} // held while a fid is got, or a directory read

	// All else is under c.mu.
	refs     int // Chans and handles
	opens    int // handles
	dir      *kept
	name     string
	fid      *client.Fid
	st       p9.Stat // as of at
	told     bool    // st was told at some time
	at       stamp
	changed  uint64 // the clock at its last change
	dropped  uint64 // ... by which all that was known of it went
	turn     uint64 // counts what is known to have changed, or to be another version
	recalled uint64 // at its last change by others
	sure     bool   // since then the server was asked about it, and has to tell of the next
	never    bool   // the server gives no lease of it
	read     bool   // the server let it be opened for reading since at
	target   string // of a symbolic link, as of at
	seen     uint32 // version at the last opening, plus 1: what the kernel may have pages of
	writers  map[*keptHandle]bool

	xattrs []string
	xat    stamp

	names  map[string]known // of a directory
	listed stamp            // names are all there are, as of then
	xlists bool             // ... and their files' lists of extended attributes came along
	order  uint64           // the last of names
	misses int              // names that were not known since it was last read
	lapses int              // listings that did not last
	guess  *guess
	inside bool   // somebody has entered it since
	ran    uint32 // the version of which it was asked what it needs to run

	constant bool   // it was declared to be, with all in it
	sum      *sum   // of what it has, which is in the store ...
	sumAs    uint64 // ... if this is its turn

	coming chan struct{} // closed when what is asked for ahead is there, of a long file the first bytes; nil: nothing is
	part   *part         // what has come of such a file; nil: nothing is still to come
	data   []byte        // all that it has, read ahead and opened by nobody yet
}

// known is what is known of a name.
type known struct {
	none  bool
	k     *kept // its file, nil where that is not known
	at    stamp
	ent   p9.Dirent // in a listing
	order uint64
}

// keep makes a server's tree one that is kept, if it is not already.
func (e *Engine) keep(d *Dev) {
	f, ok := d.root.(*mntFile)
	if !ok {
		return
	}
	c := &cache{conn: f.fid.Conn(), files: map[uint64]*kept{}}
	if d.server != "" {
		c.server = d.server + "\x00" + d.spec
	}
	c.root = c.file(f.fid.Qid().Path)
	c.root.refs, c.root.fid = 1, f.fid
	d.root = c.root
	hangup := d.hangup
	d.hangup = func() {
		c.lease.end()
		hangup()
		c.endStore()
	}
	// The kernel is told of what others change.
	c.tell = func(paths []uint64, all bool) {
		if tell := e.forgotten.Load(); tell != nil {
			(*tell)(d.id, paths, all)
		}
	}
	c.lease.begin(c)
}

// file gives what is known of a file, or begins to know it. c.mu is held.
func (c *cache) file(path uint64) *kept {
	k := c.files[path]
	if k == nil {
		k = &kept{c: c, path: path, sem: make(chan struct{}, 1)}
		c.files[path] = k
	}
	return k
}

// change drops what is known of a file. c.mu is held.
func (k *kept) change() {
	k.c.clock++
	k.changed, k.dropped = k.c.clock, k.c.clock
	k.turn++
	if !k.listed.none() {
		k.lapses++
	}
	k.at, k.xat, k.listed = stamp{}, stamp{}, stamp{}
	k.read, k.names, k.misses = false, nil, 0
	k.let()
}

// changing drops what is known of a file that a request of t has changed, and gives the ticket of what
// it told of the file then: a later one if nothing else has changed it meanwhile. c.mu is held.
func (k *kept) changing(t ticket) ticket {
	alone := t.holds(k)
	k.change()
	if alone {
		return k.c.now()
	}
	return t
}

// touch says that the directory was changed here, by which its names are known still.
// c.mu is held.
func (k *kept) touch() {
	k.c.clock++
	k.changed, k.at = k.c.clock, stamp{}
	k.turn++
	k.let()
}

// put says that a name was made here, by a request of t. c.mu is held.
func (k *kept) put(name string, file *kept, t ticket) (sure bool) {
	k.touch()
	return k.learn(name, file, t)
}

// cut says that a name was removed here, by a request of t. c.mu is held.
func (k *kept) cut(name string, t ticket) (sure bool) {
	k.touch()
	return k.learn(name, nil, t)
}

// learn remembers a name that was changed here. It is not sure, and the name is to be asked for, if
// others may have changed the directory meanwhile, or the name was asked for or changed here by another
// request: what came last is not known. c.mu is held.
func (k *kept) learn(name string, file *kept, t ticket) (sure bool) {
	if k.st.Qid.Vers == 0 {
		return true
	}
	told := t.sure || !t.leased || k.never
	sure = told && k.dropped <= t.clock && k.names[name].at.at <= t.at
	k.know(name, file, k.c.now())
	if !sure {
		k.names[name] = known{at: k.names[name].at}
		k.listed = stamp{}
	}
	return sure
}

// drop has what is known of some files forgotten: they were changed.
func (c *cache) drop(ks ...*kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range ks {
		k.change()
	}
}

// enter takes what a server said of a name. A file that is made up as it is read
// (version 0) is asked for each time. c.mu is held.
func (c *cache) enter(dir *kept, name string, st *p9.Stat, t ticket) *kept {
	k := c.file(st.Qid.Path)
	if k.told && k.st.Mode.Type() != st.Mode.Type() { // the server uses the number again
		delete(c.files, k.path)
		k = c.file(st.Qid.Path)
	}
	k.take(st, t)
	if dir != nil {
		k.dir, k.name = dir, name
		if dir.st.Qid.Vers != 0 && t.holds(dir) {
			dir.know(name, k, t)
		}
	}
	k.refs++ // it is somebody's in a moment
	c.trim()
	k.refs--
	return k
}

// is gives the version that the file had when a request was made, by a lease; 0 where that
// is not known for sure. c.mu is held.
func (k *kept) is(t ticket) uint32 {
	if !t.holds(k) || !k.c.bound(k.at) {
		return 0
	}
	return k.st.Qid.Vers
}

// became takes the attributes that were asked for behind a change that was made here. If
// they are another version than was known before, they are of after it. c.mu is held.
func (k *kept) became(was uint32, now client.Behind, t ticket) {
	if was != 0 && now.Ok && now.Stat.Qid.Path == k.path && now.Stat.Qid.Vers != was && now.Stat.Qid.Vers != 0 {
		k.st, k.at = now.Stat, k.stamp(t)
	}
}

// know remembers what a name of a directory leads to, nil for nothing. c.mu is held.
func (k *kept) know(name string, file *kept, t ticket) {
	if k.names == nil {
		k.names = map[string]known{}
	}
	was, is := k.names[name]
	n := known{none: file == nil, k: file, at: k.stamp(t), order: was.order}
	if !is || was.none {
		k.order++
		n.order = k.order
	}
	if file != nil {
		n.ent = p9.Dirent{Qid: file.st.Qid, Mode: file.st.Mode.Type(), Name: name}
	}
	k.names[name] = n
}

// take remembers attributes. c.mu is held.
func (k *kept) take(st *p9.Stat, t ticket) {
	if t.holds(k) {
		if st.Qid.Vers != k.st.Qid.Vers || st.Qid.Vers == 0 {
			k.read, k.target, k.xat = false, "", stamp{}
			k.turn++
			k.let()
		}
		k.st, k.told = *st, true
		if k.at = k.stamp(t); st.Qid.Vers == 0 {
			k.at = stamp{}
		}
		k.sure = k.sure || k.at.leased
	} else if !k.told { // it may have changed since, but not its kind
		k.st, k.told = *st, true
	}
}

// trim forgets, if too much is known, what is not in use. c.mu is held.
func (c *cache) trim() {
	if len(c.files) <= max(keepMost, 2*c.inUse) {
		return
	}
	c.clock++
	c.lost = c.clock
	for p, k := range c.files {
		if k.names, k.listed = nil, (stamp{}); k.refs == 0 {
			delete(c.files, p)
		}
	}
	c.inUse = len(c.files)
}

// hold counts one more user. c.mu is held.
func (k *kept) hold() *kept {
	k.refs++
	return k
}

// Clunk lets the file go; what is known of it stays.
func (k *kept) Clunk() {
	k.c.mu.Lock()
	var fid *client.Fid
	if k.refs--; k.refs == 0 {
		fid, k.fid = k.fid, nil
	}
	k.c.mu.Unlock()
	if fid != nil {
		fid.Drop()
	}
}

var _ srv.File = (*kept)(nil)
