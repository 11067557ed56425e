package authtest

import (
	"bytes"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Peer is a side of p9any, dp9ik and TLS that has the server's own key. Each message
// that comes must be what it has to be to the byte, random ones apart.
type Peer struct {
	User, Dom, Password string
	Suite               uint16 // 0xccab or 0x00ae: the one TLS suite that it knows
}

// Client is drawterm's half.
func (p Peer) Client(c io.ReadWriter) (s *Stream, secret []byte, err error) {
	defer catch(&err)
	w := &wire{c}
	w.want([]byte("dp9ik@" + p.Dom + "\x00"))
	w.send([]byte("dp9ik " + p.Dom + "\x00"))
	chc := random(8)
	w.send(chc)
	w.want(p.request(nil)[:77])
	chs := w.take(8)
	w.want(make([]byte, 56)) // hostid, uid
	ya := w.take(56)
	m, n := p.points()
	x := number()
	yb := Base().Scale(x).Add(n).Encode()
	key := pakKey(ya, m, x, ya, yb)
	kn := random(32)
	ticket := bytes.Join([][]byte{chs, pad(p.User, 28), pad(p.User, 28), kn}, nil)
	rnc := random(32)
	w.send(bytes.Join([][]byte{yb, seal("form1 Ts", key, ticket), seal("form1 Ac", kn, append(chs, rnc...))}, nil))
	proof := open("form1 As", kn, w.take(68))
	must(bytes.Equal(proof[:8], chc), "the server's proof is of another challenge")
	secret = sessionSecret(kn, rnc, proof[8:])
	return w.tls(p.Suite, secret, true), secret, nil
}

// Server is a Plan 9 cpu server's half. It gives whom the client's ticket names.
func (p Peer) Server(c io.ReadWriter) (s *Stream, secret []byte, user string, err error) {
	defer catch(&err)
	w := &wire{c}
	w.send([]byte("dp9ik@" + p.Dom + "\x00"))
	w.want([]byte("dp9ik " + p.Dom + "\x00"))
	chc := w.take(8)
	m, n := p.points()
	x, chs := number(), random(8)
	ya := Base().Scale(x).Add(m).Encode()
	w.send(append(p.request(chs), ya...))
	yb := w.take(56)
	key := pakKey(yb, n, x, ya, yb)
	ticket := open("form1 Ts", key, w.take(124))
	must(bytes.Equal(ticket[:8], chs), "the ticket is of another challenge")
	user = string(bytes.TrimRight(ticket[8:36], "\x00"))
	must(bytes.Equal(ticket[8:36], pad(user, 28)), "the name is not padded by NUL")
	kn := ticket[64:]
	auth := open("form1 Ac", kn, w.take(68))
	must(bytes.Equal(auth[:8], chs), "the authenticator is of another challenge")
	rns := random(32)
	w.send(seal("form1 As", kn, append(chc, rns...)))
	secret = sessionSecret(kn, auth[8:], rns)
	return w.tls(p.Suite, secret, false), secret, user, nil
}

// request is Ticketreq without hostid and uid, and with them where there is a challenge.
func (p Peer) request(chs []byte) []byte {
	b := append(append([]byte{19}, pad(p.User, 28)...), pad(p.Dom, 48)...)
	if chs == nil {
		return b
	}
	return append(append(b, chs...), make([]byte, 56)...)
}

// points gives the password's two.
func (p Peer) points() (m, n Point) {
	aes := must1(pbkdf2.Key(sha1.New, p.Password, []byte("Plan 9 key derivation"), 9001, 16))
	salt := sha256.Sum256([]byte(p.User))
	h := must1(hkdf.Key(sha256.New, aes, salt[:], "Plan 9 AuthPAK hash", 112))
	return Elligator(h[:56]), Elligator(h[56:])
}

// pakKey is the exchange's: of x times what y is without the other side's point.
func pakKey(y []byte, theirs Point, x *big.Int, ya, yb []byte) []byte {
	q, ok := Decode(y)
	must(ok, "no point of the curve")
	salt := sha256.Sum256(append(bytes.Clone(ya), yb...))
	return must1(hkdf.Key(sha256.New, q.Add(theirs.Neg()).Scale(x).Encode(), salt[:], "Plan 9 AuthPAK key", 32))
}

func sessionSecret(kn, rnc, rns []byte) []byte {
	return must1(hkdf.Key(sha256.New, kn, append(bytes.Clone(rnc), rns...), "Plan 9 session secret", 256))
}

var count uint32

func seal(kind string, key, text []byte) []byte {
	count++
	nonce := binary.LittleEndian.AppendUint32([]byte(kind), count)
	return must1(chacha20poly1305.New(key)).Seal(nonce, nonce, text, nil)
}

func open(kind string, key, p []byte) []byte {
	must(string(p[:8]) == kind, "not "+kind)
	return must1(must1(chacha20poly1305.New(key)).Open(nil, p[:12], p[12:], nil))
}

func pad(s string, n int) []byte { return append([]byte(s), make([]byte, n-len(s))...) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func number() *big.Int { return Mod(new(big.Int).SetBytes(random(56))) }

// A failure ends a conversation.
type failure struct{ error }

func must(ok bool, text string) {
	if !ok {
		panic(failure{fmt.Errorf("authtest: %s", text)})
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return v
}

func catch(err *error) {
	switch f := recover().(type) {
	case nil:
	case failure:
		*err = f.error
	default:
		panic(f)
	}
}

// wire is the raw stream.
type wire struct{ c io.ReadWriter }

func (w *wire) send(b []byte) { must1(w.c.Write(b)) }

func (w *wire) take(n int) []byte {
	b := make([]byte, n)
	must1(io.ReadFull(w.c, b))
	return b
}

func (w *wire) want(b []byte) {
	got := w.take(len(b))
	must(bytes.Equal(got, b), fmt.Sprintf("%x, want %x", got, b))
}
