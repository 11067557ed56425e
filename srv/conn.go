package srv

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv/p9"
)

// A conn is one connection. Its reading goroutine decodes requests in order and
// admits them to their fids; what may block then runs on a goroutine of its own.
//
// Lock order: conn.mu, then out.mu. Neither is held while a File's method runs.
type conn struct {
	srv  *Server
	base context.Context
	rwc  io.ReadWriteCloser
	in   *bufio.Reader
	out  out

	// Set by Tversion, while nothing else runs.
	dotl  bool
	msize uint32 // 0: no version agreed on

	mu       sync.Mutex
	fids     map[uint32]*fid
	reqs     map[uint16]*req // no more than there are tags
	flushing map[uint16]*req // by the tag of a Tflush that waits for it
	wg       sync.WaitGroup  // running and queued requests

	held    atomic.Int64 // bytes of requests that have no reply yet
	reading atomic.Int64 // bytes of read buffers, until they are sent
}

// The connection is read on whatever is in flight: a Tflush or the hangup may be
// next, and nothing else may ever end what blocks. Tags bound the number of
// requests, and these bound their memory.
const (
	maxFids    = 1 << 20
	heldBudget = 256 << 20 // bytes of requests past which only small ones are taken
	smallFrame = 512
	readBudget = 64 << 20 // bytes of read buffers past which reads are cut short
	shortRead  = 8 << 10
	firstFrame = 8 << 10 // the longest message before a version is agreed on
)

// ServeConn serves one connection until it hangs up, breaks the protocol or ctx
// ends. It then cancels what runs, waits for it, clunks every fid and closes rwc.
// The error says why it ended; nil is a hangup between messages.
func (s *Server) ServeConn(ctx context.Context, rwc io.ReadWriteCloser) error {
	c := &conn{srv: s, base: ctx, rwc: rwc, in: bufio.NewReaderSize(rwc, 8<<10), fids: map[uint32]*fid{},
		reqs: map[uint16]*req{}, flushing: map[uint16]*req{}}
	c.out.w = rwc
	c.out.idle.L = &c.out.mu
	stop := context.AfterFunc(ctx, func() { rwc.Close() })
	defer stop()
	err := c.serve()
	rwc.Close()
	c.reset()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *conn) serve() error {
	for {
		r, err := c.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.dispatch(r)
		// Replies of inline requests wait for the rest of what has arrived.
		if !c.frameBuffered() || c.out.full() {
			if err := c.out.flush(); err != nil {
				return err
			}
		}
		if err := c.out.room(); err != nil {
			return err
		}
	}
}

// frameBuffered reports whether a whole further request is here already.
func (c *conn) frameBuffered() bool {
	n := c.in.Buffered()
	if n < p9.HdrSz {
		return false
	}
	h, err := c.in.Peek(4)
	return err == nil && uint32(n) >= binary.LittleEndian.Uint32(h)
}

// next reads one frame into a request. The header's size is checked first: with
// a wrong one the place of the next frame is lost, so the connection ends.
func (c *conn) next() (*req, error) {
	h, err := c.in.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) && len(h) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	limit := c.msize
	if limit == 0 {
		limit = firstFrame
	}
	size := binary.LittleEndian.Uint32(h)
	if size < p9.HdrSz || size > limit {
		return nil, fmt.Errorf("message of %d bytes: %w", size, p9.ErrBotch)
	}
	r := &req{c: c, frame: getBuf(int(size))}
	if _, err := io.ReadFull(c.in, r.frame.b); err != nil {
		return nil, err
	}
	r.bad = r.t.Decode(r.frame.b, c.dotl)
	if n := int64(cap(r.frame.b)); size > smallFrame && c.held.Load()+n > heldBudget && r.bad == nil && r.t.Type != p9.Tversion {
		r.bad = syscall.ENOMEM
	} else {
		r.frame.count(&c.held, n)
	}
	return r, nil
}

// dispatch starts a request, or queues it behind what it has to follow.
func (c *conn) dispatch(r *req) {
	if c.srv.Trace != nil {
		c.trace("->", &r.t, r.bad)
	}
	switch {
	case r.t.Type == p9.Tversion && r.bad == nil:
		c.version(r)
		return
	case r.bad == nil && c.msize == 0:
		r.bad = p9.NewError(p9.ErrBotch.Errno, "version not agreed on")
	case r.bad == nil && r.t.Type&1 != 0:
		r.bad = p9.NewError(p9.ErrBotch.Errno, r.t.Type.String()+" is not a request")
	case errors.Is(r.bad, p9.ErrType):
		r.bad = p9.NewError(p9.ErrNotSup.Errno, r.bad.Error())
	case r.bad == syscall.ENOMEM:
	case r.bad != nil:
		r.bad = p9.NewError(p9.ErrBotch.Errno, r.bad.Error())
	}
	c.mu.Lock()
	flush := r.t.Type == p9.Tflush
	if r.bad == nil && flush && c.flushing[r.t.Tag] == nil {
		c.flush(r)
		return
	}
	if r.bad == nil && (flush || c.flushing[r.t.Tag] != nil || c.reqs[r.t.Tag] != nil || r.t.Tag == p9.NoTag) {
		r.bad = p9.NewError(p9.ErrBotch.Errno, "duplicate tag")
	} else if r.bad == nil {
		c.reqs[r.t.Tag] = r
		r.tabled = true
	}
	c.wg.Add(1)
	if r.bad == nil {
		r.bad = c.claim(r)
	}
	ready := r.bad != nil || c.admit(r)
	c.mu.Unlock()
	if ready {
		r.start(true)
	}
}

