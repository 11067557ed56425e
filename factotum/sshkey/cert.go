package sshkey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Types of certificates.
const (
	UserCert = 1
	HostCert = 2
)

// A Cert is what a certificate says of its key, PROTOCOL.certkeys.
type Cert struct {
	Serial      uint64
	Kind        uint32 // UserCert or HostCert
	ID          string
	Principals  []string // users or hosts; none: any
	After       uint64   // seconds since 1970 from which on it is valid
	Before      uint64   // and until which
	Critical    map[string]string
	Extensions  map[string]string
	CA          *Public
	signed, sig []byte
}

func parseCert(p *Public, r *Reader) (*Cert, error) {
	c := new(Cert)
	r.Bytes() // nonce
	if err := p.fields(r); err != nil {
		return nil, err
	}
	c.Serial, c.Kind, c.ID = r.Uint64(), r.Uint32(), r.String()
	for names := (&Reader{B: r.Bytes()}); len(names.B) > 0; {
		c.Principals = append(c.Principals, names.String())
		if names.Err != nil {
			return nil, ErrFormat
		}
	}
	c.After, c.Before = r.Uint64(), r.Uint64()
	var err error
	if c.Critical, err = options(r.Bytes()); err != nil {
		return nil, err
	}
	if c.Extensions, err = options(r.Bytes()); err != nil {
		return nil, err
	}
	r.Bytes() // reserved
	ca := r.Bytes()
	c.signed = p.Blob[:len(p.Blob)-len(r.B)]
	c.sig = r.Bytes()
	if err := r.End(); err != nil {
		return nil, err
	}
	if c.CA, err = ParsePublic(ca); err != nil {
		return nil, err
	}
	if c.CA.Cert != nil {
		return nil, errors.New("certificate signed by a certificate")
	}
	return c, nil
}

// options reads names, in order, with data.
func options(b []byte) (map[string]string, error) {
	m := map[string]string{}
	last := ""
	for r := (&Reader{B: b}); len(r.B) > 0; {
		name, data := r.String(), r.Bytes()
		v := ""
		if len(data) > 0 {
			d := &Reader{B: data}
			if v = d.String(); d.End() != nil {
				return nil, ErrFormat
			}
		}
		if r.Err != nil || name <= last && len(m) > 0 {
			return nil, ErrFormat
		}
		m[name], last = v, name
	}
	return m, nil
}

// Check says whether the certificate is good: of the kind, for the principal, at a time,
// signed by its CA, with no critical option but those known. It does not say whether
// that CA is to be trusted. Without a principal in it a certificate is nobody's.
func (c *Cert) Check(kind uint32, principal string, at time.Time, known ...string) error {
	switch now := uint64(max(at.Unix(), 0)); {
	case c.Kind != kind:
		return errors.New("certificate of the wrong kind")
	case now < c.After:
		return errors.New("certificate not yet valid")
	case now >= c.Before:
		return errors.New("certificate expired")
	case !slices.Contains(c.Principals, principal):
		return fmt.Errorf("certificate is not for %q", principal)
	}
	for name := range c.Critical {
		if !slices.Contains(known, name) {
			return fmt.Errorf("certificate with unknown critical option %q", name)
		}
	}
	if err := c.CA.Verify(c.signed, c.sig); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}

// Equal reports whether two keys are the same, certificates apart.
func (p *Public) Equal(q *Public) bool { return bytes.Equal(p.Plain().Blob, q.Plain().Blob) }
