package factotum

import (
	"errors"
	"strings"

	"ninespace/srv"
)

// P9any agrees on a protocol and a domain of authentication, and then is that protocol,
// authsrv(6): the server lists proto@domain, NUL at the end, the client says "proto
// domain", and where the list began with v.2 the server says OK.

// negotiable are the protocols that it agrees on, the best first.
var negotiable = [...]string{"dp9ik"}

const maxProtos = 4096 // bytes of a list

func p9anyServer(c *conv) error {
	var list []string
	if c.attrs.Get("v") == "2" {
		list = append(list, "v.2")
	}
	offered := map[string]bool{}
	c.attrs = c.attrs.Without("v")
	for _, name := range negotiable {
		for _, k := range c.f.ring.find(c.user, c.attrs.With(Attr{Name: "proto", Value: name}, query("dom")), false) {
			if at := name + "@" + k.attrs.Get("dom"); !offered[at] && !strings.ContainsAny(at, " \t'") {
				offered[at] = true
				list = append(list, at)
			}
			k.release()
		}
	}
	if len(offered) == 0 {
		return errors.New("no key for " + strings.Join(negotiable[:], " or ") + " with a dom=")
	}
	if err := c.send(append([]byte(strings.Join(list, " ")), 0)); err != nil {
		return err
	}
	s, err := c.nulText()
	if err != nil {
		return err
	}
	name, dom, _ := strings.Cut(s, " ")
	if !offered[name+"@"+dom] {
		c.f.logf("%d: p9any: asked for %s", c.n, quoteLog(s))
		return errBotch
	}
	if list[0] == "v.2" {
		if err := c.send([]byte("OK\x00")); err != nil {
			return err
		}
	}
	return c.become(name, dom)
}

func p9anyClient(c *conv) error {
	s, err := c.nulText()
	if err != nil {
		return err
	}
	if len(s) > maxProtos {
		return errBotch
	}
	words := strings.Fields(s)
	v2 := len(words) > 0 && words[0] == "v.2"
	if v2 {
		words = words[1:]
	}
	type offer struct{ name, dom string }
	var known []offer
	for _, n := range negotiable {
		for _, w := range words {
			name, dom, _ := strings.Cut(w, "@")
			if want := c.attrs.Get("dom"); name == n && fits(dom, domLen) && (want == "" || want == dom) {
				known = append(known, offer{name, dom})
			}
		}
	}
	if len(known) == 0 {
		c.f.logf("%d: p9any: the server offers %s", c.n, quoteLog(s))
		for _, w := range words {
			if name, _, _ := strings.Cut(w, "@"); name != "" {
				if _, err := c.f.proto(name); err != nil {
					return err // that says why not
				}
			}
		}
		return errors.New("the server offers no protocol that both have")
	}
	// One that there is a key for, or else the first, which is then asked for.
	pick := known[0]
	for _, o := range known {
		found := c.f.ring.find(c.keyUser(), c.attrs.With(Attr{Name: "proto", Value: o.name}, Attr{Name: "dom", Value: o.dom}), true)
		if len(found) > 0 {
			found[0].release()
			pick = o
			break
		}
	}
	if err := c.send([]byte(pick.name + " " + pick.dom + "\x00")); err != nil {
		return err
	}
	if v2 {
		if s, err := c.nulText(); err != nil {
			return err
		} else if s != "OK" {
			return errors.New("the server gave up")
		}
	}
	return c.become(pick.name, pick.dom)
}

// become goes on with another protocol, in the same role.
func (c *conv) become(name, dom string) error {
	p, err := c.f.proto(name)
	if err != nil {
		return err
	}
	role := p.role(c.attrs.Get("role"))
	if role == nil {
		return invalid("role " + srv.Quote(c.attrs.Get("role")))
	}
	c.proto = p
	c.attrs = c.attrs.With(Attr{Name: "proto", Value: name}, Attr{Name: "dom", Value: dom})
	return role(c)
}
