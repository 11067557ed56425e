package proof

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	_ "crypto/sha256" // of the suites
	_ "crypto/sha512"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// Types of records and messages, RFC 8446 section B; msgHash stands for a first ClientHello,
// section 4.4.1.
const (
	recCipher    = 20
	recHandshake = 22
	recData      = 23

	msgClientHello = 1
	msgServerHello = 2
	msgExtensions  = 8
	msgCertificate = 11
	msgRequest     = 13
	msgVerify      = 15
	msgFinished    = 20
	msgHash        = 254
)

// A suite is one of TLS 1.3's.
type suite struct {
	hash   crypto.Hash
	key    int
	chacha bool
}

// suiteOf gives the one that a ServerHello has chosen.
func suiteOf(hello []byte) (suite, error) {
	const random = 4 + 2 + 32 // the session's identifier is after it
	if len(hello) < random+1 || hello[0] != msgServerHello || len(hello) < random+1+int(hello[random])+2 {
		return suite{}, errTape
	}
	switch binary.BigEndian.Uint16(hello[random+1+int(hello[random]):]) {
	case 0x1301:
		return suite{hash: crypto.SHA256, key: 16}, nil
	case 0x1302:
		return suite{hash: crypto.SHA384, key: 32}, nil
	case 0x1303:
		return suite{hash: crypto.SHA256, key: 32, chacha: true}, nil
	}
	return suite{}, errTape
}

// opener gives what opens the records of a direction, one after the other, RFC 8446 section
// 5.2; it gives type 0 for one that it can't.
func (s suite) opener(secret []byte) func(header, body []byte) (byte, []byte) {
	bad := func([]byte, []byte) (byte, []byte) { return 0, nil }
	key, err := expand(s.hash, secret, "key", s.key)
	if err != nil {
		return bad
	}
	iv, err := expand(s.hash, secret, "iv", 12)
	if err != nil {
		return bad
	}
	var aead cipher.AEAD
	if s.chacha {
		aead, err = chacha20poly1305.New(key)
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		return bad
	}
	var n uint64
	return func(header, body []byte) (byte, []byte) {
		nonce := [12]byte(iv)
		binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^n)
		n++
		text, err := aead.Open(nil, nonce[:], body, header)
		for err == nil && len(text) > 0 && text[len(text)-1] == 0 {
			text = text[:len(text)-1] // padding
		}
		if err != nil || len(text) == 0 {
			return 0, nil
		}
		return text[len(text)-1], text[:len(text)-1]
	}
}

// expand is HKDF-Expand-Label, RFC 8446 section 7.1.
func expand(h crypto.Hash, secret []byte, label string, n int) ([]byte, error) {
	label = "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
	return hkdf.Expand(h.New, secret, string(append(info, 0)), n)
}

// shaOf gives the hash by which an ECDSA key of a size signs, and the scheme's number.
func shaOf(bits int) (crypto.Hash, uint16) {
	switch bits {
	case 256:
		return crypto.SHA256, 0x0403
	case 384:
		return crypto.SHA384, 0x0503
	}
	return crypto.SHA512, 0x0603
}
