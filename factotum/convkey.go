package factotum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"ninespace/srv"
)

// How a conversation comes by its key.

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
