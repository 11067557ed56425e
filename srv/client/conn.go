package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// Options are what a Conn can be told; nil stands for the zero Options.
type Options struct {
	// Msize is the largest message to ask for, in bytes; 0: p9.MaxMsize. The
	// server may lower it.
	Msize uint32
	// Version is all that the server is asked for: p9.Version9P2000 or
	// p9.Version9P2000L, with p9.InOrder or without; "": the second with it and, if
	// the server lacks that, without it, and then the first.
	Version string
	// Trace, where set, is given each message in the text form of p9.Fcall.
	Trace func(line string)
}

// A Conn is a connection to a server, past Tversion. All of it may be used by
// many goroutines at once.
type Conn struct {
	rwc   io.ReadWriteCloser
	raw   syscall.RawConn // rwc's, where that is a socket
	br    *bufio.Reader   // of who reads
	reply reply           // and what is read
	heard atomic.Uint64   // bytes that came
	msize uint32
	dotl  bool
	trace func(string)
	done  chan struct{}

	ordered bool // the server keeps the order of requests: see pipe

	mu        sync.Mutex
	turn      turn
	slots     []slot   // by tag
	free      []uint16 // tags
	busy      int      // tags in use
	freed     *sync.Cond
	nfid      uint32   // fids never used start here
	fids      []uint32 // fids used and free again
	out       []byte   // frames that wait for the write before them
	cuts      []cut    // what is left out of them
	spare     []byte
	spareCuts []cut
	owed      []debt
	late      []uint32 // fids to be clunked with the next request
	later     *time.Timer
	writing   bool
	watched   bool          // somebody looks whether the server lives
	patience  time.Duration // how often
	claimed   *call         // whose reply is read, and is not all here yet
	err       error         // why the connection is dead

	// Of who is writing.
	begun     []byte // frames of which some may be written
	begunCuts []cut
	pieces    [][]byte
	vec       [][]byte   // what is left of them
	moving    sync.Mutex // held while bytes of vec are used, where others may change it
	try       bool       // to write what the server takes at once
	werr      error
	once      func(fd uintptr) bool
	sent      atomic.Uint64 // bytes
}

// port is 9P's, for dial strings without one.
const port = "564"

// Dial connects to the server at a dial string, DialStream, and agrees with it
// on a version.
func Dial(ctx context.Context, dialstring string, o *Options) (*Conn, error) {
	nc, name, err := dialStream(ctx, dialstring, port)
	if err != nil {
		return nil, err
	}
	c, err := New(ctx, nc, o)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", name, err)
	}
	return c, nil
}

// New speaks 9P on a stream that leads to a server, and agrees with it on a
// version. The Conn owns rwc from then on and closes it, on an error too. If ctx
// ends before the version is agreed on, rwc is closed.
func New(ctx context.Context, rwc io.ReadWriteCloser, o *Options) (*Conn, error) {
	if o == nil {
		o = &Options{}
	}
	c := &Conn{rwc: rwc, msize: o.Msize, trace: o.Trace, done: make(chan struct{})}
	c.br = bufio.NewReaderSize((*ear)(c), 32<<10)
	c.freed = sync.NewCond(&c.mu)
	c.raw, c.once, c.patience = p9.Socket(rwc), c.tryWrite, patience
	if c.msize == 0 {
		c.msize = p9.MaxMsize
	}
	stop := context.AfterFunc(ctx, func() { rwc.Close() })
	err := c.version(o.Version)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		rwc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("version: %w", err)
	}
	c.turn.taken, c.turn.rouse = true, make(chan struct{}, 1)
	if d, ok := rwc.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Time{}) == nil {
		c.turn.until, c.turn.mine = d.SetReadDeadline, c.raw != nil
	}
	go c.readReplies()
	return c, nil
}

