package srv_test

import (
	"context"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A kind is what a file of a orchard does when it is used.
type kind uint8

const (
	kDir       kind = iota
	kText           // reads as its data, cannot be written
	kSelf           // as kText, and opens to itself
	kMove           // as kText, and opens to another File of the same file
	kData           // keeps what is written
	kSink           // takes all that is written, cannot be read
	kWaitRead       // a read at an even offset waits for its ctx's end, another is "w"
	kWaitWrite      // so do writes; one at an offset of 4n+2 has then taken a byte
	kWaitOpen       // an open waits for its ctx's end
	kDeafOpen       // the same, and then succeeds
	kWaitWalk       // the walk to it waits for its ctx's end
	kOdd            // does not open, with an error of its own
	kClone          // opens to another file, ctl
	kCtl
	kLock  // a lock that waits waits for its ctx's end
	kQueue // a srv.Queue of records of one byte
)

// seeds are the files that a orchard begins with. The numbers of their qids are
// where they stand.
var seeds = [...]struct {
	name   string
	parent int
	kind   kind
	perm   fs.FileMode
	data   string
}{
	{"/", 0, kDir, 0o777, ""},
	{"d", 0, kDir, 0o777, ""},
	{"m", 0, kDir, 0o777, ""}, // things are made here
	{"closed", 0, kDir, 0, ""},
	{"e", 1, kDir, 0o777, ""},
	{"w", 0, kDir, 0o777, ""},
	{"text", 0, kText, 0o777, "the quick brown fox jumps over the lazy dog"},
	{"text", 1, kMove, 0o444, "0123456789"},
	{"self", 4, kSelf, 0o777, "itself"},
	{"sink", 0, kSink, 0o777, ""},
	{"wread", 0, kWaitRead, 0o777, ""},
	{"wwrite", 0, kWaitWrite, 0o777, ""},
	{"wopen", 0, kWaitOpen, 0o777, ""},
	{"deaf", 0, kDeafOpen, 0o777, ""},
	{"wwalk", 5, kWaitWalk, 0o777, ""},
	{"odd", 0, kOdd, 0o777, ""},
	{"none", 0, kText, 0, "secret"},
	{"clone", 0, kClone, 0o777, ""},
	{"lock", 0, kLock, 0o777, ""},
	{"queue", 0, kQueue, 0o777, ""},
}

const (
	ctlPath   = 100 // the qid path of kCtl
	firstPath = 200 // and of the first file that is made
	roomy     = 10  // bytes more than this in a file that is made are refused
	maxMade   = 12
)

var errOdd = p9.NewError(syscall.EXDEV, "an odd thing")

// A style says which files of a orchard are Inline.
type style uint8

const (
	allSlow style = iota
	allQuick
	quickDirs
	quickFiles
	allAgain // every file, and those that would wait say so
	styles
)

// A orchard is the tree that the model is about. Each File and Handle that it
// gives is counted by the census.
type orchard struct {
	*census
	root  *plot
	queue *srv.Queue

	mu    sync.Mutex
	paths uint64
	calls int
}

// A plot is a file of the orchard, for all who hold it.
type plot struct {
	name string
	up   *plot // the root's is itself
	kind kind
	path uint64
	perm fs.FileMode
	ents []*plot
	gone bool
	data string
	attr map[string]string
}

// sow makes the seeds and gives the root.
func sow() *plot {
	var all []*plot
	for i, s := range seeds {
		p := &plot{name: s.name, kind: s.kind, path: uint64(i), perm: s.perm, data: s.data, attr: map[string]string{"user.a": "value"}}
		all = append(all, p)
		if p.up = all[s.parent]; i > 0 {
			p.up.ents = append(p.up.ents, p)
		}
	}
	return all[0]
}

func newCtl() *plot {
	return &plot{name: "ctl", kind: kCtl, path: ctlPath, perm: 0o777, data: "ctl\n", attr: map[string]string{}}
}

func newOrchard(c *census) *orchard {
	return &orchard{census: c, root: sow(), queue: srv.NewQueue(0o777), paths: firstPath}
}

// made gives a new file for a directory.
func (p *plot) made(name string, path uint64, dir bool) *plot {
	n := &plot{name: name, up: p, kind: kData, path: path, perm: 0o777, attr: map[string]string{}}
	if dir {
		n.kind = kDir
	}
	p.ents = append(p.ents, n)
	return n
}

// A crop is a File or Handle of a plot.
type crop struct {
	*being
	fm   *orchard
	p    *plot
	st   style
	mode p9.Mode
}

func (c *crop) base() *crop { return c }

// enter begins a call, which goes on with the orchard locked.
func (c *crop) enter(ctx context.Context) (func(), error) {
	leave := c.use()
	c.fm.mu.Lock()
	if c.fm.calls++; c.st == allAgain && srv.Nonblock(ctx) && c.fm.calls%3 == 0 {
		c.fm.mu.Unlock()
		leave()
		return nil, srv.ErrAgain
	}
	return func() { c.fm.mu.Unlock(); leave() }, nil
}

// wait waits for ctx's end, with the orchard not locked.
func (c *crop) wait(ctx context.Context) error {
	if c.st == allAgain && srv.Nonblock(ctx) {
		return srv.ErrAgain
	}
	c.fm.mu.Unlock()
	defer c.fm.mu.Lock()
	<-ctx.Done()
	return ctx.Err()
}

func (p *plot) qid() p9.Qid {
	if p.kind == kDir {
		return p9.Qid{Type: p9.QTDIR, Path: p.path}
	}
	return p9.Qid{Path: p.path}
}

// A stem is a crop that is a File.
type stem struct{ crop }

func (c *stem) Stat(ctx context.Context) (st p9.Stat, err error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return st, err
	}
	defer leave()
	st = p9.Stat{Qid: c.p.qid(), Mode: c.p.perm, Length: uint64(len(c.p.data)), Uid: "glenda", Gid: "glenda"}
	if c.p.kind == kDir {
		st.Mode |= fs.ModeDir
	}
	return st, nil
}

