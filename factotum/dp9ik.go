package factotum

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
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

const (
	nameLen   = 28
	domLen    = 48
	chalLen   = 8
	nonceLen  = 32
	treqLen   = 1 + nameLen + domLen + chalLen + nameLen + nameLen
	sealLen   = 12 + 16 // what sealing adds
	ticketLen = chalLen + nameLen + nameLen + nonceLen + sealLen
	authLen   = chalLen + nonceLen + sealLen
)

// Types of messages, and what begins those that are sealed.
const (
	authTreq = 1
	authOK   = 4
	authErr  = 5
	authPAK  = 19
	sealedTs = "form1 Ts"
	sealedTc = "form1 Tc"
	sealedAs = "form1 As"
	sealedAc = "form1 Ac"
)

// fits tells whether a name can be in a field of n bytes, with a NUL.
func fits(s string, n int) bool {
	return s != "" && len(s) < n && !bytes.ContainsAny([]byte(s), "\x00 \t\n")
}

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

// A ticketReq is a request for tickets.
type ticketReq struct {
	kind                     byte
	authid, dom, hostid, uid string
	chal                     [chalLen]byte
}

func pad(b []byte, s string, n int) []byte {
	b = append(b, s...)
	return append(b, make([]byte, n-len(s))...)
}

func (t *ticketReq) append(b []byte) []byte {
	b = append(b, t.kind)
	b = pad(b, t.authid, nameLen)
	b = pad(b, t.dom, domLen)
	b = append(b, t.chal[:]...)
	b = pad(b, t.hostid, nameLen)
	return pad(b, t.uid, nameLen)
}

// field gives a name of a message, up to its NUL, and what is behind.
func field(p []byte, n int) (string, []byte) {
	s, _, _ := bytes.Cut(p[:n], []byte{0})
	return string(s), p[n:]
}

func parseTicketReq(p []byte) (t ticketReq) {
	t.kind, p = p[0], p[1:]
	t.authid, p = field(p, nameLen)
	t.dom, p = field(p, domLen)
	p = p[copy(t.chal[:], p):]
	t.hostid, p = field(p, nameLen)
	t.uid, _ = field(p, nameLen)
	return t
}

// sealed counts messages: a nonce is used once, whatever the key is.
var sealed atomic.Uint32

func aead(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err) // the key's length is ours
	}
	return a
}

func seal(b []byte, kind string, key, text []byte) []byte {
	nonce := binary.LittleEndian.AppendUint32([]byte(kind), sealed.Add(1))
	return aead(key).Seal(append(b, nonce...), nonce, text, nil)
}

// errSeal says that a message was sealed with another key, or is none of the kind.
var errSeal = errors.New("message sealed with another key")

func unseal(kind string, key, p []byte) ([]byte, error) {
	if !bytes.HasPrefix(p, []byte(kind)) {
		return nil, errBotch
	}
	text, err := aead(key).Open(nil, p[:12], p[12:], nil)
	if err != nil {
		return nil, errSeal
	}
	return text, nil
}

// A ticket says that who knows key is cuid, whom the server knows as suid.
type ticket struct {
	chal       [chalLen]byte
	cuid, suid string
	key        [nonceLen]byte
}

func (t *ticket) seal(b []byte, kind string, key []byte) []byte {
	text := pad(pad(bytes.Clone(t.chal[:]), t.cuid, nameLen), t.suid, nameLen)
	text = append(text, t.key[:]...)
	defer clear(text)
	return seal(b, kind, key, text)
}

func openTicket(kind string, key, p []byte) (*ticket, error) {
	text, err := unseal(kind, key, p)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	t := new(ticket)
	p = text[copy(t.chal[:], text):]
	t.cuid, p = field(p, nameLen)
	t.suid, p = field(p, nameLen)
	copy(t.key[:], p)
	if !fits(t.cuid, nameLen) || !fits(t.suid, nameLen) {
		return nil, errBotch
	}
	return t, nil
}

func (t *ticket) wipe() { clear(t.key[:]) }

// authenticate seals what proves that its sender knows the ticket's key now.
func (t *ticket) authenticate(b []byte, kind string, chal, nonce []byte) []byte {
	return seal(b, kind, t.key[:], append(bytes.Clone(chal), nonce...))
}

// authentic checks that, and gives the nonce.
func (t *ticket) authentic(kind string, chal, p []byte) ([]byte, error) {
	text, err := unseal(kind, t.key[:], p)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(text[:chalLen], chal) != 1 {
		return nil, errStale
	}
	return text[chalLen:], nil
}

var errStale = errors.New("message of another conversation")

// secret is what both sides know then.
func (t *ticket) secret(client, server []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, t.key[:], append(bytes.Clone(client), server...), "Plan 9 session secret", 256)
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
