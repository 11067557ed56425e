package factotum

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Dp9ik is 9front's authentication by shared keys, authsrv(6) there: the client proves
// to the server, by a ticket that only who knows the server's key can make, who it is. The
// keys that tickets are sealed with come of an exchange (pak.go) instead of from the
// password alone, so that what goes over the wire is no help in guessing that.
//
//	client: CHc[8]
//	server: ticket request[141] YAs[56]
//	client: YBs[56] ticket[124] authenticator[68]
//	server: authenticator[68]
//
// Tickets come from the authentication server. Where there is none, who has the
// server's own key makes them himself.

func dp9ikKey(_ *Factotum, k *key) error {
	user := k.attrs.Get("user")
	if !fits(user, nameLen) || !fits(k.attrs.Get("dom"), domLen) {
		return invalid("user or dom is too long, empty or of more than one word")
	}
	p, err := newPakKey(user, k.secret("!password"))
	if err != nil {
		return err
	}
	k.data = p
	return nil
}

func dp9ikServer(c *conv) error {
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	req := ticketReq{kind: authPAK, authid: k.attrs.Get("user"), dom: k.attrs.Get("dom")}
	c.attrs = c.attrs.With(Attr{Name: "dom", Value: req.dom})
	rand.Read(req.chal[:])
	p, err := c.bytesN(chalLen)
	if err != nil {
		return err
	}
	chal := bytes.Clone(p)
	ours := newPak(k.data.(*pakKey), true)
	if err := c.send(append(req.append(nil), ours.y...)); err != nil {
		return err
	}
	if p, err = c.bytesN(feBytes); err != nil {
		return err
	}
	key, err := ours.finish(p)
	if err != nil {
		return c.refuse(err)
	}
	defer clear(key)
	if p, err = c.bytesN(ticketLen + authLen); err != nil {
		return err
	}
	t, err := openTicket(sealedTs, key, p[:ticketLen])
	if err != nil {
		return c.refuse(err)
	}
	defer t.wipe()
	if subtle.ConstantTimeCompare(t.chal[:], req.chal[:]) != 1 {
		return c.refuse(errStale)
	}
	theirs, err := t.authentic(sealedAc, req.chal[:], p[ticketLen:])
	if err != nil {
		return c.refuse(err)
	}
	nonce := make([]byte, nonceLen)
	rand.Read(nonce)
	secret, err := t.secret(theirs, nonce)
	if err != nil {
		return err
	}
	c.info = &AuthInfo{Cuid: t.cuid, Suid: t.suid, Secret: secret, dom: req.dom}
	return c.send(t.authenticate(nil, sealedAs, chal, nonce))
}

// refuse logs why, and tells the other side no more than that.
func (c *conv) refuse(why error) error {
	c.f.logf("%d: %s: refused: %v", c.n, c.proto.name, why)
	return errRefused
}

func dp9ikClient(c *conv) error {
	chal := make([]byte, chalLen)
	rand.Read(chal)
	if err := c.send(chal); err != nil {
		return err
	}
	p, err := c.bytesN(treqLen + feBytes)
	if err != nil {
		return err
	}
	req, y := parseTicketReq(p), bytes.Clone(p[treqLen:])
	if req.kind != authPAK || !fits(req.authid, nameLen) || !fits(req.dom, domLen) || req.hostid != "" || req.uid != "" ||
		!bytes.Equal(req.append(nil), p[:treqLen]) {
		return errBotch
	}
	if dom := c.attrs.Get("dom"); dom != "" && dom != req.dom {
		return errBotch
	}
	template := c.template(append(Attrs{{Name: "dom", Value: req.dom}}, c.proto.prompt()...)...)
	k, err := c.key(template)
	if err != nil {
		return err
	}
	req.hostid = k.attrs.Get("user")
	req.uid = req.hostid
	if c.attrs.Get("role") == speakfor {
		if req.uid = c.user.name; !fits(req.uid, nameLen) {
			return invalid("user name is too long, or empty")
		}
	}
	g, err := c.tickets(k, req, y)
	switch {
	case errors.Is(err, errSeal):
		return &badKeyError{template, k}
	case err != nil:
		return err
	}
	defer g.t.wipe()
	nonce := make([]byte, nonceLen)
	rand.Read(nonce)
	if err := c.send(g.y); err != nil {
		return err
	}
	if err := c.send(g.t.authenticate(g.sealed, sealedAc, req.chal[:], nonce)); err != nil {
		return err
	}
	if p, err = c.bytesN(authLen); err != nil {
		return err
	}
	theirs, err := g.t.authentic(sealedAs, chal, p)
	if err != nil {
		return c.refuse(err)
	}
	secret, err := g.t.secret(nonce, theirs)
	if err != nil {
		return err
	}
	c.info = &AuthInfo{Cuid: g.t.cuid, Suid: g.t.suid, Secret: secret}
	return nil
}