func (c *stem) Wstat(ctx context.Context, w p9.Wstat) error {
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if w.Valid&p9.WLength != 0 && c.p.kind == kData {
		if w.Length > roomy {
			return syscall.EFBIG
		}
		c.p.data = (c.p.data + string(make([]byte, roomy)))[:w.Length]
	}
	return nil
}

func (c *stem) Listxattr(ctx context.Context) (names []string, err error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	for n := range c.p.attr {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

func (c *stem) Getxattr(ctx context.Context, name string) ([]byte, error) {
	leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if v, ok := c.p.attr[name]; ok {
		return []byte(v), nil
	}
	return nil, syscall.ENODATA
}

func (c *stem) Setxattr(ctx context.Context, name string, value []byte, flags int) error {
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	_, ok := c.p.attr[name]
	switch {
	case flags == 1 && ok:
		return syscall.EEXIST
	case flags == 2 && !ok:
		return syscall.ENODATA
	}
	c.p.attr[name] = string(value)
	return nil
}

func (c *stem) Removexattr(ctx context.Context, name string) error {
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if _, ok := c.p.attr[name]; !ok {
		return syscall.ENODATA
	}
	delete(c.p.attr, name)
	return nil
}

// file gives a File of a plot in the style. The orchard is locked.
func (c *crop) file(p *plot) srv.File {
	n := stem{crop{c.being.c.being(), c.fm, p, c.st, 0}}
	quick := c.st == allAgain
	switch p.kind {
	case kDir:
		quick = quick || p.name != "w" && (c.st == allQuick || c.st == quickDirs)
	case kWaitRead, kWaitWrite, kWaitOpen, kDeafOpen, kWaitWalk, kLock, kQueue:
	default:
		quick = quick || c.st == allQuick || c.st == quickFiles
	}
	switch {
	case p.kind == kDir && quick:
		return &struct {
			dirCrop
			quickly
		}{dirCrop: dirCrop{n}}
	case p.kind == kDir:
		return &dirCrop{n}
	case p.kind == kSelf && quick:
		return &struct {
			openCrop
			quickly
		}{openCrop: openCrop{n}}
	case p.kind == kSelf:
		return &openCrop{n}
	case quick:
		return &struct {
			fileCrop
			quickly
		}{fileCrop: fileCrop{n}}
	}
	return &fileCrop{n}
}

// quickly is embedded in what is Inline.
type quickly struct{}

func (quickly) Inline() {}

// A dirCrop is a directory.
type dirCrop struct{ stem }

func (p *plot) find(name string) int {
	return slices.IndexFunc(p.ents, func(e *plot) bool { return e.name == name })
}

func (d *dirCrop) Walk(ctx context.Context, name string) (srv.File, error) {
	leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	i := d.p.find(name)
	if i < 0 {
		return nil, p9.ErrNotExist
	}
	if e := d.p.ents[i]; e.kind != kWaitWalk {
		return d.file(e), nil
	}
	return nil, d.wait(ctx)
}

func (d *dirCrop) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		leave, err := d.enter(ctx)
		if err != nil {
			yield(p9.Dirent{}, err)
			return
		}
		ents := slices.Clone(d.p.ents)
		leave()
		for i := cookie; i < uint64(len(ents)); i++ {
			e := p9.Dirent{Qid: ents[i].qid(), Cookie: i + 1, Name: ents[i].name}
			if ents[i].kind == kDir {
				e.Mode = fs.ModeDir
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// mutable says why a directory takes no changes.
func (p *plot) mutable() *p9.Error {
	switch {
	case p.path < firstPath && p.name != "m":
		return p9.ErrPerm
	case p.gone:
		return p9.ErrNotExist
	}
	return nil
}

// unlink removes an entry.
func (p *plot) unlink(name string, dir bool) *p9.Error {
	i := p.find(name)
	e := p.mutable()
	switch {
	case e != nil:
		return e
	case i < 0:
		return p9.ErrNotExist
	case dir && p.ents[i].kind != kDir:
		return p9.ErrNotDir
	case !dir && p.ents[i].kind == kDir:
		return p9.ErrIsDir
	case len(p.ents[i].ents) > 0:
		return p9.ErrNotEmpty
	}
	p.ents[i].gone = true
	p.ents = slices.Delete(p.ents, i, i+1)
	return nil
}

// rename moves a file, and no directory.
func (p *plot) rename(old string, to *plot, name string) *p9.Error {
	if e := p.mutable(); e != nil {
		return e
	}
	if to.kind != kDir {
		return p9.ErrNotDir
	}
	if e := to.mutable(); e != nil {
		return e
	}
	i, j := p.find(old), to.find(name)
	switch {
	case i < 0:
		return p9.ErrNotExist
	case p.ents[i].kind == kDir || j >= 0 && to.ents[j].kind == kDir:
		return errOdd
	case j >= 0 && p.ents[i] == to.ents[j]:
		return nil
	}
	moved := p.ents[i]
	if j >= 0 {
		to.ents[j].gone = true
		to.ents = slices.Delete(to.ents, j, j+1)
	}
	i = p.find(old)
	p.ents = slices.Delete(p.ents, i, i+1)
	moved.name, moved.up = name, to
	to.ents = append(to.ents, moved)
	return nil
}

func (d *dirCrop) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	leave, err := d.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	if e := d.p.mutable(); e != nil {
		return nil, nil, e
	}
	i := d.p.find(name)
	if i >= 0 && (d.p.ents[i].kind == kDir || perm.IsDir() || mode&p9.OEXCL != 0) {
		return nil, nil, p9.ErrExist
	}
	if i < 0 {
		if d.fm.paths >= firstPath+maxMade {
			return nil, nil, syscall.ENOSPC
		}
		i = len(d.p.ents)
		d.p.made(name, d.fm.paths, perm.IsDir())
		d.fm.paths++
	}
	f := d.file(d.p.ents[i])
	return f, d.grip(d.p.ents[i], mode), nil
}

// grip gives a Handle of a plot. The orchard is locked.
func (c *crop) grip(p *plot, mode p9.Mode) srv.Handle {
	if mode&p9.OTRUNC != 0 && p.kind == kData {
		p.data = ""
	}
	g := crop{c.being.c.being(), c.fm, p, c.st, mode}
	switch p.kind {
	case kDir:
		return &g
	case kClone:
		g.p = newCtl()
		return &openCrop{stem{g}}
	case kMove:
		return &openCrop{stem{g}}
	case kText:
		return &readCrop{g}
	case kSink:
		return &writeCrop{g}
	}
	h := bothCrop{readCrop{g}, writeCrop{g}}
	if c.st == allAgain || c.st != allSlow && p.kind == kData {
		return &struct {
			bothCrop
			quickly
		}{bothCrop: h}
	}
	return &h
}

func (d *dirCrop) Unlink(ctx context.Context, name string, dir bool) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return wrong(d.p.unlink(name, dir))
}

func (d *dirCrop) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	to := newdir.(interface{ base() *crop }).base()
	if to.being != d.being {
		defer to.use()()
	}
	return wrong(d.p.rename(old, to.p, newname))
}

// wrong gives an error that may be none.
func wrong(e *p9.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// A fileCrop is a file that opens.
type fileCrop struct{ stem }

func (f *fileCrop) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch f.p.kind {
	case kWaitOpen:
		return nil, f.wait(ctx)
	case kDeafOpen:
		if f.wait(ctx) == srv.ErrAgain {
			return nil, srv.ErrAgain
		}
	case kOdd:
		return nil, errOdd
	}
	return f.grip(f.p, mode), nil
}

// A readCrop is open for reading.
type readCrop struct{ crop }

func (r *readCrop) Read(ctx context.Context, p []byte, off int64) (int, error) {
	leave, err := r.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	switch r.p.kind {
	case kWaitRead:
		if off%2 == 0 {
			return 0, r.wait(ctx)
		}
		return copy(p, "w"), nil
	case kQueue:
		if r.st == allAgain && srv.Nonblock(ctx) {
			return 0, srv.ErrAgain
		}
		r.fm.mu.Unlock()
		defer r.fm.mu.Lock()
		return r.fm.queue.Read(ctx, p, off)
	}
	return copy(p, r.p.data[min(off, int64(len(r.p.data))):]), nil
}

// An openCrop is a File and open for reading.
type openCrop struct{ stem }

func (o *openCrop) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return (&readCrop{o.crop}).Read(ctx, p, off)
}

