package factotum

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"
)

// The messages of dp9ik, authsrv(6) of 9front, their fields and how they are sealed.

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

// fits tells whether a name can be in a field of n bytes, with a NUL. It is a word, and all of
// it is to be seen: a stranger's is told on terminals.
func fits(s string, n int) bool {
	return s != "" && len(s) < n && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) })
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
