package sshkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/asn1"
	"errors"
	"math/big"
)

// Hash is the hash by which ssh has an Ed25519 (0, none) or ECDSA key sign, RFC 5656.
func (p *Public) Hash() crypto.Hash {
	k, ok := p.Key.(*ecdsa.PublicKey)
	switch {
	case !ok:
		return 0
	case k.Curve.Params().BitSize == 256:
		return crypto.SHA256
	case k.Curve.Params().BitSize == 384:
		return crypto.SHA384
	}
	return crypto.SHA512
}

// X509Signature makes of ssh's signature by an Ed25519 or ECDSA key, algorithm and all, what
// package x509 and TLS have for one.
func (p *Public) X509Signature(sig []byte) ([]byte, error) {
	malformed := errors.New("malformed signature")
	in := &Reader{B: sig}
	in.Bytes() // algorithm
	raw := in.Bytes()
	if in.End() != nil {
		return nil, malformed
	}
	switch p.Key.(type) {
	case ed25519.PublicKey:
		return raw, nil
	case *ecdsa.PublicKey:
		n := &Reader{B: raw}
		rs := struct{ R, S *big.Int }{n.Int(), n.Int()}
		if n.End() != nil {
			return nil, malformed
		}
		return asn1.Marshal(rs)
	}
	return nil, errors.New("only Ed25519 and ECDSA keys sign for TLS")
}