// version agrees on a dialect and the largest message, version(5).
func (c *Conn) version(want string) error {
	if c.msize < p9.MinMsize {
		return fmt.Errorf("msize %d: %w", c.msize, p9.ErrorOfErrno(syscall.EINVAL))
	}
	tries := []string{want}
	switch strings.TrimSuffix(want, p9.InOrder) {
	case "":
		tries = []string{p9.Version9P2000L + p9.InOrder, p9.Version9P2000L, p9.Version9P2000}
	case p9.Version9P2000L, p9.Version9P2000:
	default:
		return fmt.Errorf("%s: %w", want, p9.ErrNotSup)
	}
	var answer string
	for i, v := range tries {
		r, err := c.tryVersion(v)
		if err != nil {
			return err
		}
		if r.Type != p9.Rversion {
			answer = r.Type.String()
			continue
		}
		answer = r.Version
		dialect, ordered := strings.CutSuffix(answer, p9.InOrder)
		switch {
		case answer == v || dialect == strings.TrimSuffix(v, p9.InOrder):
		case i > 0 && want == "" && answer == p9.Version9P2000: // else it is asked without the extension
		default:
			continue
		}
		if r.Msize > c.msize || r.Msize < p9.MinMsize {
			return fmt.Errorf("%w: msize %d in answer to %d", p9.ErrBotch, r.Msize, c.msize)
		}
		c.dotl, c.ordered, c.msize = dialect == p9.Version9P2000L, ordered, r.Msize
		return nil
	}
	return fmt.Errorf("server answers %q to %s", answer, tries[len(tries)-1])
}

// tryVersion does one Tversion. An error reply is a reply.
func (c *Conn) tryVersion(v string) (*p9.Fcall, error) {
	f := &p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: c.msize, Version: v}
	b, err := f.Append(nil, false)
	if err != nil {
		return nil, err
	}
	c.tracef("->", f)
	if _, err := c.rwc.Write(b); err != nil {
		return nil, err
	}
	h, err := c.br.Peek(p9.HdrSz)
	if err != nil {
		return nil, cause(err)
	}
	size := le.Uint32(h)
	if size < p9.HdrSz || size > c.msize {
		return nil, fmt.Errorf("no 9P is spoken there: %w: message of %d bytes", p9.ErrBotch, size)
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(c.br, frame); err != nil {
		return nil, cause(err)
	}
	r := new(p9.Fcall)
	if err := r.Decode(frame, p9.Type(frame[4]) == p9.Rlerror); err != nil {
		return nil, err
	}
	c.tracef("<-", r)
	if r.Type != p9.Rversion && r.Type != p9.Rerror && r.Type != p9.Rlerror {
		return nil, fmt.Errorf("%w: %s answers Tversion", p9.ErrBotch, r.Type)
	}
	return r, nil
}

// tracef shows a message as transcripts have it: -> is sent to the server, <- comes
// from it.
func (c *Conn) tracef(dir string, f *p9.Fcall) {
	if c.trace != nil {
		c.trace(dir + " " + f.Text(c.dotl || f.Type == p9.Rlerror))
	}
}

// cause names the end of a stream in words.
func cause(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("closed by the server")
	}
	var n syscall.Errno
	if errors.As(err, &n) {
		return p9.ErrorOfErrno(n)
	}
	return err
}

// DotL reports whether the connection speaks 9P2000.L.
func (c *Conn) DotL() bool { return c.dotl }

// Ordered reports whether the server has said that it keeps the order of requests
// (p9.InOrder), so that several are sent at once.
func (c *Conn) Ordered() bool { return c.ordered }

// Msize gives the largest message, in bytes, that client and server agreed on.
func (c *Conn) Msize() uint32 { return c.msize }

// Done is closed when the connection is dead.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err tells why the connection is dead: an error that wraps p9.ErrHungup, nil
// while it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection. Calls under way fail; the server clunks the fids.
func (c *Conn) Close() error {
	c.die(errors.New("closed by the client"))
	return nil
}

// die ends the connection for a reason, once, and fails all calls with it.
func (c *Conn) die(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = fmt.Errorf("%w: %w", p9.ErrHungup, why)
	for i := range c.slots {
		if k := c.slots[i].call; k != nil {
			c.slots[i].call = nil
			k.deliver(c.err)
		}
	}
	c.written(c.cuts) // or rather never to be
	c.out, c.cuts = nil, nil
	c.freed.Broadcast()
	if c.late = nil; c.later != nil {
		c.later.Stop()
	}
	close(c.done)
	c.rwc.Close()
}
