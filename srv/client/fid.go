package client

import (
	"context"
	"errors"
	"os"
	"os/user"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv/p9"
)

// A Fid is the client's hold on a file. Its methods may be called by many
// goroutines at once, save those that move or open it (Open, Create) or end it
// (Remove, Clunk).
type Fid struct {
	c      *Conn
	num    uint32
	name   string // last name walked, as far as it is known
	qid    p9.Qid
	parent p9.Qid // of the directory that the last name was walked in
	iounit uint32
	mode   p9.Mode // of Open
	gone   atomic.Bool

	mu    sync.Mutex
	dir   dirBuf                 // of List in 9P2000
	first atomic.Pointer[[]byte] // what a directory begins with, if it was read when it was opened
}

// newFid takes a number that the server does not know.
func (c *Conn) newFid() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.fids); n > 0 {
		f := c.fids[n-1]
		c.fids = c.fids[:n-1]
		return f
	}
	c.nfid++
	return c.nfid - 1
}

func (c *Conn) freeFid(f uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fids = append(c.fids, f)
}

// settle sees to the number of a fid that a request should have made, of which err came. It
// cannot be known whether the server made it after a flush, about which it may be careless,
// nor after a botch, which is what we make of an answer that may say it did: then it is told
// to let go, for what is sent behind the next walk to the number would meet the old file.
func (c *Conn) settle(ctx context.Context, fid uint32, err error) {
	if ctx.Err() != nil || errors.Is(err, p9.ErrBotch) {
		c.discard(fid)
	} else {
		c.freeFid(fid)
	}
}

// Qid gives the file's qid, as it was when the fid was made or opened.
func (f *Fid) Qid() p9.Qid { return f.qid }

// Parent gives the qid of the directory that the last name of a walk was found in.
func (f *Fid) Parent() p9.Qid { return f.parent }

// Iounit gives how many bytes one Read or Write moves at most.
func (f *Fid) Iounit() uint32 {
	n := f.c.msize - p9.IOHdrSz
	if f.iounit != 0 {
		n = min(n, f.iounit)
	}
	return n
}

// regular reports whether the file's bytes stay at their offsets, so that they can
// be asked for and sent in any order and ahead of time. Streams, what is made up
// as it is read (qid.vers 0) and what is only appended to are not regular.
func (f *Fid) regular() bool { return f.qid.Type&^p9.QTTMP == 0 && f.qid.Vers != 0 }

// Conn gives the connection that the fid is of.
func (f *Fid) Conn() *Conn { return f.c }

// me is the name of who runs the program, or his number where he has none: never what $USER
// says, which may be the name of whom he was.
var me struct {
	once sync.Once
	name string
}

// userOf completes what attach(5) says of a user: "" is who runs the program.
func userOf(uname string) (string, uint32) {
	me.once.Do(func() {
		me.name = strconv.Itoa(os.Getuid())
		if u, err := user.LookupId(me.name); err == nil {
			me.name = u.Username
		}
	})
	if uname == "" || uname == me.name {
		return me.name, uint32(os.Getuid())
	}
	if u, err := user.Lookup(uname); err == nil {
		if n, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			return uname, uint32(n)
		}
	}
	return uname, p9.NoUid
}

// Auth begins an authentication conversation, attach(5): the afid is read and
// written. uname "" is the user who runs the program.
func (c *Conn) Auth(ctx context.Context, uname, aname string) (*Fid, error) {
	return c.attach(ctx, p9.Tauth, nil, uname, aname)
}

// Attach gives the root of the tree called aname to a user. afid is nil where
// the server asks for no authentication.
func (c *Conn) Attach(ctx context.Context, afid *Fid, uname, aname string) (*Fid, error) {
	return c.attach(ctx, p9.Tattach, afid, uname, aname)
}

// AttachAhead is Attach without authentication and without waiting for the answer: what is asked
// on root meanwhile goes right behind, and fails where the attach does, for which attached gives
// the reason. Until that was called, which it must be, nothing else than asking is to be done
// with root. Of a server that does not keep the order of requests the answer is waited for.
func (c *Conn) AttachAhead(ctx context.Context, uname, aname string) (root *Fid, attached func() error) {
	if err := ctx.Err(); err != nil || !c.ordered {
		root, err := c.attach(ctx, p9.Tattach, nil, uname, aname)
		if err != nil {
			root = &Fid{c: c, num: p9.NoFid, name: "/"}
			root.gone.Store(true)
		}
		return root, func() error { return err }
	}
	f := &Fid{c: c, num: c.newFid(), name: "/"}
	k := f.attachCall(p9.Tattach, uname, aname)
	c.send(ctx, k)
	return f, func() error {
		defer k.release()
		c.wait(ctx, k)
		if k.err != nil {
			f.gone.Store(true) // its number may be another's from now on
			c.settle(ctx, f.num, k.err)
			return k.err
		}
		f.qid = k.Qid
		return nil
	}
}

func (c *Conn) attach(ctx context.Context, t p9.Type, afid *Fid, uname, aname string) (*Fid, error) {
	f := &Fid{c: c, num: c.newFid(), name: "/"}
	k := f.attachCall(t, uname, aname)
	defer k.release()
	if t == p9.Tauth {
		k.Afid, f.name = f.num, ""
	} else if afid != nil {
		k.Afid = afid.num
	}
	if err := c.do(ctx, k); err != nil {
		c.settle(ctx, f.num, err)
		if c.dotl && errors.Is(err, syscall.ECONNREFUSED) { // the number is all that it says
			err = p9.NewError(syscall.ECONNREFUSED, p9.ErrNoAuth.Ename+", or connection refused")
		}
		return nil, err
	}
	f.qid = k.Qid
	return f, nil
}

