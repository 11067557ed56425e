package sshkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
)

// A Private is a private key. Where it was added with a certificate, Public is that.
type Private struct {
	Public
	Signer crypto.Signer
}

// ParsePrivate takes a private key, its type first, as OpenSSH's files and the messages
// that add one to an agent have it. An Ed25519 key keeps using r.B's bytes.
func ParsePrivate(r *Reader) (*Private, error) {
	typ := r.String()
	base, isCert := strings.CutSuffix(typ, certPost)
	var cert *Public
	if isCert {
		var err error
		if cert, err = ParsePublic(r.Bytes()); err != nil {
			return nil, err
		}
		if cert.Type != base || cert.Cert == nil {
			return nil, ErrFormat
		}
	}
	signer, err := privateFields(base, cert, r)
	if err != nil {
		return nil, err
	}
	pub, err := New(signer.Public())
	if err != nil {
		return nil, err
	}
	if cert != nil {
		if !bytes.Equal(cert.Plain().Blob, pub.Blob) {
			return nil, errors.New("certificate of another key")
		}
		pub = cert
	}
	return &Private{*pub, signer}, nil
}

func privateFields(typ string, cert *Public, r *Reader) (crypto.Signer, error) {
	switch {
	case typ == Ed25519:
		pub, key := r.Bytes(), r.Bytes()
		if r.Err != nil || len(key) != ed25519.PrivateKeySize || !bytes.Equal(pub, key[32:]) {
			return nil, ErrFormat
		}
		k := ed25519.NewKeyFromSeed(key[:32])
		defer clear(k)
		if !bytes.Equal(k[32:], pub) { // a signature with another one gives the key away
			return nil, ErrFormat
		}
		return ed25519.PrivateKey(key), nil
	case typ == RSA:
		k := new(rsa.PrivateKey)
		if cert != nil {
			pub, ok := cert.Key.(*rsa.PublicKey)
			if !ok {
				return nil, ErrFormat
			}
			k.PublicKey = *pub
		} else {
			k.N = r.Int()
			e := r.Int()
			if e.BitLen() > 31 {
				return nil, ErrFormat
			}
			k.E = int(e.Int64())
		}
		k.D = r.Int()
		clear(r.Int().Bits()) // iqmp
		k.Primes = []*big.Int{r.Int(), r.Int()}
		if r.Err != nil {
			return nil, ErrFormat
		}
		if err := k.Validate(); err != nil {
			return nil, ErrFormat
		}
		k.Precompute()
		return k, nil
	case strings.HasPrefix(typ, ecdsaPre):
		curve, name := curveOf(typ)
		if curve == nil {
			return nil, ErrFormat
		}
		var q []byte
		if cert == nil {
			if r.String() != name {
				return nil, ErrFormat
			}
			q = r.Bytes()
		}
		d := r.Int()
		defer func() { clear(d.Bits()) }()
		n := (curve.Params().BitSize + 7) / 8
		if r.Err != nil || d.BitLen() > 8*n {
			return nil, ErrFormat
		}
		raw := d.FillBytes(make([]byte, n))
		defer clear(raw)
		k, err := ecdsa.ParseRawPrivateKey(curve, raw)
		if err != nil {
			return nil, ErrFormat
		}
		if q != nil {
			if pub, err := k.PublicKey.Bytes(); err != nil || !bytes.Equal(pub, q) {
				return nil, ErrFormat
			}
		}
		return k, nil
	}
	return nil, errors.New("unknown type of ssh key")
}

// Again parses what ParsePrivate has taken before, for one use, with its public key: so a
// key need not be in Go's memory but while it is used. RSA is not done so: making its
// numbers ready for use takes longer than using them.
func Again(wire []byte, pub *Public) (*Private, error) {
	r := &Reader{B: wire}
	isCert := strings.HasSuffix(r.String(), certPost)
	if isCert {
		r.Bytes()
	}
	p := &Private{Public: *pub}
	switch {
	case pub.Type == Ed25519:
		r.Bytes()
		p.Signer = ed25519.PrivateKey(r.Bytes())
	case strings.HasPrefix(pub.Type, ecdsaPre):
		curve, _ := curveOf(pub.Type)
		if !isCert {
			r.Bytes()
			r.Bytes()
		}
		d := r.Bytes()
		n := (curve.Params().BitSize + 7) / 8
		raw := make([]byte, max(n, len(d)))
		defer clear(raw)
		copy(raw[len(raw)-len(d):], d)
		k, err := ecdsa.ParseRawPrivateKey(curve, raw[len(raw)-n:])
		if err != nil {
			return nil, ErrFormat
		}
		p.Signer = k
	default:
		return nil, errors.New("only Ed25519 and ECDSA keys are parsed again")
	}
	return p, r.Err
}

