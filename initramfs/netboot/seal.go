package netboot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"ninespace/initramfs/tpm"
	"ninespace/srv/ndb"
)

// A node with a TPM that ndb has, as ek=, needs no person to make it a token: it asks for
// one, which is sealed so that this TPM alone can tell it. Then it joins as others do.
//
//	ether=525400123456 ekpub=hex akpub=hex
//	challenge=hex
//
// Who asks in its place learns nothing, and uses nothing up: until somebody has joined by it or
// it expires it is the same token, sealed anew.

// sealTime is how long a sealed token is good.
const sealTime = time.Minute

// ErrStranger is what a machine is told whose TPM ndb does not have: it may ask again when it has.
var ErrStranger = errors.New("join: this machine's TPM is not in ndb")

// seal answers one who asks for a token by its TPM.
func (s *Server) seal(e ndb.Entry, from string) (string, error) {
	p, err := publicOf(e)
	s.mu.Lock()
	n, err1 := s.applicant(e)
	var is plan
	if err = errors.Join(err1, err); err == nil {
		is, err = s.recognize(n, p.Hash())
	}
	if err != nil {
		defer s.mu.Unlock()
		return "", s.refuse(n, from, err)
	}
	if t := n.sealed; t == nil || t.state() != "waits" || t.ek != p.Hash() {
		text := rand.Text()
		n.sealed = &token{text: text, key: sha256.Sum256([]byte(text)), ek: p.Hash()}
		s.sayLocked(n, "join: a token is sealed for its TPM")
	}
	n.sealed.until = now().Add(sealTime)
	n.sealed.sys, n.sealed.names, n.sealed.addrs = is.sys, n.names(is), is.addrs()
	text := n.sealed.text
	s.mu.Unlock()
	c, err := p.Challenge([]byte(text))
	if err != nil {
		return "", err
	}
	return "challenge=" + hex.EncodeToString(c) + "\n", nil
}

// recognize gives the plan of a node that may have the TPM of an endorsement key. s.mu is held.
func (s *Server) recognize(n *node, ek string) (plan, error) {
	m := n.machine
	m.ek = ek
	p, _ := s.db.find(m)
	if hasFold(p.entry, ndb.Pair{Attr: "ek", Val: ek}) {
		return p, nil
	}
	for _, own := range p.entry.Get("ek") {
		if own != "" {
			return p, fmt.Errorf("another machine's TPM: ek=%s, and not %s", ek, own)
		}
	}
	if s.db.tpms[ek] {
		return p, fmt.Errorf("another machine's TPM: ek=%s", ek)
	}
	return p, fmt.Errorf("%w: ek=%s", ErrStranger, ek)
}

// publicOf takes the keys of a TPM out of a request.
func publicOf(e ndb.Entry) (p tpm.Public, err error) {
	var err1 error
	p.EK, err = hex.DecodeString(value(e, "ekpub"))
	p.AK, err1 = hex.DecodeString(value(e, "akpub"))
	if errors.Join(err, err1) != nil {
		return p, errors.New("malformed request")
	}
	return p, p.Check()
}

// Token has a TPM tell the token that a server like ours seals for it, at the address where the
// node is then to Join. The error is ErrStranger, or like that of Join.
func Token(ctx context.Context, at, ether string, t *tpm.TPM) (string, error) {
	answer, err := post(ctx, at, fmt.Sprintf("ether=%s ekpub=%x akpub=%x\n", ether, t.EK, t.AK))
	if err != nil {
		return "", err
	}
	c, err := hex.DecodeString(value(oneEntry(answer), "challenge"))
	if err != nil {
		return "", errors.New("join: malformed answer")
	}
	token, err := t.Activate(c)
	if err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	return string(token), nil
}
