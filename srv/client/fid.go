package client

import (
	"context"
	"errors"
	"fmt"
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
	iounit uint32
	mode   p9.Mode // of Open
	gone   atomic.Bool

	mu  sync.Mutex
	dir dirBuf // of List in 9P2000
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

// settle sees to a fid that a request should have made: after a flush it cannot
// be known whether a server that is careless about flushes made it.
func (c *Conn) settle(ctx context.Context, fid uint32) {
	if ctx.Err() != nil {
		c.discard(fid)
	} else {
		c.freeFid(fid)
	}
}

// Qid gives the file's qid, as it was when the fid was made or opened.
func (f *Fid) Qid() p9.Qid { return f.qid }

// Iounit gives how many bytes one Read or Write moves at most.
func (f *Fid) Iounit() uint32 {
	n := f.c.msize - p9.IOHdrSz
	if f.iounit != 0 {
		n = min(n, f.iounit)
	}
	return n
}

// Conn gives the connection that the fid is of.
func (f *Fid) Conn() *Conn { return f.c }

// userOf completes what attach(5) says of a user: "" is who runs the program.
func userOf(uname string) (string, uint32) {
	me, err := user.Current()
	if err != nil {
		me = &user.User{Username: os.Getenv("USER"), Uid: strconv.Itoa(os.Getuid())}
		if me.Username == "" {
			me.Username = me.Uid
		}
	}
	if uname == "" || uname == me.Username {
		return me.Username, uint32(os.Getuid())
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

func (c *Conn) attach(ctx context.Context, t p9.Type, afid *Fid, uname, aname string) (*Fid, error) {
	k := newCall(t)
	defer k.release()
	f := &Fid{c: c, num: c.newFid(), name: "/"}
	k.Uname, k.Nuname = userOf(uname)
	k.Aname, k.Fid, k.Afid = aname, f.num, p9.NoFid
	if t == p9.Tauth {
		k.Afid, f.name = f.num, ""
	} else if afid != nil {
		k.Afid = afid.num
	}
	if err := c.do(ctx, k); err != nil {
		c.settle(ctx, f.num)
		return nil, err
	}
	f.qid = k.Qid
	return f, nil
}

// start makes a call on the fid.
func (f *Fid) start(t p9.Type) (*call, error) {
	if f.gone.Load() {
		return nil, p9.ErrUnknownFid
	}
	k := newCall(t)
	k.Fid = f.num
	return k, nil
}

// simple makes a call whose reply, but for an error, says nothing.
func (f *Fid) simple(ctx context.Context, t p9.Type, set func(k *call) error) error {
	k, err := f.start(t)
	if err != nil {
		return err
	}
	defer k.release()
	if set != nil {
		if err := set(k); err != nil {
			return err
		}
	}
	return f.c.do(ctx, k)
}

// Walk gives a new fid for the file at the end of a path, for the same file
// without names. More than p9.MaxWelem names take several messages.
func (f *Fid) Walk(ctx context.Context, names ...string) (*Fid, error) {
	g := &Fid{c: f.c, num: f.c.newFid(), name: f.name, qid: f.qid}
	from := f
	for first := true; first || len(names) > 0; first = false {
		n := min(len(names), p9.MaxWelem)
		done, err := from.walk(ctx, g, names[:n])
		switch {
		case err == nil && done < n && done == 0:
			err = fmt.Errorf("%w: Rwalk without qids", p9.ErrBotch)
		case err == nil && done < n && !g.qid.IsDir():
			err = p9.ErrNotDir
		case err == nil && done < n: // ask again for the reason, from as far as it goes
			n = done
			_, err = from.walk(ctx, g, names[:n])
		}
		if err != nil {
			if from == g {
				f.c.discard(g.num)
			} else {
				f.c.settle(ctx, g.num)
			}
			return nil, err
		}
		names, from = names[n:], g
	}
	return g, nil
}

// walk sends one Twalk that makes g, or moves it, and says how many names were
// walked. g's qid is then the last one's, even if g was not made.
func (f *Fid) walk(ctx context.Context, g *Fid, names []string) (int, error) {
	k, err := f.start(p9.Twalk)
	if err != nil {
		return 0, err
	}
	defer k.release()
	k.Newfid = g.num
	k.Wname = append(k.Wname, names...)
	if err := f.c.do(ctx, k); err != nil {
		return 0, err
	}
	return g.walked(k, names)
}

// walked takes the qids of an Rwalk.
func (g *Fid) walked(k *call, names []string) (int, error) {
	n := len(k.Wqid)
	if n > len(names) {
		return 0, fmt.Errorf("%w: Rwalk of %d qids for %d names", p9.ErrBotch, n, len(names))
	}
	for i, q := range k.Wqid {
		if i+1 < n && !q.IsDir() {
			return 0, fmt.Errorf("%w: Rwalk through %q, which is no directory", p9.ErrBotch, names[i])
		}
		g.qid = q
		g.name = names[i]
	}
	if g.name == ".." {
		g.name = ""
	}
	return n, nil
}

// WalkStat walks to a name and asks for the file's attributes, both in one go.
func (f *Fid) WalkStat(ctx context.Context, name string) (*Fid, p9.Stat, error) {
	t := statType(f.c.dotl)
	g, k, err := f.walkAnd(ctx, []string{name}, t, func(k *call) { k.Mask = p9.GetattrAll })
	if err != nil {
		return nil, p9.Stat{}, err
	}
	defer k.release()
	var st p9.Stat
	if k.err == nil {
		st, err = g.statted(k)
	} else { // a server may have asked the fid before it was there
		st, err = g.Stat(ctx)
	}
	if err != nil {
		f.c.discard(g.num)
		return nil, p9.Stat{}, err
	}
	return g, st, nil
}

// OpenNew opens the file by a new fid and leaves f as it is, in one go.
func (f *Fid) OpenNew(ctx context.Context, mode p9.Mode) (*Fid, error) {
	g, k, err := f.walkAnd(ctx, nil, f.c.openType(), func(k *call) { k.Mode, k.Flags = mode.Plan9(), mode.Linux() })
	if err != nil {
		return nil, err
	}
	defer k.release()
	if k.err == nil {
		g.qid, g.iounit, g.mode = k.Qid, k.Iounit, mode
		return g, nil
	}
	err = k.err
	if errors.Is(err, syscall.EBADF) { // as in WalkStat
		err = g.Open(ctx, mode)
	}
	if err != nil {
		f.c.discard(g.num)
		return nil, err
	}
	return g, nil
}

// walkAnd sends a walk to a new fid and a request on that fid back to back. The
// second call comes back with its reply or its error in it, to be released.
func (f *Fid) walkAnd(ctx context.Context, names []string, t p9.Type, set func(*call)) (*Fid, *call, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	k, err := f.start(p9.Twalk)
	if err != nil {
		return nil, nil, err
	}
	defer k.release()
	g := &Fid{c: f.c, num: f.c.newFid(), name: f.name, qid: f.qid}
	k.Newfid = g.num
	k.Wname = append(k.Wname, names...)
	k2, _ := g.start(t)
	set(k2)
	if err := f.c.send(ctx, k, k2); err != nil {
		f.c.freeFid(g.num)
		k2.release()
		return nil, nil, err
	}
	err = f.c.wait(ctx, k)
	k2.err = f.c.wait(ctx, k2)
	if err == nil {
		var n int
		if n, err = g.walked(k, names); err == nil && n < len(names) {
			err = fmt.Errorf("%w: Rwalk without qids", p9.ErrBotch)
		}
	}
	if err != nil {
		k2.release()
		f.c.settle(ctx, g.num)
		return nil, nil, err
	}
	return g, k2, nil
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

// end sends a request after which the fid is gone. It is sent even if ctx has
// ended and never flushed, for then the fid would be neither gone nor in hand.
func (f *Fid) end(ctx context.Context, t p9.Type) error {
	if f.gone.Swap(true) {
		return p9.ErrUnknownFid
	}
	k := newCall(t)
	k.Fid = f.num
	if err := f.c.send(context.WithoutCancel(ctx), k); err != nil {
		k.release()
		return err
	}
	select {
	case <-k.done:
	case <-ctx.Done():
		if f.c.abandon(k) {
			return ctx.Err()
		}
		<-k.done
	}
	defer k.release()
	f.c.freeFid(f.num)
	return k.err
}
