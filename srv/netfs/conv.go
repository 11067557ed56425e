package netfs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An end is what a conversation stands on: a socket, or TLS over one.
type end interface {
	read(ctx context.Context, p []byte) (int, error)
	write(ctx context.Context, p []byte) (int, error)
	hangup()    // both ways, at once: who waits is told
	busy() bool // close would wait
	close()     // the last, when nobody uses it any more
	socket() *sock
}

// The states of a conversation. The protocol may know better: see status.
const (
	closed      = "Closed"
	connecting  = "Connecting"
	listening   = "Listen"
	established = "Established"
	hungup      = "Hungup"
)

// A conv is a conversation. It lives while one of its files is open.
type conv struct {
	p    *proto
	n    int
	user *srv.User // whose it is; nil where no attach is behind it

	mu      sync.Mutex
	open    int // fids
	state   string
	end     end                // set once, by connect, announce, or before anybody has the conversation
	bound   *sock              // by bind, for what comes next
	cancel  context.CancelFunc // of the connect that runs
	opts    []option
	err     error       // the last
	tls     *tls.Config // of tls; nil: nothing was said
	headers bool        // of udp: datagrams begin with their addresses
}

// An option is a socket option that was asked for before there was a socket.
type option func(s *sock) error

var errNotConn = &p9.Error{Ename: "Transport endpoint is not connected", Errno: syscall.ENOTCONN}

func invalid(format string, args ...any) error {
	return p9.NewError(syscall.EINVAL, fmt.Sprintf(format, args...))
}

// of reports whether the conversation is a user's.
func (c *conv) of(u *srv.User) bool {
	if c.user == nil {
		return u.Host()
	}
	return u != nil && u.Name == c.user.Name
}

// hold counts one more fid, unless the conversation is over.
func (c *conv) hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 {
		return false
	}
	c.open++
	return true
}

// release lets a fid go and, with the last one, the conversation.
func (c *conv) release() {
	c.mu.Lock()
	c.open--
	last := c.open == 0
	c.mu.Unlock()
	if !last {
		return
	}
	c.p.Del(strconv.Itoa(c.n))
	c.p.free(c.n)
	if c.end != nil && c.end.busy() {
		go c.finish()
	} else {
		c.finish()
	}
}

// finish lets go of what an ended conversation had.
func (c *conv) finish() {
	if c.end != nil {
		c.end.close()
	}
	if c.bound != nil {
		c.bound.close()
	}
	c.p.fs.leave(c)
	c.say("over")
}

// fail keeps an error for err.
func (c *conv) fail(err error) error {
	if err == nil || errors.Is(err, srv.ErrAgain) || errors.Is(err, context.Canceled) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.say("error: %v", err)
	return err
}

func (c *conv) errText() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return ""
	}
	return strings.TrimSuffix(c.err.Error(), ": "+p9.ErrorOfErrno(syscall.EINVAL).Error()) + "\n" // that it is wrong is known
}

// talk gives the end that data is read from and written to.
func (c *conv) talk() (end, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil || c.state == listening && !c.headers {
		return nil, errNotConn
	}
	return c.end, nil
}

// begin takes the conversation for a command that gives it its end, for which it must be
// Closed; state is what it is meanwhile. do may wait, until ctx ends or somebody hangs up.
func (c *conv) begin(ctx context.Context, state string, do func(ctx context.Context, s *sock) (end, string, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	if c.state != closed {
		c.mu.Unlock()
		return p9.NewError(syscall.EISCONN, "conversation is "+c.state)
	}
	s := c.bound
	c.state, c.cancel, c.bound = state, cancel, nil
	c.mu.Unlock()
	e, state, err := do(ctx, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = nil
	if err != nil {
		c.state = closed
		return err
	}
	for _, o := range c.opts {
		if oerr := o(e.socket()); oerr != nil {
			c.err = oerr // for err: the command that asked is long answered
		}
	}
	if c.state == hungup { // meanwhile
		state = hungup
		e.hangup()
	}
	c.end, c.state = e, state
	c.say("%s at %s, other side %s", state, c.p.text(c, e.socket(), false), c.p.text(c, e.socket(), true))
	return nil
}

// say tells log of the conversation.
func (c *conv) say(format string, args ...any) {
	if c.p.fs.log.wanted(c.p.name) {
		c.p.fs.log.say("%s/%d %s", c.p.name, c.n, fmt.Sprintf(format, args...))
	}
}

// hangup ends both ways; the files stay.
func (c *conv) hangup() {
	c.mu.Lock()
	e := c.end
	if c.state != closed {
		c.state = hungup
	}
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	if e != nil {
		e.hangup()
	}
}

// set does a socket option, now or as soon as there is a socket.
func (c *conv) set(o option) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sock()
	if s == nil {
		c.opts = append(c.opts, o)
		return nil
	}
	return o(s)
}

// sock gives the conversation's socket, nil if it has none yet. c.mu is held.
func (c *conv) sock() *sock {
	if c.end != nil {
		return c.end.socket()
	}
	return c.bound
}

// addr is what local or remote reads as.
func (c *conv) addr(far bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.p.text(c, c.sock(), far)
}

func (c *conv) statusText() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.p.status(c)
}

// listen waits for a caller, and gives the conversation with him, held once.
func (c *conv) listen(ctx context.Context, u *srv.User) (*conv, error) {
	c.mu.Lock()
	e, state := c.end, c.state
	c.mu.Unlock()
	if state == hungup {
		return nil, errHungup
	}
	if state != listening {
		return nil, p9.NewError(syscall.EINVAL, "conversation is "+state+", not announced")
	}
	a, ok := e.(interface {
		accept(ctx context.Context, c *conv) (end, error)
	})
	if !ok {
		return nil, p9.ErrNotSup
	}
	s, err := a.accept(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := c.p.converse(u, s, established)
	if err == nil {
		c.say("call %d from %s", n.n, n.addr(true))
	}
	return n, err
}

// A ctlHandle is ctl, open: of a fid of ctl, of clone or of listen.
type ctlHandle struct {
	*file
	c  *conv
	io interface {
		srv.Reader
		srv.Writer
	}
}

// openCtl opens ctl; the conversation has been held for it, and is let go by an error.
func (c *conv) openCtl(ctx context.Context) (srv.Handle, error) {
	cmds := make(map[string]func(context.Context, []string) error, len(c.p.verbs))
	for _, v := range c.p.verbs {
		cmds[v.name] = func(ctx context.Context, args []string) error {
			if len(args) < v.min || len(args) > v.max {
				return invalid("usage: %s", v.name+v.usage)
			}
			return inWords(v.do(ctx, c, args))
		}
	}
	f := srv.Cmds(0o600, func(context.Context) (string, error) { return fmt.Sprintln(c.n), nil }, cmds)
	h, err := srv.Open(ctx, f, p9.ORDWR)
	if err != nil {
		c.release()
		return nil, err
	}
	return &ctlHandle{&c.p.slot(c.n).files[ctlFile], c, h.(interface {
		srv.Reader
		srv.Writer
	})}, nil
}

// Descriptor marks that it may stand for a socket.
func (h *ctlHandle) Descriptor() {}

// Read gives the conversation's number.
func (h *ctlHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return h.io.Read(ctx, p, off)
}

// Write does commands.
func (h *ctlHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if srv.Nonblock(ctx) {
		return 0, srv.ErrAgain
	}
	n, err := h.io.Write(ctx, p, off)
	return n, h.c.fail(err)
}

// Clunk lets the conversation go.
func (h *ctlHandle) Clunk() { h.c.release() }
