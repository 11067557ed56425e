package srv

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// A conn is one connection. Its reading goroutine decodes requests in order and
// admits them to their fids. What cannot block it runs itself, and gathers the
// replies in batch; what may block a worker does: see turn.go.
//
// Lock order: conn.mu, then conn.places or out.mu. None is held while a File's
// method runs.
type conn struct {
	srv   *Server
	stats *shard
	base  context.Context
	rwc   io.ReadWriteCloser
	in    *input
	out   out

	// The reading goroutine's.
	batch    *buffer // replies
	gathered int     // bytes of full batches before it
	spare    *req    // to be used again
	rx       p9.Fcall
	came     int64 // the clock, when the requests that are there came
	done     []tallied

	// Set by Tversion, while nothing else runs.
	dotl  bool
	msize uint32 // 0: no version agreed on

	mu       sync.Mutex
	fids     fidTable
	reqs     map[uint16]*req // those that may block: no more than there are tags
	flushing map[uint16]*req // by the tag of a Tflush that waits for it
	queue    queue           // those that a worker can do
	running  int             // workers
	coming   bool            // one that has begun nothing yet
	owing    bool            // replies of workers that the last of them is to write
	inlining bool            // the reading goroutine runs a request
	draining bool            // to end when nothing runs
	stopped  sync.Once       // reading

	attached atomic.Bool            // to a tree, as who it may be
	holder   atomic.Pointer[holder] // of leases; nil: it asked for none
	late     lateness

	wg     sync.WaitGroup // workers
	places sync.Mutex     // guards where nodes are

	held    atomic.Int64 // of the stock heldBytes
	open    atomic.Int64 // of the stock descriptors
	walked  atomic.Int64 // of the stock walked
	reading atomic.Int64 // bytes of read buffers, until they are sent

	summing chan struct{} // has what makes sums

	told [stocks]atomic.Bool // that there is no more
}

// The connection is read on whatever is in flight: a Tflush or the hangup may be
// next, and nothing else may ever end what blocks. Tags bound the number of
// requests, and these and share.go's what they take.
const (
	maxRunning = 8 << 10  // workers: further requests wait for one to have done its own
	smallFrame = 512      // bytes: what is no longer is always taken
	readBudget = 64 << 20 // bytes of read buffers past which reads are cut short
	fairBudget = 4 << 20  // the same while memory is short
	shortRead  = 8 << 10
	firstFrame = 8 << 10 // the longest message before a version is agreed on
)

// ServeConn serves one connection until it hangs up, breaks the protocol, ctx
// ends or Shutdown is called. It then cancels what runs, waits for it, clunks
// every fid and closes rwc. The error says why it ended; nil is a hangup between
// messages, or the server's own will.
func (s *Server) ServeConn(ctx context.Context, rwc io.ReadWriteCloser) error {
	st := s.state()
	c := &conn{srv: s, base: WithThreads(withPeer(ctx, rwc)), rwc: rwc, summing: make(chan struct{}, maxSums)}
	c.in = newInput(rwc, c)
	c.stats = st.enter(c)
	defer st.leave(c)
	c.out.open(rwc)
	c.out.srv, c.out.stats = s, c.stats
	c.out.idle.L = &c.out.mu
	stop := context.AfterFunc(ctx, func() { rwc.Close() })
	defer stop()
	var err error
	if st.down.Load() {
		err = ErrShutdown
	} else {
		err = c.serve()
	}
	c.push()                                                      // what was answered before a message that is none
	if st.down.Load() && errors.Is(err, os.ErrDeadlineExceeded) { // stopReading: it ends well
		c.wg.Wait() // for no more than clunks
		c.out.wait()
		c.linger()
	} else {
		slow := time.AfterFunc(lingering, func() { rwc.Close() })
		c.out.wait()
		slow.Stop()
	}
	rwc.Close()
	c.reset()
	c.out.pass.close()
	c.in.release()
	c.batch.free()
	if ctx.Err() != nil || st.down.Load() {
		return nil
	}
	// A client may go without having read all its answers.
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		c.say("broken: %v", err)
	}
	return err
}

