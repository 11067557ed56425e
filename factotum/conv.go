package factotum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

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
}

// start begins a conversation and gives what goes on with it, and what ends it.
func (c *conv) start(role func(*conv) error) (next func() (string, bool), stop func()) {
	return iter.Pull(func(yield func(string) bool) {
		c.pause = yield
		err := role(c)
		c.end(err)
		if c.reply == "" {
			c.reply = c.final()
		}
		yield(c.reply)
	})
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

// final is the reply to all that comes when it is over.
func (c *conv) final() string {
	var bad *badKeyError
	switch {
	case errors.As(c.err, &bad):
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

// template is what the key of the conversation has to match: what start said, and
// more.
func (c *conv) template(more ...Attr) Attrs {
	return c.attrs.With(append([]Attr{{Name: "proto", Value: c.proto.name}}, more...)...)
}

// key gives a key that matches, held until the conversation ends. It waits for one
// to be added where somebody at needkey is asked for it; else the request is answered
// with needkey and waited for again. It asks whether the key may be used.
func (c *conv) key(template Attrs) (*key, error) {
	asked := false
	for {
		if k, err := c.have(template); err == nil || err != errNoKey {
			return k, err
		}
		if asked {
			return nil, fmt.Errorf("%w %s", errNoKey, template)
		}
		_, err := c.f.needkey.ask(c.ctx, template)
		if err == errNobody {
			err = c.askKey(template)
		}
		switch {
		case err == nil:
			asked = true
			continue
		case err == errNobody:
			c.f.logf("%d: needkey %s", c.n, template)
			err = c.again("needkey " + template.String())
		case err == srv.ErrAgain:
		default:
			err = c.again("") // flushed
		}
		if err != nil {
			return nil, err
		}
	}
}

// askKey has Config.NeedKey give a key; errNobody says that there is none.
func (c *conv) askKey(template Attrs) error {
	if c.f.cfg.NeedKey == nil || !c.user.host || template.Get("proto") == "ssh" { // which nobody types
		return errNobody
	}
	if srv.Nonblock(c.ctx) {
		return srv.ErrAgain
	}
	a, err := c.f.cfg.NeedKey(c.ctx, template)
	if err == nil {
		err = c.f.AddKey(a, 0)
	}
	if err != nil && c.ctx.Err() == nil {
		c.f.logf("%d: key %s: %v", c.n, template, err)
		return errNobody
	}
	return err
}

// again answers the request and waits until it is made again.
func (c *conv) again(reply string) error {
	verb, data := c.verb, c.data
	for {
		if err := c.answer(reply); err != nil {
			return err
		}
		if c.verb == verb && (verb == "read" || bytes.Equal(data, c.data)) {
			c.data = data
			return nil
		}
		reply = "phase protocol phase error: " + verb + " has to be repeated"
	}
}

// speakfor is the role of a client who is himself by a key that is not his: by one of
// factotum's owner with role=speakfor, whom the authentication server lets speak for others.
const speakfor = "speakfor"

// keyUser is whose keys are used.
func (c *conv) keyUser() who {
	if c.attrs.Get("role") == speakfor {
		return who{c.f.cfg.Owner, true}
	}
	return c.user
}

// have is key for a key that is there now.
func (c *conv) have(template Attrs) (*key, error) {
	found := c.f.ring.find(c.keyUser(), template, true)
	if len(found) == 0 {
		return nil, errNoKey
	}
	c.keys = append(c.keys, found[0])
	return found[0], c.confirm(found[0])
}

// confirm asks whether a key may be used, where it has to be.
func (c *conv) confirm(k *key) error {
	for {
		err := c.f.allowed(c.ctx, k)
		if err == nil || c.ctx.Err() == nil {
			return err
		}
		if err := c.again(""); err != nil { // flushed
			return err
		}
	}
}

// allowed asks at the file confirm whether a key may be used, where it has to be.
func (f *Factotum) allowed(ctx context.Context, k *key) error {
	if !k.attrs.Has("confirm") {
		return nil
	}
	ans, err := f.confirm.ask(ctx, k.attrs)
	if err == errNobody && f.cfg.Confirm != nil {
		if srv.Nonblock(ctx) {
			return srv.ErrAgain
		}
		var yes bool
		if yes, err = f.cfg.Confirm(ctx, k.attrs); yes {
			return nil
		}
	}
	switch {
	case err == errNobody:
		return errors.New("nobody is there to confirm the use of the key")
	case err != nil:
		return err
	case ans.Get("answer") != "yes":
		return errors.New("the use of the key was denied")
	}
	return nil
}

// drop lets go of a key that turned out not to be needed.
func (c *conv) drop(k *key) {
	if i := slices.Index(c.keys, k); i >= 0 {
		c.keys = slices.Delete(c.keys, i, i+1)
		k.release()
	}
}
