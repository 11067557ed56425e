package authtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Stream is what TLS carries then, record by record.
type Stream struct {
	w       *wire
	suite   uint16
	in, out keys
}

type keys struct {
	mac, key, iv []byte
	seq          uint64
}

const (
	change    = 20
	handshake = 22
	data      = 23
)

// tls does the handshake of RFC 5246 and 4279 with the identity p9secret, each message in
// a record of its own.
func (w *wire) tls(suite uint16, psk []byte, client bool) *Stream {
	var log []byte
	send := func(kind byte, body []byte) {
		m := append([]byte{kind, 0, 0, byte(len(body))}, body...)
		log = append(log, m...)
		w.record(handshake, m)
	}
	want := func(kind byte, body []byte) {
		m := append([]byte{kind, 0, 0, byte(len(body))}, body...)
		log = append(log, m...)
		w.want(append([]byte{handshake, 3, 3, 0, byte(len(m))}, m...))
	}
	two := []byte{byte(suite >> 8), byte(suite)}
	id := append([]byte{0, 8}, "p9secret"...)
	var cr, sr []byte
	if client {
		cr = random(32)
		send(1, bytes.Join([][]byte{{3, 3}, cr, {0, 0, 2}, two, {1, 0}}, nil))
		head := w.take(5 + 4 + 2)
		must(bytes.Equal(head, []byte{handshake, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}), "another ServerHello")
		sr = w.take(32)
		w.want(append(append([]byte{0}, two...), 0))
		log = append(append(append(append(log, head[5:]...), sr...), 0), append(two, 0)...)
		want(14, nil)
		send(16, id)
	} else {
		head := w.take(5)
		must(head[0] == handshake && head[1] == 3, "no ClientHello")
		hello := w.take(int(binary.BigEndian.Uint16(head[3:])))
		must(hello[0] == 1 && bytes.Contains(hello[38:], two), "the client has not the suite")
		log, cr, sr = append(log, hello...), hello[6:38], random(32)
		send(2, bytes.Join([][]byte{{3, 3}, sr, {0}, two, {0}}, nil))
		send(14, nil)
		want(16, id)
	}
	n := len(psk)
	pre := append(binary.BigEndian.AppendUint16(nil, uint16(n)), make([]byte, n)...)
	pre = append(binary.BigEndian.AppendUint16(pre, uint16(n)), psk...)
	master := prf(pre, "master secret", append(bytes.Clone(cr), sr...), 48)
	s := &Stream{w: w, suite: suite}
	block := prf(master, "key expansion", append(bytes.Clone(sr), cr...), 200)
	take := func(n int) (b []byte) { b, block = block[:n], block[n:]; return b }
	mac, key, iv := 0, 32, 12
	if suite == 0x00ae {
		mac, key, iv = 32, 16, 0
	}
	c, v := &s.out, &s.in
	if !client {
		c, v = v, c
	}
	for _, f := range []struct {
		n    int
		a, b *[]byte
	}{{mac, &c.mac, &v.mac}, {key, &c.key, &v.key}, {iv, &c.iv, &v.iv}} {
		*f.a, *f.b = take(f.n), take(f.n)
	}
	finish := func(label string) []byte {
		sum := sha256.Sum256(log)
		m := append([]byte{20, 0, 0, 12}, prf(master, label, sum[:], 12)...)
		log = append(log, m...)
		return m
	}
	mine := func(label string) {
		w.record(change, []byte{1})
		w.record(handshake, s.seal(handshake, finish(label)))
	}
	theirs := func(label string) {
		w.want([]byte{change, 3, 3, 0, 1, 1})
		must(bytes.Equal(s.open(handshake), finish(label)), "another "+label)
	}
	if client {
		mine("client finished")
		theirs("server finished")
	} else {
		theirs("client finished")
		mine("server finished")
	}
	return s
}

func (w *wire) record(kind byte, body []byte) {
	w.send(append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...))
}

func prf(secret []byte, label string, seed []byte, n int) (out []byte) {
	hm := func(p []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(p)
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	for a := hm(seed); len(out) < n; a = hm(a) {
		out = append(out, hm(append(bytes.Clone(a), seed...))...)
	}
	return out[:n]
}

// head is what is authenticated besides the text; nonce is RFC 7905's.
func (k *keys) head(kind byte, n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, k.seq)
	return append(b, kind, 3, 3, byte(n>>8), byte(n))
}

func (k *keys) nonce() []byte {
	n := bytes.Clone(k.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.seq) {
		n[4+i] ^= b
	}
	return n
}

func (k *keys) sum(kind byte, p []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(append(k.head(kind, len(p)), p...))
	return h.Sum(nil)
}

func (s *Stream) seal(kind byte, p []byte) (b []byte) {
	k := &s.out
	defer func() { k.seq++ }()
	if s.suite == 0xccab {
		return must1(chacha20poly1305.New(k.key)).Seal(nil, k.nonce(), p, k.head(kind, len(p)))
	}
	p = append(bytes.Clone(p), k.sum(kind, p)...)
	pad := 16 - len(p)%16
	p = append(p, bytes.Repeat([]byte{byte(pad - 1)}, pad)...)
	b = append(random(16), p...)
	cipher.NewCBCEncrypter(must1(aes.NewCipher(k.key)), b[:16]).CryptBlocks(b[16:], p)
	return b
}

// open takes the next record, of a kind.
func (s *Stream) open(kind byte) []byte {
	head := s.w.take(5)
	must(head[0] == kind && head[1] == 3 && head[2] == 3, "a record of another kind")
	p := s.w.take(int(binary.BigEndian.Uint16(head[3:])))
	k := &s.in
	defer func() { k.seq++ }()
	if s.suite == 0xccab {
		return must1(must1(chacha20poly1305.New(k.key)).Open(nil, k.nonce(), p, k.head(kind, len(p)-16)))
	}
	b := make([]byte, len(p)-16)
	cipher.NewCBCDecrypter(must1(aes.NewCipher(k.key)), p[:16]).CryptBlocks(b, p[16:])
	n := len(b) - int(b[len(b)-1]) - 1 - 32
	must(n >= 0 && bytes.Equal(k.sum(kind, b[:n]), b[n:n+32]), "a wrong MAC")
	return b[:n]
}

// Send sends a record of data.
func (s *Stream) Send(p []byte) (err error) {
	defer catch(&err)
	s.w.record(data, s.seal(data, p))
	return nil
}

// Recv receives one.
func (s *Stream) Recv() (p []byte, err error) {
	defer catch(&err)
	return s.open(data), nil
}
