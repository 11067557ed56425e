package sshkey

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// Certify makes a certificate for a key: what c says of it, signed by the authority ca.
// sign gives a signature by ca's private key, as Private.Sign does and factotum's
// proto=ssh role=sign. c.CA is not looked at. PROTOCOL.certkeys.
func (c *Cert) Certify(key, ca *Public, sign func(data []byte) ([]byte, error)) (*Public, error) {
	if ca.Cert != nil {
		return nil, errors.New("certificate signed by a certificate")
	}
	key = key.Plain()
	if key.Key == nil {
		return nil, errors.New("unknown type of ssh key")
	}
	in := &Reader{B: key.Blob}
	typ := in.String()
	var nonce [32]byte
	rand.Read(nonce[:])
	b := AppendBytes(AppendBytes(nil, typ+certPost), nonce[:])
	b = append(b, in.B...)
	b = binary.BigEndian.AppendUint64(b, c.Serial)
	b = binary.BigEndian.AppendUint32(b, c.Kind)
	b = AppendBytes(b, c.ID)
	var names []byte
	for _, p := range c.Principals {
		names = AppendBytes(names, p)
	}
	b = AppendBytes(b, names)
	b = binary.BigEndian.AppendUint64(b, c.After)
	b = binary.BigEndian.AppendUint64(b, c.Before)
	b = AppendBytes(b, appendOptions(c.Critical))
	b = AppendBytes(b, appendOptions(c.Extensions))
	b = AppendBytes(b, "") // reserved
	b = AppendBytes(b, ca.Blob)
	sig, err := sign(b)
	if err != nil {
		return nil, err
	}
	if err := ca.Verify(b, sig); err != nil {
		return nil, err
	}
	return ParsePublic(AppendBytes(b, sig))
}

// appendOptions writes names, in order, with data.
func appendOptions(m map[string]string) (b []byte) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = AppendBytes(b, name)
		data := []byte(nil)
		if v := m[name]; v != "" {
			data = AppendBytes(nil, v)
		}
		b = AppendBytes(b, data)
	}
	return b
}
