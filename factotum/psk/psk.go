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
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
