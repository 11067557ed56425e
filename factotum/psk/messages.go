package psk

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

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
