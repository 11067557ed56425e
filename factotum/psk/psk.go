// Package psk is TLS 1.2 with a key that both sides have (RFC 4279), as far as Plan 9's
// door speaks it and no further: two suites, no resumption, no renegotiation, no
// certificate, nothing else to be agreed on. PSK-CHACHA20-POLY1305 (RFC 7905) is taken
// where both sides have it, PSK-AES128-CBC-SHA256 (RFC 5487) otherwise.
//
// There is no forward secrecy in it: who learns the key can read what was recorded. Dp9ik
// gives each connection a key of its own, from an exchange that has it.
package psk

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// Suites.
const (
	chacha = 0xccab
	cbc    = 0x00ae
	scsv   = 0x00ff // not one: the client knows RFC 5746
)

// Types of records and handshake messages, and alerts.
const (
	recCipher    = 20
	recAlert     = 21
	recHandshake = 22
	recData      = 23

	msgClientHello = 1
	msgServerHello = 2
	msgServerKey   = 12
	msgServerDone  = 14
	msgClientKey   = 16
	msgFinished    = 20

	alertClose      = 0
	alertUnexpected = 10
	alertBadMAC     = 20
	alertOverflow   = 22
	alertFailure    = 40
	alertDecode     = 50
	alertDecrypt    = 51
	alertVersion    = 70
)

const (
	version      = 0x0303
	renegotiated = 0xff01 // the extension renegotiation_info
	maxHandshake = 64 << 10
)

// An alertError ends a connection, and is told to the other side.
type alertError struct {
	alert byte
	text  string
}

func (e *alertError) Error() string { return "tls psk: " + e.text }

func fail(alert byte, text string) error { return &alertError{alert, text} }