// attachCall makes a call that makes the fid, without authentication.
func (f *Fid) attachCall(t p9.Type, uname, aname string) *call {
	k := newCall(t)
	k.Uname, k.Nuname = userOf(uname)
	k.Aname, k.Fid, k.Afid = aname, f.num, p9.NoFid
	return k
}

// start makes a call on the fid.
func (f *Fid) start(t p9.Type) *call {
	k := newCall(t)
	k.of, k.Fid = f, f.num
	return k
}

// simple makes a call whose reply, but for an error, says nothing.
func (f *Fid) simple(ctx context.Context, t p9.Type, set func(k *call) error) error {
	k := f.start(t)
	defer k.release()
	if set != nil {
		if err := set(k); err != nil {
			return err
		}
	}
	return f.c.do(ctx, k)
}

// fit tells how many of the names one Twalk can have.
func (c *Conn) fit(names []string) int {
	size := p9.HdrSz + 4 + 4 + 2
	for i, n := range names {
		if size += 2 + len(n); i == p9.MaxWelem || size > int(c.msize) {
			return i
		}
	}
	return len(names)
}

// Walk gives a new fid for the file at the end of a path, for the same file
// without names. More than p9.MaxWelem names take several messages.
func (f *Fid) Walk(ctx context.Context, names ...string) (*Fid, error) {
	g := f.next()
	from := f
	for first := true; first || len(names) > 0; first = false {
		n := f.c.fit(names)
		if n == 0 && len(names) > 0 {
			n = 1 // which says that it is too long
		}
		done, err := from.walk(ctx, g, names[:n])
		if err == nil && done < n {
			if err = g.stopped(done); err == nil { // ask again for the reason, from as far as it goes
				n = done
				_, err = from.walk(ctx, g, names[:n])
			}
		}
		if err != nil {
			if from == g {
				f.c.discard(g.num)
			} else {
				f.c.settle(ctx, g.num, err)
			}
			return nil, err
		}
		names, from = names[n:], g
	}
	return g, nil
}

// next makes a fid that a walk from f is to make at the server.
func (f *Fid) next() *Fid { return &Fid{c: f.c, num: f.c.newFid(), name: f.name, qid: f.qid} }

func (f *Fid) walkCall(g *Fid, names []string) *call {
	k := f.start(p9.Twalk)
	k.Newfid = g.num
	k.Wname = append(k.Wname, names...)
	return k
}

// walk sends one Twalk that makes g, or moves it, and says how many names were
// walked. g's qid is then the last one's, even if g was not made.
func (f *Fid) walk(ctx context.Context, g *Fid, names []string) (int, error) {
	k := f.walkCall(g, names)
	defer k.release()
	if err := f.c.do(ctx, k); err != nil {
		return 0, err
	}
	return g.walked(k, names)
}

// walked takes the qids of an Rwalk.
func (g *Fid) walked(k *call, names []string) (int, error) {
	n := len(k.Wqid)
	if n > len(names) {
		return 0, botch("Rwalk of %d qids for %d names", n, len(names))
	}
	for i, q := range k.Wqid {
		if i+1 < n && !q.IsDir() {
			return 0, botch("Rwalk through %q, which is no directory", names[i])
		}
		g.parent, g.qid, g.name = g.qid, q, names[i]
	}
	if g.name == ".." {
		g.name = ""
	}
	return n, nil
}

// stopped says why a walk came only n names far, as far as that is known.
func (g *Fid) stopped(n int) error {
	switch {
	case n == 0:
		return botch("Rwalk without qids")
	case !g.qid.IsDir():
		return p9.ErrNotDir
	}
	return nil
}

// Clunk lets the file go. The fid is gone even on an error, and when ctx ends
// before the reply is there. A file opened with ORCLOSE is removed.
func (f *Fid) Clunk(ctx context.Context) error {
	t := p9.Tclunk
	if f.mode&p9.ORCLOSE != 0 && f.c.dotl { // which has no such mode
		t = p9.Tremove
	}
	return f.end(ctx, t)
}

// Remove removes the file and lets it go, even on an error.
func (f *Fid) Remove(ctx context.Context) error { return f.end(ctx, p9.Tremove) }

// end sends a request after which the fid is gone, even if ctx has ended.
func (f *Fid) end(ctx context.Context, t p9.Type) error {
	if f.gone.Swap(true) {
		return p9.ErrUnknownFid
	}
	k := newCall(t)
	k.Fid = f.num
	own, err := f.c.ended(ctx, k, f.c.sendRead(ctx, k))
	if own {
		f.c.freeFid(f.num)
		k.release()
	}
	return err
}

// let lets the file go and does not wait for that.
func (f *Fid) let() {
	if !f.gone.Swap(true) {
		f.c.discard(f.num)
	}
}

// Drop lets a file go that was not opened, or of which nobody minds when it is closed.
// That is sent along with what the connection is next used for, or a few milliseconds
// later, so that it costs no message of its own.
func (f *Fid) Drop() {
	if !f.gone.Swap(true) {
		f.c.endSoon(f.num)
	}
}
