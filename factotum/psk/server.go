package psk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
)

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