// Wipe makes the key useless, as far as it is in our own hands.
func (p *Private) Wipe() {
	switch k := p.Signer.(type) {
	case ed25519.PrivateKey:
		clear(k)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 there is no other way to its memory
		clear(k.D.Bits())
	case *rsa.PrivateKey:
		for _, n := range append(k.Primes, k.D, k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv) {
			clear(n.Bits())
		}
	}
}

// AppendPrivate writes a private key so that ParsePrivate takes it.
func AppendPrivate(b []byte, key crypto.Signer) ([]byte, error) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return AppendBytes(AppendBytes(AppendBytes(b, Ed25519), k[32:]), k), nil
	case *ecdsa.PrivateKey:
		pub, err := New(&k.PublicKey)
		if err != nil {
			return nil, err
		}
		raw, err := k.Bytes()
		if err != nil {
			return nil, err
		}
		return AppendInt(append(b, pub.Blob...), new(big.Int).SetBytes(raw)), nil
	case *rsa.PrivateKey:
		b = AppendInt(AppendInt(AppendInt(AppendBytes(b, RSA), k.N), big.NewInt(int64(k.E))), k.D)
		k.Precompute()
		return AppendInt(AppendInt(AppendInt(b, k.Precomputed.Qinv), k.Primes[0]), k.Primes[1]), nil
	}
	return nil, errors.New("unknown type of key")
}

// SignRaw gives a signature of data as X.509 and TLS have it: Ed25519's 64 bytes, or ECDSA's
// in DER, by the hash that belongs to the curve.
func (p *Private) SignRaw(data []byte) ([]byte, error) {
	switch k := p.Signer.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(k, data), nil
	case *ecdsa.PrivateKey:
		hash, h := digest(k.Params().BitSize, data)
		return k.Sign(rand.Reader, h, hash)
	}
	return nil, errors.New("only Ed25519 and ECDSA keys sign so")
}

// Sign gives a signature of data, with its algorithm in front. Algorithm is for RSA
// alone: RSASHA256 or RSASHA512, the second for "".
func (p *Private) Sign(data []byte, algorithm string) ([]byte, error) {
	switch k := p.Signer.(type) {
	case ed25519.PrivateKey:
		return AppendBytes(AppendBytes(nil, p.Type), ed25519.Sign(k, data)), nil
	case *ecdsa.PrivateKey:
		der, err := p.SignRaw(data)
		if err != nil {
			return nil, err
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &rs); err != nil {
			return nil, err
		}
		return AppendBytes(AppendBytes(nil, p.Type), AppendInt(AppendInt(nil, rs.R), rs.S)), nil
	case *rsa.PrivateKey:
		bits := 512
		switch algorithm {
		case "":
			algorithm = RSASHA512
		case RSASHA512:
		case RSASHA256:
			bits = 256
		default:
			return nil, errors.New("RSA signature other than by SHA-256 or SHA-512")
		}
		hash, h := digest(bits, data)
		s, err := k.Sign(rand.Reader, h, hash)
		if err != nil {
			return nil, err
		}
		return AppendBytes(AppendBytes(nil, algorithm), s), nil
	}
	return nil, errors.New("unknown type of key")
}

// WithCert gives a private key, both in the form that ParsePrivate takes, with a
// certificate.
func WithCert(wire, cert []byte) ([]byte, error) {
	r := &Reader{B: wire}
	typ := r.String()
	out := AppendBytes(AppendBytes(nil, typ+certPost), cert)
	switch { // what the certificate has is left out, but by Ed25519
	case typ == Ed25519:
	case typ == RSA:
		r.Int()
		r.Int()
	case strings.HasPrefix(typ, ecdsaPre):
		r.Bytes()
		r.Bytes()
	}
	if r.Err != nil {
		return nil, r.Err
	}
	out = append(out, r.B...)
	if _, err := ParsePrivate(&Reader{B: bytes.Clone(out)}); err != nil {
		return nil, err
	}
	return out, nil
}
