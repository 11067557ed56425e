// Package aan makes streams that outlive the connections which carry them, aan(8) of
// Plan 9 ("always available network"). What is carried is called a session here, and
// a connection that carries it for a while a link.
//
// Both ends keep what they have sent until the other end has read it. When a link is
// lost, or nothing was heard on it for too long, the end that dialled dials anew, the
// two tell each other how far they have come, and the rest is sent again: every byte
// comes once and in order, or the session ends with an error.
//
// # What goes over a link
//
// Messages are those of aan(8): a header of three little-endian numbers of 32 bits and
// the data,
//
//	size[4] number[4] acked[4] data[size]
//
// number counts the messages of a direction from 0, acked is how many of the other
// direction's have been read here. A message without data ends its direction. Those
// without data and with the numbers 2³²-1 and 2³²-2 have no place among the others: the
// former says only what is acked, and that somebody is there, the latter also that no more
// is read, as an end that is closed does before its last message.
//
// Where both ends are ours a link begins with a hello each, the client's first:
//
//	"aan1" begun[4] received[4] every[4] id[32]  from the client
//	"aan1" status[4] received[4] every[4]        the answer
//
// id is a random number that names the session, received how many messages the sender
// has, every how often it will be heard of at least, in milliseconds. begun is 1 if the
// session was answered before: then a server that does not know it does not begin it
// anew. A status other than 0 refuses the client for good. The first hello's answer is
// not waited for.
//
// An end sends no more than window bytes that the other has not read, so that neither
// needs more memory than that for either direction, and none is kept by a session in
// which nothing goes on.
//
// Links are authenticated by who makes them. The server is told whose each is, and a
// session is carried on for nobody but the one who began it.
package aan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A Config says how long to be patient. The zero Config is usable.
type Config struct {
	Keep  time.Duration // a session without a link lasts this long; default an hour
	Gone  time.Duration // a server's whose client's end closed the link, as a process that is killed does, or never said anything; default 2 minutes
	Every time.Duration // the other end hears from us this often at least; default 5 s
	Log   func(string)  // is told of lost and new links, and must not use the Conn; nil: nobody
}

const (
	defaultKeep  = time.Hour
	defaultGone  = 2 * time.Minute
	defaultEvery = 5 * time.Second
	patience     = 3                // so many times Every without a word and a link is dead
	helloLimit   = 10 * time.Second // for the hello of a link
	dialLimit    = 30 * time.Second
	maxPause     = 2 * time.Second // between two attempts to dial
	linger       = 2 * time.Second // Close waits for no link longer than that
	closing      = 10 * time.Second
)

// shortLived: a link that was lost sooner and carried nothing is an attempt that failed. It is a
// variable for the tests.
var shortLived = time.Second