// prf is TLS 1.2's, RFC 5246, 5, by SHA-256.
func prf(n int, secret []byte, label string, seeds ...[]byte) []byte {
	seed := append([]byte(label), bytes.Join(seeds, nil)...)
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

// premaster is RFC 4279's, 2: as many zeros as the key is long, and the key.
func premaster(key []byte) []byte {
	n := uint16(len(key))
	b := binary.BigEndian.AppendUint16(nil, n)
	b = append(b, make([]byte, n)...)
	return append(binary.BigEndian.AppendUint16(b, n), key...)
}

// A handshake is the state of one.
type handshake struct {
	c      *Conn
	log    bytes.Buffer // all messages so far
	in     []byte       // what came and is not yet a message
	suite  uint16
	random [2][]byte // client's, server's
	master []byte
}

// Client makes a connection secure as the client who has the key of an identity. If ctx
// ends before that is done, or it fails, conn is closed.
func Client(ctx context.Context, conn net.Conn, identity string, key []byte) (*Conn, error) {
	return shake(ctx, conn, identity, key, (*handshake).client)
}

// Server makes a connection secure as the server, for a client of that identity and key.
// One of another identity is told the same as one of another key.
func Server(ctx context.Context, conn net.Conn, identity string, key []byte) (*Conn, error) {
	return shake(ctx, conn, identity, key, (*handshake).server)
}

func shake(ctx context.Context, conn net.Conn, identity string, key []byte, role func(*handshake, string, []byte) error) (*Conn, error) {
	if len(key) == 0 || len(key) > 512 || len(identity) > 128 {
		conn.Close()
		return nil, errors.New("tls psk: key or identity of the wrong length")
	}
	c := &Conn{Conn: conn}
	h := &handshake{c: c}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err := role(h, identity, key)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	clear(h.master)
	if err == nil {
		return c, nil
	}
	c.refuse(err)
	conn.Close()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, err
}

func (h *handshake) client(identity string, key []byte) error {
	hello := binary.BigEndian.AppendUint16(nil, version)
	h.random[0] = make([]byte, 32)
	rand.Read(h.random[0])
	hello = append(append(hello, h.random[0]...), 0)
	hello = append(hello, 0, 6, chacha>>8, chacha&0xff, cbc>>8, cbc&0xff, 0, scsv, 1, 0)
	if err := h.send(msgClientHello, hello); err != nil {
		return err
	}
	m, err := h.recv(msgServerHello)
	if err != nil {
		return err
	}
	if err := h.parseServerHello(m); err != nil {
		return err
	}
	kind, m, err := h.next()
	if err == nil && kind == msgServerKey { // a hint at the identity, which we know
		if len(m) < 2 || len(m) != 2+int(binary.BigEndian.Uint16(m)) {
			return fail(alertDecode, "malformed message")
		}
		kind, m, err = h.next()
	}
	if err != nil {
		return err
	}
	if kind != msgServerDone || len(m) != 0 {
		return fail(alertUnexpected, "unexpected message")
	}
	id := append(binary.BigEndian.AppendUint16(nil, uint16(len(identity))), identity...)
	if err := h.send(msgClientKey, id); err != nil {
		return err
	}
	read, write := h.keys(key, true)
	if err := h.finish("client finished", write); err != nil {
		return err
	}
	return h.finished("server finished", read)
}

func (h *handshake) parseServerHello(m []byte) error {
	if len(m) < 38 || binary.BigEndian.Uint16(m) != version {
		return fail(alertVersion, "the server does not speak TLS 1.2")
	}
	h.random[1] = bytes.Clone(m[2:34])
	m = m[34:]
	n := int(m[0])
	if n > 32 || len(m) < 1+n+3 {
		return fail(alertDecode, "malformed message")
	}
	m = m[1+n:]
	h.suite = binary.BigEndian.Uint16(m)
	if h.suite != chacha && h.suite != cbc || m[2] != 0 {
		return fail(alertFailure, "the server chose a suite that was not offered")
	}
	ext, err := extensions(m[3:])
	if err != nil {
		return err
	}
	for kind, data := range ext {
		if kind != renegotiated || !bytes.Equal(data, []byte{0}) {
			return fail(alertUnexpected, "the server chose an extension that was not offered")
		}
	}
	return nil
}

// extensions reads those of a hello, which may have none.
func extensions(m []byte) (map[uint16][]byte, error) {
	ext := map[uint16][]byte{}
	if len(m) == 0 {
		return ext, nil
	}
	bad := fail(alertDecode, "malformed message")
	if len(m) < 2 || int(binary.BigEndian.Uint16(m)) != len(m)-2 {
		return nil, bad
	}
	for m = m[2:]; len(m) > 0; {
		if len(m) < 4 {
			return nil, bad
		}
		kind, n := binary.BigEndian.Uint16(m), int(binary.BigEndian.Uint16(m[2:]))
		if _, twice := ext[kind]; twice || len(m) < 4+n {
			return nil, bad
		}
		ext[kind], m = m[4:4+n], m[4+n:]
	}
	return ext, nil
}

func (h *handshake) server(identity string, key []byte) error {
	m, err := h.recv(msgClientHello)
	if err != nil {
		return err
	}
	secure, err := h.parseClientHello(m)
	if err != nil {
		return err
	}
	hello := binary.BigEndian.AppendUint16(nil, version)
	h.random[1] = make([]byte, 32)
	rand.Read(h.random[1])
	hello = append(append(hello, h.random[1]...), 0, byte(h.suite>>8), byte(h.suite), 0)
	if secure {
		hello = append(hello, 0, 5, renegotiated>>8, renegotiated&0xff, 0, 1, 0)
	}
	if err := h.send(msgServerHello, hello); err != nil {
		return err
	}
	if err := h.send(msgServerDone, nil); err != nil {
		return err
	}
	if m, err = h.recv(msgClientKey); err != nil {
		return err
	}
	if len(m) < 2 || len(m) != 2+int(binary.BigEndian.Uint16(m)) {
		return fail(alertDecode, "malformed message")
	}
	if string(m[2:]) != identity {
		key = make([]byte, len(key))
		rand.Read(key)
	}
	read, write := h.keys(key, false)
	if err := h.finished("client finished", read); err != nil {
		return err
	}
	return h.finish("server finished", write)
}

// parseClientHello picks the suite, and tells whether the client knows RFC 5746.
func (h *handshake) parseClientHello(m []byte) (secure bool, err error) {
	bad := fail(alertDecode, "malformed message")
	if len(m) < 35 {
		return false, bad
	}
	if binary.BigEndian.Uint16(m) < version {
		return false, fail(alertVersion, "the client does not speak TLS 1.2")
	}
	h.random[0] = bytes.Clone(m[2:34])
	m = m[34:]
	n := int(m[0])
	if n > 32 || len(m) < 1+n+2 {
		return false, bad
	}
	m = m[1+n:]
	n = int(binary.BigEndian.Uint16(m))
	if n%2 != 0 || len(m) < 2+n+1 {
		return false, bad
	}
	for s := m[2 : 2+n]; len(s) > 0; s = s[2:] {
		switch suite := binary.BigEndian.Uint16(s); suite {
		case chacha:
			h.suite = chacha
		case cbc:
			if h.suite == 0 {
				h.suite = cbc
			}
		case scsv:
			secure = true
		}
	}
	m = m[2+n:]
	n = int(m[0])
	if len(m) < 1+n || bytes.IndexByte(m[1:1+n], 0) < 0 {
		return false, bad
	}
	ext, err := extensions(m[1+n:])
	if err != nil {
		return false, err
	}
	if data, ok := ext[renegotiated]; ok {
		if !bytes.Equal(data, []byte{0}) {
			return false, fail(alertFailure, "renegotiation")
		}
		secure = true
	}
	if h.suite == 0 {
		return false, fail(alertFailure, "the client has no suite that we have")
	}
	return secure, nil
}

// keys makes the two directions' keys, RFC 5246, 6.3.
func (h *handshake) keys(key []byte, client bool) (read, write *half) {
	pre := premaster(key)
	h.master = prf(48, pre, "master secret", h.random[0], h.random[1])
	clear(pre)
	mac, enc, iv := 0, 32, 12
	if h.suite == cbc {
		mac, enc, iv = 32, 16, 0
	}
	block := prf(2*(mac+enc+iv), h.master, "key expansion", h.random[1], h.random[0])
	take := func(n int) []byte {
		b := block[:n:n]
		block = block[n:]
		return b
	}
	cm, sm, ck, sk, ci, si := take(mac), take(mac), take(enc), take(enc), take(iv), take(iv)
	c, s := newHalf(h.suite, cm, ck, ci), newHalf(h.suite, sm, sk, si)
	if client {
		return s, c
	}
	return c, s
}

// verify is what a Finished has.
func (h *handshake) verify(label string) []byte {
	sum := sha256.Sum256(h.log.Bytes())
	return prf(12, h.master, label, sum[:])
}

// finish has what is written from here on be sealed, and proves the handshake.
func (h *handshake) finish(label string, write *half) error {
	if err := h.c.writeRecord(recCipher, []byte{1}); err != nil {
		return err
	}
	h.c.write = write
	return h.send(msgFinished, h.verify(label))
}

// finished expects the other side's.
func (h *handshake) finished(label string, read *half) error {
	kind, p, err := h.c.readRecord()
	if err != nil {
		return err
	}
	if kind != recCipher || !bytes.Equal(p, []byte{1}) || len(h.in) > 0 {
		return fail(alertUnexpected, "unexpected message")
	}
	h.c.read = read
	want := h.verify(label)
	m, err := h.recv(msgFinished)
	var a *alertError
	if errors.As(err, &a) && a.alert == alertBadMAC {
		return fail(alertDecrypt, "the other side has another key")
	}
	if err != nil {
		return err
	}
	if !hmac.Equal(m, want) {
		return fail(alertDecrypt, "the other side has another key")
	}
	if len(h.in) > 0 {
		return fail(alertUnexpected, "unexpected message")
	}
	return nil
}

func (h *handshake) send(kind byte, body []byte) error {
	m := append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	h.log.Write(m)
	return h.c.writeRecord(recHandshake, m)
}

func (h *handshake) recv(want byte) ([]byte, error) {
	kind, m, err := h.next()
	if err == nil && kind != want {
		err = fail(alertUnexpected, "unexpected message")
	}
	return m, err
}

// next takes the next message, of one record or several.
func (h *handshake) next() (kind byte, body []byte, err error) {
	for {
		if len(h.in) >= 4 {
			n := int(h.in[1])<<16 | int(h.in[2])<<8 | int(h.in[3])
			if n > maxHandshake {
				return 0, nil, fail(alertDecode, "handshake message is too long")
			}
			if len(h.in) >= 4+n {
				m := h.in[:4+n]
				h.in = h.in[4+n:]
				h.log.Write(m)
				return m[0], m[4:], nil
			}
		}
		kind, p, err := h.c.readRecord()
		switch {
		case err != nil:
			return 0, nil, err
		case kind == recAlert:
			return 0, nil, alerted(p)
		case kind != recHandshake || len(p) == 0:
			return 0, nil, fail(alertUnexpected, "unexpected message")
		}
		h.in = append(h.in, p...)
	}
}

// alerted is the error of an alert that came.
func alerted(p []byte) error {
	if len(p) != 2 {
		return fail(alertDecode, "malformed alert")
	}
	return fmt.Errorf("tls psk: alert %d by the other side", p[1])
}
