package proof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// MaxTranscript is as long as a transcript may be that Check looks at.
const MaxTranscript = 48 << 10

var errProof = errors.New("the handshake does not prove a key")

// The messages of a handshake in which the client shows a certificate, and of one that begins
// again.
const (
	once  = "\x01\x02\x08\x0d\x0b\x0f\x14\x0b\x0f"
	again = "\xfe\x02" + once
)

// Check gives the certificate of the client whose key has signed a transcript in which the
// server's certificate is cert, and nothing but that. What else the client's says is not
// checked.
func Check(transcript, cert []byte) (*x509.Certificate, error) {
	if len(transcript) > MaxTranscript {
		return nil, errProof
	}
	var all [][]byte
	var kinds []byte
	for b := transcript; len(b) > 0; {
		if len(b) < 4 {
			return nil, errProof
		}
		n := 4 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
		if len(b) < n || len(all) == len(again) {
			return nil, errProof
		}
		all, kinds = append(all, b[:n:n]), append(kinds, b[0])
		b = b[n:]
	}
	if string(kinds) != once && string(kinds) != again {
		return nil, errProof
	}
	all = all[len(all)-len(once):]
	s, err := suiteOf(all[1])
	if err != nil || !bytes.Equal(all[4], certificate(cert)) {
		return nil, errProof
	}
	leaf, err := leafOf(all[7])
	if err != nil {
		return nil, errProof
	}
	verify := all[8]
	h := s.hash.New()
	h.Write(transcript[:len(transcript)-len(verify)])
	signed := h.Sum([]byte(strings.Repeat(" ", 64) + "TLS 1.3, client CertificateVerify\x00"))
	if len(verify) < 8 || int(binary.BigEndian.Uint16(verify[6:])) != len(verify)-8 {
		return nil, errProof
	}
	if !verified(leaf, binary.BigEndian.Uint16(verify[4:]), signed, verify[8:]) {
		return nil, errProof
	}
	return leaf, nil
}

// certificate is the message by which a server shows one, RFC 8446 section 4.4.2.
func certificate(der []byte) []byte {
	entry := slices.Concat(uint24(len(der)), der, []byte{0, 0})
	body := slices.Concat([]byte{0}, uint24(len(entry)), entry)
	return slices.Concat([]byte{msgCertificate}, uint24(len(body)), body)
}

func uint24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }

// leafOf reads the first certificate of such a message.
func leafOf(m []byte) (*x509.Certificate, error) {
	const first = 4 + 1 + 3 // its length
	if len(m) < first+3 || m[4] != 0 {
		return nil, errProof
	}
	n := int(m[first])<<16 + int(m[first+1])<<8 + int(m[first+2])
	if len(m) < first+3+n {
		return nil, errProof
	}
	return x509.ParseCertificate(m[first+3 : first+3+n])
}

// verified checks a signature of TLS 1.3 by the kinds of keys that doors take.
func verified(leaf *x509.Certificate, scheme uint16, signed, sig []byte) bool {
	switch k := leaf.PublicKey.(type) {
	case ed25519.PublicKey:
		return scheme == 0x0807 && ed25519.Verify(k, signed, sig)
	case *ecdsa.PublicKey:
		hash, want := shaOf(k.Curve.Params().BitSize)
		if scheme != want {
			return false
		}
		h := hash.New()
		h.Write(signed)
		return ecdsa.VerifyASN1(k, h.Sum(nil), sig)
	}
	return false
}