func (c Config) filled() Config {
	if c.Keep <= 0 {
		c.Keep = defaultKeep
	}
	if c.Gone <= 0 {
		c.Gone = defaultGone
	}
	c.Gone = min(c.Gone, c.Keep)
	if c.Every <= 0 {
		c.Every = defaultEvery
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	return c
}

// Errors with which sessions end. ErrGone's are not worth another attempt.
var (
	ErrGone  = errors.New("the other end has no such session")
	ErrLost  = errors.New("the link was lost for too long")
	errFull  = errors.New("the other end has too many sessions")
	errProto = errors.New("the other end does not keep to aan's protocol")
)

// A permanent error is one that dialling again cannot mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error of a dial function as one that ends the session: the other
// end is not who it was, say.
func Permanent(err error) error { return permanent{err} }

// final tells of errors that another link would not mend.
func final(err error) bool {
	return errors.As(err, new(permanent)) || errors.Is(err, ErrGone) || errors.Is(err, errFull) || errors.Is(err, errProto)
}

// A Conn is a session's end: a net.Conn. Read and Write go on over links that come and
// go. Write returns when the bytes are kept; deadlines of writing end only the wait for
// room. The addresses are those of the last link.
type Conn struct {
	cfg    Config
	id     [idSize]byte
	dial   func(context.Context) (net.Conn, error) // nil: the other end dials
	ctx    context.Context                         // until the end; dialling's
	cancel context.CancelFunc
	ended  func() // called once, with mu held; nil: nothing

	linking sync.Mutex // held while a link is made

	mu     sync.Mutex
	change *sync.Cond // of anything but what Read waits for
	come   *sync.Cond // something to read, or its end

	out     []*message // sent or to be sent, and not acked; the oldest first
	first   uint32     // the number of out[0]
	next    int        // out[next] has not been sent on this link
	most    uint32     // messages that were ever sent; no more can be acked or received
	outCost int
	busy    *message // being sent
	sync    bool     // an ack is to be sent, with or without data

	in       []*message // received and not read
	received uint32     // messages
	read     uint32     // of these, by who calls Read
	readCost int        // of what was read since an ack was sent
	inCost   int
	last     bool // the other end sends nothing more

	link     net.Conn // nil: none
	sending  bool     // somebody writes to it
	reading  bool     // somebody reads from it
	said     bool     // something was sent since the last tick
	heard    time.Time
	lost     time.Time     // when the last link was lost
	began    time.Time     // when it was made
	before   uint32        // how far both directions had come then
	pause    time.Duration // before the next attempt to dial
	hungUp   bool          // the other end closed it
	spoke    bool          // a message has come, on whatever link
	every    time.Duration // the other end's
	answered bool          // the other end knows the session
	links    int
	addr     [2]net.Addr

	timer    *time.Timer
	shut     bool          // nothing more is written
	told     bool          // on this link, that nothing more is read
	deaf     bool          // the other end reads nothing more
	over     chan struct{} // Done
	closed   bool
	closedAt time.Time
	err      error // why it has ended; nil: it has not
	readEnd  deadline
	writeEnd deadline
}

func newConn(cfg Config) *Conn {
	c := &Conn{cfg: cfg.filled(), lost: time.Now(), over: make(chan struct{})}
	c.every = c.cfg.Every
	c.change, c.come = sync.NewCond(&c.mu), sync.NewCond(&c.mu)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.timer = time.AfterFunc(c.cfg.Every, c.tick)
	return c
}

// Dial begins a session over a link that dial makes, and has it make further ones when
// that is lost, until the session ends. ctx is for the first. Who the other end is, dial
// has to see to each time; what it returns as Permanent ends the session.
func Dial(ctx context.Context, dial func(context.Context) (net.Conn, error), cfg Config) (*Conn, error) {
	link, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	c := newConn(cfg)
	c.id, c.dial = newID(), dial
	c.linking.Lock()
	defer c.linking.Unlock()
	// Nobody can have sent anything yet, so that there is nothing to wait for.
	if err := c.hello(0).send(link, c.id[:]); err != nil {
		link.Close()
		c.end(err)
		return nil, fmt.Errorf("aan: %w", err)
	}
	c.attach(link, 0, true)
	return c, nil
}

// redial makes links until one is one, or the session has ended.
func (c *Conn) redial() {
	c.linking.Lock()
	defer c.linking.Unlock()
	for c.rest(); c.idle(); c.rest() {
		err := c.relink()
		if err == nil {
			return
		}
		c.cfg.Log("dial: " + err.Error())
		if final(err) {
			c.end(err)
			return
		}
		c.mu.Lock()
		c.backOff()
		c.mu.Unlock()
	}
}

// rest is the pause before an attempt.
func (c *Conn) rest() {
	c.mu.Lock()
	pause := c.pause
	c.mu.Unlock()
	if pause == 0 {
		return
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}

// backOff has the next attempt wait longer, as the last came to nothing.
func (c *Conn) backOff() { c.pause = min(2*c.pause+20*time.Millisecond, maxPause) }

// relink makes one attempt.
func (c *Conn) relink() error {
	ctx, cancel := context.WithTimeout(c.ctx, dialLimit)
	defer cancel()
	link, err := c.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { link.Close() })
	defer stop()
	c.mu.Lock()
	h := c.hello(0)
	if c.answered {
		h.word = begun
	}
	c.mu.Unlock()
	if err = h.send(link, c.id[:]); err == nil {
		link.SetReadDeadline(time.Now().Add(helloLimit))
		h, err = readAnswer(link)
		link.SetReadDeadline(time.Time{})
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err == nil {
		c.mu.Lock()
		c.answered, c.every = true, h.every
		c.mu.Unlock()
		err = c.attach(link, h.received, false)
	}
	if err != nil {
		link.Close()
	}
	return err
}

// Done is closed when nothing is under way to the other end any more: it has read all that
// was written and the end of it, CloseWrite's, or has closed itself, or the session has ended.
func (c *Conn) Done() <-chan struct{} { return c.over }

// done closes it.
func (c *Conn) done() {
	select {
	case <-c.over:
	default:
		close(c.over)
	}
}

// Links tells how many links have carried the session, and whether there is one now.
func (c *Conn) Links() (n int, up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.links, c.link != nil
}