func (c *conn) serve() error {
	for {
		if !c.in.whole() || c.gathered > gatherMax {
			if err := c.push(); err != nil {
				return err
			}
		}
		limit := c.msize
		if limit == 0 {
			limit = firstFrame
		}
		waits := !c.in.whole()
		if waits && c.spare != nil { // it may be for long
			reqs.Put(c.spare)
			c.spare = nil
		}
		b, own, err := c.in.frame(limit)
		refused := errors.Is(err, syscall.ENOMEM)
		if err != nil && !refused {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if waits {
			c.came = clock()
		}
		c.stats.in.Add(uint64(len(b)))
		r := c.newReq()
		r.frame, r.size, r.began = own, len(b), c.came
		if refused {
			r.t, r.bad = p9.Fcall{Type: p9.Type(b[4]), Tag: binary.LittleEndian.Uint16(b[5:])}, err
		} else {
			r.bad = r.t.Decode(b, c.dotl)
		}
		if own != nil {
			r.held = int64(cap(own.b))
		}
		c.dispatch(r)
	}
}

// push writes the batch and whatever else waits to be written.
func (c *conn) push() error {
	b := c.batch
	c.batch, c.gathered = nil, 0
	err := c.out.flush(b, true)
	if len(c.done) > 0 {
		took := clock() - c.came
		for _, d := range c.done {
			c.stats.count(d, took)
		}
		c.done = c.done[:0]
	}
	return err
}

// gather has the batch be written with the next push, if there is one.
func (c *conn) gather() {
	if c.batch != nil {
		c.gathered += len(c.batch.b)
		c.out.put(c.batch)
		c.batch = nil
	}
}

// room gives n bytes at the end of the batch, to be appended to it.
func (c *conn) room(n int) []byte {
	if c.batch != nil && cap(c.batch.b)-len(c.batch.b) < n {
		c.gather()
	}
	if c.batch == nil {
		c.batch = getBuf(max(n, batchSize))
		c.batch.b = c.batch.b[:0]
	}
	at := len(c.batch.b)
	return c.batch.b[at : at+n]
}

// judge says what is wrong with a request before it is looked at more closely.
func (c *conn) judge(r *req) error {
	switch {
	case errors.Is(r.bad, syscall.ENOMEM):
		return r.bad
	case errors.Is(r.bad, p9.ErrType):
		return p9.NewError(p9.ErrNotSup.Errno, r.bad.Error())
	case r.bad != nil:
		return p9.NewError(p9.ErrBotch.Errno, r.bad.Error())
	case c.msize == 0:
		return p9.NewError(p9.ErrBotch.Errno, "version not agreed on")
	case r.t.Type&1 != 0:
		return p9.NewError(p9.ErrBotch.Errno, r.t.Type.String()+" is not a request")
	}
	return nil
}

// dispatch runs a request, starts it, or queues it behind what it has to follow.
func (c *conn) dispatch(r *req) {
	if c.srv.Trace != nil {
		c.trace("->", &r.t, r.bad)
	}
	if r.t.Type == p9.Tversion && r.bad == nil {
		c.version(r)
		return
	}
	r.bad = c.judge(r)
	c.mu.Lock()
	tag := r.t.Tag
	switch {
	case r.bad == nil && r.t.Type == p9.Tflush && c.flushing[tag] == nil: // its own tag may be the old one's
		c.flush(r)
		return
	case c.ending() && (r.bad != nil || r.t.Type != p9.Tclunk):
		r.bad = ErrShutdown
	case r.bad != nil:
	case tag == p9.NoTag || c.flushing[tag] != nil || c.reqs[tag] != nil:
		r.bad = p9.NewError(p9.ErrBotch.Errno, "duplicate tag")
	default:
		r.bad = c.claim(r)
	}
	if r.bad != nil {
		c.mu.Unlock()
		r.answer(r.bad)
		r.done()
		return
	}
	ready := c.admit(r) && r.inLane()
	if !ready || !r.inline() {
		c.detach(r, ready)
		return
	}
	c.inlining = true
	c.mu.Unlock()
	err := r.handle(r.who().quick)
	c.mu.Lock()
	c.inlining = false
	if err != nil && errors.Is(err, ErrAgain) {
		c.detach(r, true)
		return
	}
	c.conclude(r, err)
}

// conclude answers a request that the reading goroutine has done, or refused, after
// it got its fids. c.mu is held; it unlocks it.
func (c *conn) conclude(r *req, err error) {
	next, drop := c.leave(r)
	last := c.draining && len(c.reqs) == 0
	c.mu.Unlock()
	r.answer(err)
	c.follow(next, drop)
	r.done()
	if last {
		c.push()
		c.stopReading()
	}
}

// flush handles Tflush, with c.mu held; it unlocks it. The answer goes after that of
// the old request, or in its place.
func (c *conn) flush(r *req) {
	old := c.reqs[r.t.Oldtag]
	if old == nil {
		old = c.flushing[r.t.Oldtag] // a Tflush is flushed when what it waits for is
	}
	if old == nil {
		c.mu.Unlock()
		r.answer(nil)
		r.done()
		return
	}
	old.flushes = append(old.flushes, waiting{r.t.Tag, r.began})
	c.flushing[r.t.Tag] = old
	old.ctx.cancel()
	switch { // one that has not begun ends at once
	case old.waits > 0:
		old.unqueue()
		old.bad = p9.ErrInterrupted
		c.hire(old)
	case old.queued: // it has its fids, and one that it is the last of is gone already
		old.unqueue()
		c.hire(old)
	}
	c.mu.Unlock()
	r.done()
}

func (c *conn) trace(dir string, f *p9.Fcall, bad error) {
	line := dir + " " + f.Text(c.dotl)
	if bad != nil {
		line += " # " + bad.Error()
	}
	c.srv.Trace(line)
}
