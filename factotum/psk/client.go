package psk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
)

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
