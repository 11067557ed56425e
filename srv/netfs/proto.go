package netfs

import (
	"context"
	"io/fs"
	"strconv"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A proto is the directory of a protocol: clone, and its conversations by number.
type proto struct {
	*srv.Dir
	fs    *FS
	name  string
	verbs []verb

	// local and remote are the addresses of a socket as the files have them, status what
	// the file status says of a conversation.
	text   func(c *conv, s *sock, far bool) string
	status func(c *conv) string

	mu    sync.Mutex
	slots []*slot // by number
}

// maxConvs is how many conversations a protocol has at once.
const maxConvs = 1 << 16

func newProto(f *FS, name string, verbs []verb) *proto {
	p := &proto{Dir: srv.NewDir(), fs: f, name: name, verbs: verbs}
	p.text = func(_ *conv, s *sock, far bool) string { return s.text(far) }
	p.status = func(c *conv) string { return c.state }
	p.Add("clone", &cloneFile{srv.NewNode(0o666), p})
	f.Add(name, p)
	f.protos[name] = p
	return p
}

// A slot is a number with its directory, which is there while a conversation has the
// number. It is the same for the next one, as in Plan 9: who remembers the directory for
// a while, as Linux does, is not led to one that is over.
type slot struct {
	dir   *srv.Dir
	files [len(fileNames)]file
	conv  *conv // nil: free. Of proto.mu
}

// place gives a conversation the lowest number that is free.
func (p *proto) place(c *conv) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c.n = range p.slots {
		if p.slots[c.n].conv == nil {
			p.slots[c.n].conv = c
			return nil
		}
	}
	if c.n = len(p.slots); c.n >= maxConvs {
		return syscall.ENFILE
	}
	s := &slot{dir: srv.NewDir(), conv: c}
	for i := range fileNames {
		f := &s.files[i]
		*f = file{Node: srv.NewNode(fileNames[i].mode), p: p, n: c.n, kind: i}
		s.dir.Add(fileNames[i].name, f)
	}
	p.slots = append(p.slots, s)
	return nil
}

// free takes the number from a conversation.
func (p *proto) free(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[n].conv = nil
}

// slot gives that of a number.
func (p *proto) slot(n int) *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slots[n]
}

// conversation gives the one of a number, nil if there is none.
func (p *proto) conversation(n int) *conv {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 0 || n >= len(p.slots) {
		return nil
	}
	return p.slots[n].conv
}

// converse makes a conversation of a user's, held once; e, if it is not nil, is what a
// caller came in by.
func (p *proto) converse(u *srv.User, e end, state string) (c *conv, err error) {
	c = &conv{p: p, user: u, open: 1, end: e, state: state}
	if err = p.place(c); err == nil && !p.fs.enter(c) {
		p.free(c.n)
		err = p9.ErrHungup
	}
	if err != nil {
		if e != nil {
			e.close()
		}
		return nil, err
	}
	p.Add(strconv.Itoa(c.n), p.slot(c.n).dir)
	return c, nil
}

// A cloneFile is opened to the ctl of a new conversation.
type cloneFile struct {
	srv.Node
	p *proto
}

// Inline marks that opening does not block.
func (f *cloneFile) Inline() {}

// Open makes the conversation.
func (f *cloneFile) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	c, err := f.p.converse(srv.UserOf(ctx), nil, closed)
	if err != nil {
		return nil, err
	}
	return c.openCtl(ctx)
}

// The files of a conversation.
const (
	ctlFile = iota
	dataFile
	errFile
	listenFile
	localFile
	remoteFile
	statusFile
)

var fileNames = [...]struct {
	name string
	mode fs.FileMode
}{{"ctl", 0o600}, {"data", 0o600}, {"err", 0o400}, {"listen", 0o600}, {"local", 0o444}, {"remote", 0o444}, {"status", 0o444}}

// A file is one of a conversation's, whichever has the number.
type file struct {
	srv.Node
	p    *proto
	n    int
	kind int
}

// Inline marks that opening says when it would block.
func (f *file) Inline() {}

// Stat tells the attributes: the owner is the user who opened clone.
func (f *file) Stat(ctx context.Context) (p9.Stat, error) {
	c := f.p.conversation(f.n)
	if c == nil {
		return p9.Stat{}, p9.ErrNotExist
	}
	st, err := f.Node.Stat(ctx)
	if u := c.user; u != nil {
		st.Uid, st.Nuid, st.Ngid = u.Name, u.Uid, u.Gid
		if u.Gid == p9.NoUid {
			st.Gid = u.Name
		}
	}
	return st, err
}

// Open opens the file. That of listen waits for a caller, and is then the ctl of the
// conversation with him.
func (f *file) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	c := f.p.conversation(f.n)
	if c == nil || !c.hold() {
		return nil, p9.ErrNotExist
	}
	var text string
	switch f.kind {
	case ctlFile, dataFile, listenFile, errFile:
		if !c.of(srv.UserOf(ctx)) { // the number was another's when the engine looked
			c.release()
			return nil, p9.ErrPerm
		}
	}
	switch f.kind {
	case ctlFile:
		return c.openCtl(ctx)
	case dataFile:
		return &dataHandle{c: c}, nil
	case listenFile:
		defer c.release()
		if srv.Nonblock(ctx) {
			return nil, srv.ErrAgain
		}
		n, err := c.listen(ctx, srv.UserOf(ctx))
		if err != nil {
			return nil, c.fail(err)
		}
		return n.openCtl(ctx)
	case errFile:
		text = c.errText()
	case localFile:
		text = c.addr(false) + "\n"
	case remoteFile:
		text = c.addr(true) + "\n"
	case statusFile:
		text = c.statusText() + "\n"
	}
	return &textHandle{srv.Bytes(text), c}, nil
}

// A textHandle is a file that reads as it was when it was opened.
type textHandle struct {
	srv.Bytes
	c *conv
}

// Clunk lets the conversation go.
func (h *textHandle) Clunk() { h.c.release() }

// A dataHandle is data, open.
type dataHandle struct{ c *conv }

// Inline marks that reading and writing say when they would block.
func (*dataHandle) Inline() {}

// Ordered marks that a client may have several reads and writes on their way.
func (*dataHandle) Ordered() {}

// Splice moves what has come to a pipe, where that is much.
func (h *dataHandle) Splice(pipe, n int) int {
	if e, err := h.c.talk(); err == nil {
		if s, ok := e.(*sock); ok {
			return s.splice(pipe, n)
		}
	}
	return 0
}

// Wait waits for something to come.
func (h *dataHandle) Wait(ctx context.Context) error {
	e, err := h.c.talk()
	if s, ok := e.(*sock); ok && err == nil {
		return h.c.fail(s.wait(ctx))
	}
	return nil // Read tells
}

// Read gives what has come.
func (h *dataHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	e, err := h.c.talk()
	if err != nil {
		return 0, err
	}
	n, err := e.read(ctx, p)
	return n, h.c.fail(err)
}

// Write sends.
func (h *dataHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	e, err := h.c.talk()
	if err != nil {
		return 0, err
	}
	n, err := e.write(ctx, p)
	return n, h.c.fail(err)
}

// Clunk lets the conversation go.
func (h *dataHandle) Clunk() { h.c.release() }