// got is what the client has then: its ticket, the server's as it is sent on, and the
// key exchange's answer to the server.
type got struct {
	t      *ticket
	sealed []byte
	y      []byte
}

// tickets asks the authentication server for them, or makes them.
func (c *conv) tickets(k *key, req ticketReq, y []byte) (*got, error) {
	if c.f.cfg.AuthDial != nil {
		ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
		defer cancel()
		as, err := c.f.cfg.AuthDial(ctx, req.dom)
		if err == nil {
			defer as.Close()
			defer context.AfterFunc(ctx, func() { as.Close() })()
			g, err := askTickets(as, k, req, y)
			if err != nil {
				return nil, fmt.Errorf("authentication server of %s: %w", req.dom, err)
			}
			return g, nil
		}
		c.f.logf("%d: dp9ik: authentication server of %s: %v", c.n, req.dom, err)
	}
	if req.authid != req.hostid {
		return nil, fmt.Errorf("no authentication server for %s, and the server's user is %s, not %s", req.dom, req.authid, req.hostid)
	}
	ours := newPak(k.data.(*pakKey), false)
	key, err := ours.finish(y)
	if err != nil {
		return nil, c.refuse(err)
	}
	defer clear(key)
	t := &ticket{chal: req.chal, cuid: req.uid, suid: req.uid}
	rand.Read(t.key[:])
	return &got{t, t.seal(nil, sealedTs, key), ours.y}, nil
}

func askTickets(as net.Conn, k *key, req ticketReq, y []byte) (*got, error) {
	ours := newPak(k.data.(*pakKey), true)
	req.kind = authPAK
	if _, err := as.Write(append(append(req.append(nil), y...), ours.y...)); err != nil {
		return nil, err
	}
	ys, err := asReply(as, 2*feBytes)
	if err != nil {
		return nil, err
	}
	key, err := ours.finish(ys[feBytes:])
	if err != nil {
		return nil, err
	}
	defer clear(key)
	req.kind = authTreq
	if _, err := as.Write(req.append(nil)); err != nil {
		return nil, err
	}
	p, err := asReply(as, 2*ticketLen)
	if err != nil {
		return nil, err
	}
	t, err := openTicket(sealedTc, key, p[:ticketLen])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(t.chal[:], req.chal[:]) != 1 {
		return nil, errStale
	}
	return &got{t, p[ticketLen:], ys[:feBytes]}, nil
}

// asReply reads an answer of n bytes.
func asReply(as io.Reader, n int) ([]byte, error) {
	var kind [1]byte
	if _, err := io.ReadFull(as, kind[:]); err != nil {
		return nil, err
	}
	if kind[0] == authErr {
		n = 64
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(as, p); err != nil {
		return nil, err
	}
	switch kind[0] {
	case authOK:
		return p, nil
	case authErr:
		s, _ := field(p, len(p))
		return nil, errors.New(s)
	}
	return nil, errBotch
}