// version handles Tversion: whatever was before is over.
func (c *conn) version(r *req) {
	c.reset()
	rx := &p9.Fcall{Type: p9.Rversion, Tag: r.t.Tag}
	msize := min(r.t.Msize, c.srv.maxMsize())
	dialect, known := dialectOf(r.t.Version)
	switch {
	case r.t.Tag != p9.NoTag && c.msize != 0: // hugelgupf/p9's client begins with tag 1
		rx.Type, rx.Ename = p9.Rerror, "tag of Tversion is not NOTAG"
	case msize < p9.MinMsize:
		rx.Type, rx.Ename = p9.Rerror, fmt.Sprintf("msize %d is less than %d", r.t.Msize, p9.MinMsize)
	case !known:
		rx.Msize, rx.Version = msize, p9.VersionUnknown
		c.msize = 0
	default:
		c.msize, c.dotl = msize, dialect == p9.Version9P2000L
		rx.Msize, rx.Version = msize, dialect
	}
	dotl := c.dotl && rx.Type != p9.Rerror // a refusal is said in 9P2000
	c.mu.Lock()
	c.send(rx, dotl, nil)
	c.mu.Unlock()
	r.free()
}

// dialectOf gives the dialect that a version asks for. What it has after a
// further period is an extension that we do without, version(5).
func dialectOf(version string) (string, bool) {
	base, _, _ := strings.Cut(version, ".")
	switch {
	case version == p9.Version9P2000L, strings.HasPrefix(version, p9.Version9P2000L+"."):
		return p9.Version9P2000L, true
	case base == p9.Version9P2000:
		return base, true
	}
	return "", false
}

// flush handles Tflush, with c.mu held; it unlocks it. The answer goes after that of
// the old request, or in its place.
func (c *conn) flush(r *req) {
	old := c.reqs[r.t.Oldtag]
	if old == nil {
		old = c.flushing[r.t.Oldtag] // a Tflush is flushed when what it waits for is
	}
	if old == nil {
		c.send(&p9.Fcall{Type: p9.Rflush, Tag: r.t.Tag}, c.dotl, nil)
		c.mu.Unlock()
		r.free()
		return
	}
	old.flushes = append(old.flushes, r.t.Tag)
	c.flushing[r.t.Tag] = old
	queued := old.waits > 0
	if queued {
		old.unqueue()
	}
	c.mu.Unlock()
	r.free()
	old.cancel()
	if queued {
		old.bad = p9.ErrInterrupted
		old.start(false)
	}
}

// reset ends all requests and clunks all fids.
func (c *conn) reset() {
	c.mu.Lock()
	var queued []*req
	for _, r := range c.reqs {
		if r.waits > 0 {
			r.bad = p9.ErrInterrupted
			queued = append(queued, r)
			r.forgo()
		}
		r.cancel()
	}
	c.mu.Unlock()
	for _, r := range queued {
		r.start(false)
	}
	c.wg.Wait()
	c.mu.Lock()
	fids := c.fids
	c.fids = map[uint32]*fid{}
	c.mu.Unlock()
	for _, f := range fids {
		f.drop()
	}
}

// send queues a reply, with c.mu held so that it comes before any Rflush for its
// tag. buf, if given, is a whole frame already.
func (c *conn) send(rx *p9.Fcall, dotl bool, buf *buffer) {
	if c.srv.Trace != nil {
		if buf != nil {
			rx = &p9.Fcall{}
			rx.Decode(buf.b, dotl)
		}
		c.trace("<-", rx, nil)
	}
	if buf == nil {
		buf = getBuf(256)
		b, err := rx.Append(buf.b[:0], dotl)
		if err == nil && c.msize != 0 && len(b) > int(c.msize) {
			err = fmt.Errorf("%s of %d bytes is longer than msize", rx.Type, len(b))
		}
		if err != nil { // a server's text or name that the wire cannot hold
			e := p9.NewError(p9.ErrIO.Errno, err.Error())
			b, _ = c.errorReply(rx.Tag, e, dotl).Append(buf.b[:0], dotl)
		}
		buf.b = b
	}
	c.out.put(buf)
}

func (c *conn) errorReply(tag uint16, e *p9.Error, dotl bool) *p9.Fcall {
	if dotl {
		return &p9.Fcall{Type: p9.Rlerror, Tag: tag, Errno: uint32(e.Errno)}
	}
	ename := e.Ename
	if n := min(1024, int(max(c.msize, p9.MinMsize))-p9.HdrSz-2); len(ename) > n {
		ename = ename[:n]
	}
	return &p9.Fcall{Type: p9.Rerror, Tag: tag, Ename: ename}
}

func (c *conn) trace(dir string, f *p9.Fcall, bad error) {
	line := dir + " " + f.Text(c.dotl)
	if bad != nil {
		line += " # " + bad.Error()
	}
	c.srv.Trace(line)
}

func (s *Server) maxMsize() uint32 {
	if s.Msize == 0 {
		return p9.MaxMsize
	}
	return min(s.Msize, p9.MaxMsize)
}
