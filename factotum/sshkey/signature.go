package sshkey

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
)

// Signatures of files, as ssh-keygen -Y sign and verify have them: OpenSSH's
// PROTOCOL.sshsig.

const (
	sigMagic = "SSHSIG"
	sigBlock = "SSH SIGNATURE"
)

// SignFile gives the signature of a text, armoured. The namespace says what signatures
// are for: one made for another is none.
func (p *Private) SignFile(namespace string, text []byte) ([]byte, error) {
	h := sha512.Sum512(text)
	sig, err := p.Sign(signedFile(namespace, "sha512", h[:]), "")
	if err != nil {
		return nil, err
	}
	b := append([]byte(sigMagic), 0, 0, 0, 1)
	for _, s := range [][]byte{p.Plain().Blob, []byte(namespace), nil, []byte("sha512"), sig} {
		b = AppendBytes(b, s)
	}
	return pem.EncodeToMemory(&pem.Block{Type: sigBlock, Bytes: b}), nil
}

// signedFile is what the key signs.
func signedFile(namespace, hash string, digest []byte) []byte {
	b := []byte(sigMagic)
	for _, s := range [][]byte{[]byte(namespace), nil, []byte(hash), digest} {
		b = AppendBytes(b, s)
	}
	return b
}

// VerifyFile checks an armoured signature of a text and gives the key that made it.
// Whether that key is to be trusted it does not say.
func VerifyFile(namespace string, text, armoured []byte) (*Public, error) {
	block, rest := pem.Decode(armoured)
	if block == nil || block.Type != sigBlock || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("not an ssh signature")
	}
	in, ok := bytes.CutPrefix(block.Bytes, []byte(sigMagic))
	r := &Reader{B: in}
	version, blob, space, _, hash, sig := r.Uint32(), r.Bytes(), r.String(), r.Bytes(), r.String(), r.Bytes()
	if r.End() != nil || !ok || version != 1 {
		return nil, ErrFormat
	}
	if space != namespace {
		return nil, errors.New("ssh signature for another purpose")
	}
	var digest []byte
	switch hash {
	case "sha256":
		h := sha256.Sum256(text)
		digest = h[:]
	case "sha512":
		h := sha512.Sum512(text)
		digest = h[:]
	default:
		return nil, ErrFormat
	}
	key, err := ParsePublic(blob)
	if err != nil {
		return nil, err
	}
	if key.Cert != nil {
		return nil, errors.New("ssh signature by a certificate")
	}
	return key, key.Verify(signedFile(namespace, hash, digest), sig)
}
