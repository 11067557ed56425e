// Package authtest is a second, slow implementation of what Plan 9's door speaks, for
// tests to hold the first to: the curve of dp9ik in affine coordinates by math/big, by the
// equations that papers have and no more, and both sides of p9any, dp9ik and TLS with a
// shared key, message by message.
package authtest

import "math/big"

// A Point is one of the curve x^2 + y^2 = 1 - 39081 x^2 y^2.
type Point struct{ X, Y *big.Int }

// P is the field's prime.
func P() *big.Int {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 448), new(big.Int).Lsh(one, 224))
	return p.Sub(p, one)
}

var p, d = P(), big.NewInt(-39081)

// Num makes a number of the field; Mod takes one modulo P, in place.
func Num(n int64) *big.Int { return big.NewInt(n) }

// Mod takes a number modulo P, in place.
func Mod(a *big.Int) *big.Int { return a.Mod(a, p) }

// Mul multiplies all.
func Mul(l ...*big.Int) *big.Int {
	r := big.NewInt(1)
	for _, a := range l {
		r = Mod(r.Mul(r, a))
	}
	return r
}

// Sum adds two.
func Sum(a, b *big.Int) *big.Int { return Mod(new(big.Int).Add(a, b)) }

// Less subtracts b from a.
func Less(a, b *big.Int) *big.Int { return Mod(new(big.Int).Sub(a, b)) }

// Over is 1/a, and 0 of 0.
func Over(a *big.Int) *big.Int {
	if Mod(new(big.Int).Set(a)).Sign() == 0 {
		return Num(0)
	}
	return new(big.Int).ModInverse(a, p)
}

// Even gives of a and -a that which is at most (P-1)/2.
func Even(a *big.Int) *big.Int {
	if new(big.Int).Lsh(a, 1).Cmp(p) > 0 {
		return Less(Num(0), a)
	}
	return a
}

// ISR is 1/sqrt(a) where a is a square: a to the power of (P-3)/4.
func ISR(a *big.Int) *big.Int { return new(big.Int).Exp(a, new(big.Int).Rsh(p, 2), p) }

// Add adds by the law of twisted Edwards curves.
func (a Point) Add(b Point) Point {
	xxyy := Mul(d, a.X, b.X, a.Y, b.Y)
	return Point{
		Mul(Sum(Mul(a.X, b.Y), Mul(a.Y, b.X)), Over(Sum(Num(1), xxyy))),
		Mul(Less(Mul(a.Y, b.Y), Mul(a.X, b.X)), Over(Less(Num(1), xxyy))),
	}
}

// Neg is -a.
func (a Point) Neg() Point { return Point{Less(Num(0), a.X), a.Y} }

// Scale is k times a, by doubling and adding.
func (a Point) Scale(k *big.Int) Point {
	r := Point{Num(0), Num(1)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		if r = r.Add(r); k.Bit(i) == 1 {
			r = r.Add(a)
		}
	}
	return r
}

// On tells whether the curve's equation holds.
func (a Point) On() bool {
	xx, yy := Mul(a.X, a.X), Mul(a.Y, a.Y)
	return Sum(xx, yy).Cmp(Sum(Num(1), Mul(d, xx, yy))) == 0
}

// Is tells whether two points are one.
func (a Point) Is(b Point) bool { return a.X.Cmp(b.X) == 0 && a.Y.Cmp(b.Y) == 0 }

// Base is the generator: of the two points whose y is 19 the one whose x is Even.
func Base() Point {
	y := Num(19)
	yy := Mul(y, y)
	xx := Mul(Less(Num(1), yy), Over(Less(Num(1), Mul(d, yy)))) // x² (1 - d y²) = 1 - y²
	return Point{Even(Mul(xx, ISR(xx))), y}
}

// Encode gives the Decaf encoding, 56 bytes.
func (a Point) Encode() []byte {
	amd := Less(Num(1), d)
	r := ISR(Mul(amd, Sum(Num(1), a.Y), Less(Num(1), a.Y)))
	u := Mul(amd, r)
	if n := Less(Num(0), Sum(u, u)); Even(n).Cmp(n) != 0 {
		r = Less(Num(0), r)
	}
	s := Mul(u, Sum(a.Y, Mul(r, Less(a.X, Mul(d, a.Y, a.X, a.Y)))))
	return Even(s).FillBytes(make([]byte, 56))
}

// Decode finds a point that encodes as b, if there is one: with s = b, x is 2s/(1+s²) and
// y is (1-s²)/sqrt((1+s²)²-4ds²), with one sign or the other.
func Decode(b []byte) (Point, bool) {
	s := new(big.Int).SetBytes(b)
	ss := Mul(s, s)
	z := Sum(Num(1), ss)
	x := Mul(Num(2), s, Over(z))
	y := Mul(Less(Num(1), ss), ISR(Less(Mul(z, z), Mul(Num(4), d, ss))))
	for _, q := range []Point{{x, y}, {x, Less(Num(0), y)}} {
		if q.On() && string(q.Encode()) == string(b) {
			return q, true
		}
	}
	return Point{}, false
}

// Elligator maps 56 bytes to a point.
func Elligator(b []byte) Point {
	one := Num(1)
	r0 := Mod(new(big.Int).SetBytes(b))
	n := Num(2)
	for big.Jacobi(n, p) != -1 {
		n.Add(n, one)
	}
	r := Mul(n, r0, r0)
	dr := Mul(d, r)
	D := Mul(Less(Sum(dr, one), d), Less(Less(dr, r), d))
	a2d := Less(one, Mul(Num(2), d))
	N := Mul(Sum(r, one), a2d)
	nd := Mul(N, D)
	root := new(big.Int).Rsh(new(big.Int).Add(p, one), 2) // a^this is sqrt(a)
	c, e := one, Num(0)
	switch big.Jacobi(nd, p) {
	case 1:
		e = Over(new(big.Int).Exp(nd, root, p))
	case -1:
		c = Num(-1)
		e = Mul(n, r0, Over(new(big.Int).Exp(Mul(n, nd), root, p)))
	}
	s := Mul(c, N, e)
	h := Mul(a2d, e)
	t := Less(Less(Num(0), Mul(c, N, Less(r, one), h, h)), one)
	ss := Mul(s, s)
	return Point{Mul(Num(2), s, Over(Sum(one, ss))), Mul(Less(one, ss), Over(t))}
}
