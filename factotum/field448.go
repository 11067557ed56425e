package factotum

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// The field of Ed448-Goldilocks: integers modulo p = 2^448 - 2^224 - 1. No branch and
// no index depends on a value: what goes on with a secret takes the same time as with
// any other.

// A fe is a field element, sum of fe[i] * 2^(56 i), with each fe[i] below 2^57. As
// 2^448 is 2^224 + 1, what is carried out of the top comes in at 0 and at 4.
type fe [8]uint64

const (
	limbBits = 56
	limbMask = 1<<limbBits - 1
	feBytes  = 56
)

var (
	feZero = fe{}
	feOne  = fe{1}
)

// carry brings the limbs below 2^56 and a little.
func (r *fe) carry() *fe {
	top := r[7] >> limbBits
	for i := 7; i > 0; i-- {
		r[i] = r[i]&limbMask + r[i-1]>>limbBits
	}
	r[0] = r[0]&limbMask + top
	r[4] += top
	return r
}

func (r *fe) add(a, b *fe) *fe {
	for i := range r {
		r[i] = a[i] + b[i]
	}
	return r.carry()
}

// sub adds 4p before it subtracts, so that no limb is below 0.
func (r *fe) sub(a, b *fe) *fe {
	for i := range r {
		m := uint64(4 * limbMask)
		if i == 4 {
			m = 4 * (limbMask - 1)
		}
		r[i] = a[i] + m - b[i]
	}
	return r.carry()
}

func (r *fe) neg(a *fe) *fe { return r.sub(&feZero, a) }

// small multiplies by a small number.
func (r *fe) small(a *fe, n uint64) *fe { return r.mul(a, &fe{n}) }

func (r *fe) mul(a, b *fe) *fe {
	var lo, hi [15]uint64
	for i := range a {
		for j := range b {
			h, l := bits.Mul64(a[i], b[j])
			var c uint64
			lo[i+j], c = bits.Add64(lo[i+j], l, 0)
			hi[i+j] += h + c
		}
	}
	for k := 14; k >= 8; k-- {
		for _, to := range [2]int{k - 8, k - 4} {
			var c uint64
			lo[to], c = bits.Add64(lo[to], lo[k], 0)
			hi[to] += hi[k] + c
		}
	}
	var out fe
	var up uint64
	for i := range out {
		l, c := bits.Add64(lo[i], up, 0)
		h := hi[i] + c
		out[i] = l & limbMask
		up = h<<(64-limbBits) | l>>limbBits
	}
	// up is below 2^64: in two parts, so that no limb overflows.
	out[0] += up & limbMask
	out[4] += up & limbMask
	out[1] += up >> limbBits
	out[5] += up >> limbBits
	*r = out
	return r.carry()
}

func (r *fe) square(a *fe) *fe { return r.mul(a, a) }

// squares squares n times.
func (r *fe) squares(a *fe, n int) *fe {
	*r = *a
	for range n {
		r.square(r)
	}
	return r
}

// isr is a^((p-3)/4): of a square, one over its root; of 0, 0.
func (r *fe) isr(a *fe) *fe {
	// (p-3)/4 = 2^446 - 2^222 - 1 = (2^223 - 1) 2^223 + 2^222 - 1. ones is
	// a^(2^n - 1), which doubling n takes n squarings.
	ones, n := *a, 1
	var t fe
	for _, bit := range [...]int{1, 0, 1, 1, 1, 1, 0} { // of 222, below the highest
		t.squares(&ones, n)
		ones.mul(&t, &ones)
		if n *= 2; bit == 1 {
			ones.mul(ones.square(&ones), a)
			n++
		}
	}
	t.mul(t.square(&ones), a)
	return r.mul(t.squares(&t, 223), &ones)
}

// invert is 1/a, and 0 of 0: a^(p-2).
func (r *fe) invert(a *fe) *fe {
	var t fe
	t.isr(a)
	t.squares(&t, 2)
	return r.mul(&t, a)
}

// full brings the value below p.
func (r *fe) full() *fe {
	r.carry().carry()
	// Now it is below 2p: take p off, and give it back where that was too much.
	var t fe
	var borrow uint64
	for i := range r {
		m := uint64(limbMask)
		if i == 4 {
			m--
		}
		d := r[i] - m - borrow
		t[i], borrow = d&limbMask, d>>63
	}
	r.choose(int(borrow), r, &t)
	var c uint64
	for i := range r { // limbs may be 2^56 and more where nothing was taken off
		v := r[i] + c
		r[i], c = v&limbMask, v>>limbBits
	}
	return r
}

// choose is a where c is 1, b where it is 0.
func (r *fe) choose(c int, a, b *fe) *fe {
	mask := -uint64(c)
	for i := range r {
		r[i] = b[i] ^ mask&(a[i]^b[i])
	}
	return r
}

// bytes gives the value, the highest byte first.
func (r *fe) bytes() []byte {
	t := *r
	t.full()
	out := make([]byte, feBytes)
	var b [8]byte
	for i := range t {
		binary.BigEndian.PutUint64(b[:], t[i])
		copy(out[feBytes-7*(i+1):], b[1:])
	}
	return out
}

// setBytes takes 56 bytes, the highest first, modulo p.
func (r *fe) setBytes(p []byte) *fe {
	var b [8]byte
	for i := range r {
		copy(b[1:], p[feBytes-7*(i+1):feBytes-7*i])
		r[i] = binary.BigEndian.Uint64(b[:])
	}
	return r
}

func (r *fe) equal(a *fe) int { return subtle.ConstantTimeCompare(r.bytes(), a.bytes()) }

// negative reports whether the value is more than (p-1)/2: twice it is then odd.
func (r *fe) negative() int {
	var t fe
	b := t.add(r, r).bytes()
	return int(b[feBytes-1] & 1)
}
