// Package sshkey reads and writes keys, signatures and certificates as OpenSSH has them:
// RFC 4251, 4253, 5656, 8332, 8709 and OpenSSH's PROTOCOL.key, PROTOCOL.certkeys and
// draft-miller-ssh-agent. It is here, and not golang.org/x/crypto/ssh, since that costs
// each start of nine a part of a millisecond.
package sshkey

import (
	"encoding/binary"
	"errors"
	"math/big"
)

// ErrFormat says that bytes are not what they should be.
var ErrFormat = errors.New("malformed ssh data")

// A Reader takes values off the front of B. Past the end, values are zero and Err is set.
type Reader struct {
	B   []byte
	Err error
}

func (r *Reader) take(n uint32) []byte {
	if r.Err != nil || uint64(n) > uint64(len(r.B)) {
		r.Err, r.B = ErrFormat, nil
		return nil
	}
	p := r.B[:n:n]
	r.B = r.B[n:]
	return p
}

// Byte takes a byte.
func (r *Reader) Byte() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

// Uint32 takes a number of four bytes.
func (r *Reader) Uint32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// Uint64 takes a number of eight bytes.
func (r *Reader) Uint64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// Bytes takes a string; what it gives is part of B.
func (r *Reader) Bytes() []byte { return r.take(r.Uint32()) }

// String takes a string.
func (r *Reader) String() string { return string(r.Bytes()) }

// Int takes an mpint, which must not be negative nor longer than it has to be.
func (r *Reader) Int() *big.Int {
	p := r.Bytes()
	if len(p) > 0 && (p[0]&0x80 != 0 || p[0] == 0 && (len(p) == 1 || p[1]&0x80 == 0)) {
		r.Err = ErrFormat
	}
	return new(big.Int).SetBytes(p)
}

// End reports ErrFormat if there was too little, or there is something left.
func (r *Reader) End() error {
	if r.Err == nil && len(r.B) > 0 {
		r.Err = ErrFormat
	}
	return r.Err
}

// AppendBytes appends a string.
func AppendBytes[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// AppendInt appends an mpint.
func AppendInt(b []byte, n *big.Int) []byte {
	p := n.Bytes()
	if len(p) > 0 && p[0]&0x80 != 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)+1))
		return append(append(b, 0), p...)
	}
	return AppendBytes(b, p)
}
