package sshkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Types of keys, and of RSA's signatures.
const (
	Ed25519   = "ssh-ed25519"
	RSA       = "ssh-rsa"
	RSASHA256 = "rsa-sha2-256"
	RSASHA512 = "rsa-sha2-512"
	ecdsaPre  = "ecdsa-sha2-"
	certPost  = "-cert-v01@openssh.com"
)

const minRSA, maxRSA = 2048, 16384 // bits

// A Public is a public key.
type Public struct {
	Type string // of the key itself, where it is a certificate too
	Blob []byte // as it goes over the wire; a certificate's is the certificate
	Key  crypto.PublicKey
	Cert *Cert // nil: it is a plain key
}

// ParsePublic reads a public key or certificate. Types that this package can't verify
// (sk-) have a nil Key.
func ParsePublic(blob []byte) (*Public, error) {
	r := &Reader{B: blob}
	p := &Public{Type: r.String(), Blob: blob}
	var err error
	if base, ok := strings.CutSuffix(p.Type, certPost); ok {
		p.Type = base
		p.Cert, err = parseCert(p, r)
	} else if err = p.fields(r); err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// fields reads what a key of p's type has.
func (p *Public) fields(r *Reader) error {
	switch {
	case p.Type == Ed25519:
		k := r.Bytes()
		if r.Err != nil || len(k) != ed25519.PublicKeySize {
			return ErrFormat
		}
		p.Key = ed25519.PublicKey(k)
	case p.Type == RSA:
		e, n := r.Int(), r.Int()
		if r.Err != nil || e.BitLen() > 31 || e.Bit(0) == 0 || e.Cmp(big.NewInt(3)) < 0 {
			return ErrFormat
		}
		if n.BitLen() < minRSA || n.BitLen() > maxRSA {
			return fmt.Errorf("RSA key of %d bits", n.BitLen())
		}
		p.Key = &rsa.PublicKey{N: n, E: int(e.Int64())}
	case strings.HasPrefix(p.Type, ecdsaPre):
		curve, name := curveOf(p.Type)
		if curve == nil || r.String() != name {
			return ErrFormat
		}
		k, err := ecdsa.ParseUncompressedPublicKey(curve, r.Bytes())
		if err != nil {
			return ErrFormat
		}
		p.Key = k
	case p.Type == "sk-ssh-ed25519@openssh.com":
		r.Bytes()
		r.Bytes()
	case p.Type == "sk-ecdsa-sha2-nistp256@openssh.com":
		r.Bytes()
		r.Bytes()
		r.Bytes()
	default:
		return errors.New("unknown type of ssh key")
	}
	return r.Err
}

func curveOf(typ string) (elliptic.Curve, string) {
	name := strings.TrimPrefix(typ, ecdsaPre)
	switch name {
	case "nistp256":
		return elliptic.P256(), name
	case "nistp384":
		return elliptic.P384(), name
	case "nistp521":
		return elliptic.P521(), name
	}
	return nil, ""
}

// digest gives the hash of data that signatures by a curve or RSA's algorithm have.
func digest(bits int, data []byte) (crypto.Hash, []byte) {
	switch {
	case bits <= 256:
		h := sha256.Sum256(data)
		return crypto.SHA256, h[:]
	case bits <= 384:
		h := sha512.Sum384(data)
		return crypto.SHA384, h[:]
	}
	h := sha512.Sum512(data)
	return crypto.SHA512, h[:]
}

// New makes the public key of a crypto.PublicKey: Ed25519, ECDSA on P-256, P-384 or
// P-521, or RSA.
func New(key crypto.PublicKey) (*Public, error) {
	var b []byte
	switch k := key.(type) {
	case ed25519.PublicKey:
		b = AppendBytes(AppendBytes(nil, Ed25519), k)
	case *ecdsa.PublicKey:
		name := "nistp" + strings.TrimPrefix(k.Curve.Params().Name, "P-")
		q, err := k.Bytes()
		if err != nil {
			return nil, err
		}
		b = AppendBytes(AppendBytes(AppendBytes(nil, ecdsaPre+name), name), q)
	case *rsa.PublicKey:
		b = AppendInt(AppendInt(AppendBytes(nil, RSA), big.NewInt(int64(k.E))), k.N)
	}
	return ParsePublic(b)
}

// Plain gives the key without the certificate.
func (p *Public) Plain() *Public {
	if p.Cert == nil {
		return p
	}
	q, err := New(p.Key)
	if err != nil {
		return p
	}
	return q
}

// Fingerprint is SHA256: and the hash in base64, as OpenSSH has it.
func (p *Public) Fingerprint() string {
	h := sha256.Sum256(p.Plain().Blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(h[:])
}

// ErrSignature says that a signature is not the key's.
var ErrSignature = errors.New("wrong ssh signature")

// Verify checks a signature, in the form that Private.Sign gives it. RSA with SHA-1 is
// refused.
func (p *Public) Verify(data, sig []byte) error {
	r := &Reader{B: sig}
	algorithm, s := r.String(), r.Bytes()
	if r.End() != nil {
		return ErrSignature
	}
	switch k := p.Key.(type) {
	case ed25519.PublicKey:
		if algorithm == p.Type && ed25519.Verify(k, data, s) {
			return nil
		}
	case *ecdsa.PublicKey:
		rs := &Reader{B: s}
		x, y := rs.Int(), rs.Int()
		_, h := digest(k.Params().BitSize, data)
		if algorithm == p.Type && rs.End() == nil && ecdsa.Verify(k, h, x, y) {
			return nil
		}
	case *rsa.PublicKey:
		bits := 0
		switch algorithm {
		case RSASHA256:
			bits = 256
		case RSASHA512:
			bits = 512
		default:
			return ErrSignature
		}
		hash, h := digest(bits, data)
		if rsa.VerifyPKCS1v15(k, hash, h, s) == nil {
			return nil
		}
	}
	return ErrSignature
}