// A writeCrop is open for writing.
type writeCrop struct{ crop }

func (w *writeCrop) Write(ctx context.Context, p []byte, off int64) (int, error) {
	leave, err := w.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	switch w.p.kind {
	case kWaitWrite:
		if off%2 != 0 {
			return len(p), nil
		}
		err := w.wait(ctx)
		if off%4 == 2 && err != srv.ErrAgain {
			return min(1, len(p)), err
		}
		return 0, err
	case kQueue:
		w.fm.mu.Unlock()
		defer w.fm.mu.Lock()
		return w.fm.queue.Write(ctx, p, off)
	case kData:
		if off > roomy || len(p) > roomy {
			return 0, syscall.EFBIG
		}
		n := max(len(w.p.data), int(off)+len(p))
		b := make([]byte, n)
		copy(b, w.p.data)
		copy(b[off:], p)
		w.p.data = string(b)
	}
	return len(p), nil
}

// A bothCrop is open for both, and for locks.
type bothCrop struct {
	readCrop
	writeCrop
}

func (b *bothCrop) base() *crop { return &b.readCrop.crop }
func (b *bothCrop) Clunk()      { b.readCrop.Clunk() }

func (b *bothCrop) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	c := b.base()
	leave, err := c.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	switch {
	case c.p.kind != kLock:
		return 0, p9.ErrNotSup
	case l.Flags&p9.LockFlagBlock != 0:
		return p9.LockError, c.wait(ctx)
	}
	return p9.LockBlocked, nil
}

func (b *bothCrop) Getlock(_ context.Context, l p9.Flock) (p9.Flock, error) {
	l.Type = p9.LockUnlock
	return l, nil
}
