package factotum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"ninespace/srv"
)

// A conv is a conversation. Its protocol is a function that sends and receives as if it
// had the other party before it. It runs as a coroutine of the requests of rpc: each
// lets it go on to where it next needs one.
type conv struct {
	f     *Factotum
	n     int
	user  who
	attrs Attrs
	proto *proto

	ctx   context.Context // of the request that runs
	verb  string          // the request's: start, read, write
	data  []byte
	reply string // to it; "": none yet
	pause func(reply string) bool

	keys []*key // held
	info *AuthInfo
	err  error // how it ended
	over bool
	told bool // of a bad key
}

// start begins a conversation and gives what goes on with it, and what ends it.
func (c *conv) start(role func(*conv) error) (next func() (string, bool), stop func()) {
	return iter.Pull(func(yield func(string) bool) {
		c.pause = yield
		c.play(role)
		yield(c.reply)
	})
}

// play is the conversation, with its last reply.
func (c *conv) play(role func(*conv) error) {
	err := role(c)
	c.end(err)
	switch {
	case c.reply != "":
	case err == nil && c.verb == "write": // auth_proxy of libauth takes nothing else: done is for its read
		c.reply = "ok"
	default:
		c.reply = c.final()
	}
}

// once is a whole conversation of a message each way, on the caller's stack: a coroutine's
// own costs more than all else but the signature.
func (c *conv) once(role func(*conv) error, msg []byte) string {
	answer := ""
	c.pause = func(reply string) bool {
		switch {
		case reply != "ok" || c.verb == "read":
			answer = reply
			return false
		case c.verb == "start":
			c.verb, c.data = "write", msg
		default:
			c.verb, c.data = "read", nil
		}
		return true
	}
	c.play(role)
	switch {
	case c.err == errClosed:
		return answer
	case c.reply == "ok" && c.verb == "write":
		return c.final() // what the read has
	}
	return c.reply
}

// end takes down how it went.
func (c *conv) end(err error) {
	c.over, c.err = true, err
	var bad *badKeyError
	for _, k := range c.keys {
		if err == nil {
			c.f.ring.mark(k, true)
		} else if errors.As(err, &bad) && bad.key == k {
			c.f.ring.mark(k, false)
		}
		k.release()
	}
	c.keys = nil
	switch {
	case err == errClosed, err == srv.ErrAgain:
	case err != nil:
		c.f.logf("%d: %s: %v", c.n, c.attrs, err)
	default:
		c.f.logf("%d: %s: done", c.n, c.attrs)
	}
}

// final is the reply to all that comes when it is over. A bad key is told once: auth_proxy gets
// another one and asks again, until it hears of an error.
func (c *conv) final() string {
	var bad *badKeyError
	switch {
	case errors.As(c.err, &bad) && !c.told:
		c.told = true
		return "badkey " + bad.template.String()
	case c.err != nil:
		return "error " + c.err.Error()
	case c.info != nil:
		return "done haveai"
	}
	return "done"
}

// errClosed ends a protocol whose rpc was closed.
var errClosed = errors.New("closed")

// A badKeyError says that a key was not the right one, and which are. Where it is sure,
// and not only what the other side says, key is the one that was wrong.
type badKeyError struct {
	template Attrs
	key      *key
}

func (e *badKeyError) Error() string { return "bad key: " + e.template.String() }

// answer gives the request its reply and waits for the next request.
func (c *conv) answer(reply string) error {
	c.reply = ""
	if c.f.debugging() {
		verb, _, _ := bytes.Cut([]byte(reply), []byte(" "))
		c.f.logf("%d: %s %d: %s", c.n, c.verb, len(c.data), verb)
	}
	if !c.pause(reply) {
		return errClosed
	}
	return nil
}

// await waits for a request of a kind.
func (c *conv) await(verb string) error {
	if c.reply == "" {
		c.reply = "ok"
	}
	for {
		if err := c.answer(c.reply); err != nil {
			return err
		}
		if c.verb == verb {
			return nil
		}
		c.reply = "phase protocol phase error: " + c.verb + " where it is time to " + verb
	}
}

// send gives the other party a message.
func (c *conv) send(p []byte) error {
	if err := c.await("read"); err != nil {
		return err
	}
	if c.reply = "ok"; len(p) > 0 {
		c.reply = "ok " + string(p)
	}
	return nil
}

// recv waits for a message of the other party. size tells, of what there is, how many
// bytes it will have.
func (c *conv) recv(size func(p []byte) int) ([]byte, error) {
	for {
		if err := c.await("write"); err != nil {
			return nil, err
		}
		n := size(c.data)
		switch {
		case n > maxRPC:
			return nil, errBotch
		case n > len(c.data):
			c.reply = fmt.Sprintf("toosmall %d", n)
		case n < len(c.data):
			return nil, errBotch
		default:
			return c.data, nil
		}
	}
}

// errBotch is said of all that is not as the protocol has it, and not more.
var errBotch = errors.New("protocol botch")

// bytesN receives n bytes.
func (c *conv) bytesN(n int) ([]byte, error) { return c.recv(func([]byte) int { return n }) }

// text receives a message that is as long as what is written.
func (c *conv) text() (string, error) {
	p, err := c.recv(func(p []byte) int { return max(1, len(p)) })
	return string(p), err
}

// nulText receives a string with a NUL behind it, and gives it without.
func (c *conv) nulText() (string, error) {
	p, err := c.recv(func(p []byte) int {
		if i := bytes.IndexByte(p, 0); i >= 0 {
			return i + 1
		}
		return len(p) + 1
	})
	if err != nil {
		return "", err
	}
	return string(p[:len(p)-1]), nil
}
