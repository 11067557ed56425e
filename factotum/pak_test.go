package factotum

import (
	"bytes"
	"crypto/rand"
	"math/big"
	mrand "math/rand/v2"
	"testing"
)

// A slow implementation of the same, in affine coordinates and by math/big: the
// equations of the curve and of the encodings as papers have them, no more.
type slow struct{ x, y *big.Int }

var (
	slowP = new(big.Int).Sub(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 448), new(big.Int).Lsh(big.NewInt(1), 224)), big.NewInt(1))
	slowD = big.NewInt(-39081)
)

func mod(a *big.Int) *big.Int { return a.Mod(a, slowP) }
func mulAll(l ...*big.Int) *big.Int {
	r := big.NewInt(1)
	for _, a := range l {
		r = mod(r.Mul(r, a))
	}
	return r
}
func sum(a, b *big.Int) *big.Int  { return mod(new(big.Int).Add(a, b)) }
func less(a, b *big.Int) *big.Int { return mod(new(big.Int).Sub(a, b)) }
func num(n int64) *big.Int        { return big.NewInt(n) }

// over is 1/a, and 0 of 0.
func over(a *big.Int) *big.Int {
	if mod(new(big.Int).Set(a)).Sign() == 0 {
		return num(0)
	}
	return new(big.Int).ModInverse(a, slowP)
}

// even gives of a and -a that which is at most (p-1)/2.
func even(a *big.Int) *big.Int {
	if new(big.Int).Lsh(a, 1).Cmp(slowP) > 0 {
		return less(num(0), a)
	}
	return a
}

func (p slow) add(q slow) slow {
	xxyy := mulAll(slowD, p.x, q.x, p.y, q.y)
	return slow{
		mulAll(sum(mulAll(p.x, q.y), mulAll(p.y, q.x)), over(sum(num(1), xxyy))),
		mulAll(less(mulAll(p.y, q.y), mulAll(p.x, q.x)), over(less(num(1), xxyy))),
	}
}

func (p slow) scale(k *big.Int) slow {
	r := slow{num(0), num(1)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		if r = r.add(r); k.Bit(i) == 1 {
			r = r.add(p)
		}
	}
	return r
}

// on tells whether the curve's equation holds.
func (p slow) on() bool {
	xx, yy := mulAll(p.x, p.x), mulAll(p.y, p.y)
	return sum(xx, yy).Cmp(sum(num(1), mulAll(slowD, xx, yy))) == 0
}

func (p slow) encode() []byte {
	amd := less(num(1), slowD)
	// 1/sqrt of what is a square for points of the group, whatever it is for others
	r := new(big.Int).Exp(mulAll(amd, sum(num(1), p.y), less(num(1), p.y)), new(big.Int).Rsh(slowP, 2), slowP)
	u := mulAll(amd, r)
	if n := less(num(0), sum(u, u)); even(n).Cmp(n) != 0 {
		r = less(num(0), r)
	}
	s := mulAll(u, sum(p.y, mulAll(r, less(p.x, mulAll(slowD, p.y, p.x, p.y)))))
	return even(s).FillBytes(make([]byte, 56))
}

func slowElligator(b []byte) slow {
	one := num(1)
	r0 := mod(new(big.Int).SetBytes(b))
	n := num(2)
	for big.Jacobi(n, slowP) != -1 {
		n.Add(n, one)
	}
	r := mulAll(n, r0, r0)
	dr := mulAll(slowD, r)
	D := mulAll(less(sum(dr, one), slowD), less(less(dr, r), slowD))
	a2d := less(one, mulAll(num(2), slowD))
	N := mulAll(sum(r, one), a2d)
	nd := mulAll(N, D)
	c, e := one, num(0)
	switch big.Jacobi(nd, slowP) {
	case 1:
		e = over(new(big.Int).Exp(nd, new(big.Int).Rsh(new(big.Int).Add(slowP, one), 2), slowP))
	case -1:
		c = num(-1)
		e = mulAll(n, r0, over(new(big.Int).Exp(mulAll(n, nd), new(big.Int).Rsh(new(big.Int).Add(slowP, one), 2), slowP)))
	}
	s := mulAll(c, N, e)
	h := mulAll(a2d, e)
	t := less(less(num(0), mulAll(c, N, less(r, one), h, h)), one)
	ss := mulAll(s, s)
	return slow{mulAll(num(2), s, over(sum(one, ss))), mulAll(less(one, ss), over(t))}
}

func (p *point) slow() slow {
	var zi, x, y fe
	zi.invert(&p.z)
	return slow{new(big.Int).SetBytes(x.mul(&p.x, &zi).bytes()), new(big.Int).SetBytes(y.mul(&p.y, &zi).bytes())}
}

func (p slow) is(q slow) bool { return p.x.Cmp(q.x) == 0 && p.y.Cmp(q.y) == 0 }

// TestField compares the field's operations with math/big, at random and at the edges.
func TestField(t *testing.T) {
	edge := []*big.Int{num(0), num(1), num(2), less(num(0), num(1)), less(num(0), num(2)), new(big.Int).Rsh(slowP, 1), new(big.Int).Add(new(big.Int).Rsh(slowP, 1), num(1)),
		new(big.Int).Lsh(num(1), 224), less(new(big.Int).Lsh(num(1), 224), num(1)), less(new(big.Int).Lsh(num(1), 447), num(1))}
	r := mrand.NewChaCha8([32]byte{1})
	value := func(i int) *big.Int {
		if i < len(edge) {
			return edge[i]
		}
		b := make([]byte, 56)
		r.Read(b)
		return mod(new(big.Int).SetBytes(b))
	}
	get := func(f *fe) *big.Int { return new(big.Int).SetBytes(f.bytes()) }
	set := func(a *big.Int) *fe { return new(fe).setBytes(a.FillBytes(make([]byte, 56))) }
	for i := range 60 {
		for j := range 40 {
			a, b := value(i), value(j)
			x, y := set(a), set(b)
			var z fe
			for _, v := range []struct {
				op        string
				got, want *big.Int
			}{
				{"+", get(z.add(x, y)), sum(a, b)},
				{"-", get(z.sub(x, y)), less(a, b)},
				{"*", get(z.mul(x, y)), mulAll(a, b)},
				{"(a-b)*(a+b)", get(z.mul(new(fe).sub(x, y), new(fe).add(x, y))), mulAll(less(a, b), sum(a, b))},
			} {
				if v.got.Cmp(v.want) != 0 {
					t.Fatalf("%x %s %x: %x, want %x", a, v.op, b, v.got, v.want)
				}
			}
		}
		a := value(i)
		var z fe
		if got := get(z.invert(set(a))); got.Cmp(over(a)) != 0 {
			t.Fatalf("1/%x: %x", a, got)
		}
		want := new(big.Int).Exp(a, new(big.Int).Rsh(slowP, 2), slowP)
		if got := get(z.isr(set(a))); got.Cmp(want) != 0 {
			t.Fatalf("isr %x: %x, want %x", a, got, want)
		}
		if neg := set(a).negative() == 1; neg != (even(a).Cmp(a) != 0) {
			t.Fatalf("negative %x: %v", a, neg)
		}
	}
	// What is p and more, up to 2^448, is taken modulo p.
	for _, more := range []int64{0, 1, 1000} {
		b := new(big.Int).Add(slowP, num(more)).FillBytes(make([]byte, 56))
		if got := get(new(fe).setBytes(b)); got.Cmp(num(more)) != 0 {
			t.Errorf("p+%d: %x", more, got)
		}
	}
}

func TestCurve(t *testing.T) {
	g := base().slow()
	if !g.on() || g.y.Cmp(num(19)) != 0 {
		t.Fatal("the base is not on the curve")
	}
	r := mrand.NewChaCha8([32]byte{2})
	for i := range 8 {
		b := make([]byte, 56)
		if r.Read(b); i == 0 {
			clear(b)
		}
		k := make([]byte, 56)
		r.Read(k)
		var p, q, s point
		p.elligator(b)
		if want := slowElligator(b); !want.on() || !p.slow().is(want) {
			t.Fatalf("elligator %x", b)
		}
		q.scale(k, base())
		if !q.slow().is(g.scale(new(big.Int).SetBytes(k))) {
			t.Fatalf("scale %x", k)
		}
		s.add(&p, &q)
		if !s.slow().is(p.slow().add(q.slow())) {
			t.Fatal("add")
		}
		enc := s.encode()
		if !bytes.Equal(enc, s.slow().encode()) {
			t.Fatalf("encode: %x, want %x", enc, s.slow().encode())
		}
		var d point
		if err := d.decode(enc); err != nil || !bytes.Equal(d.encode(), enc) || !d.slow().on() {
			t.Fatalf("decode: %v", err)
		}
	}
}

// TestBadPoints: encodings of nothing, of the identity, and not the canonical ones.
func TestBadPoints(t *testing.T) {
	good := base().encode()
	negative := new(fe).neg(new(fe).setBytes(good)).bytes()
	plusP := make([]byte, 56)
	for s := int64(1); ; s++ { // a small one: with p added it still fits
		b := num(s).FillBytes(make([]byte, 56))
		if new(point).decode(b) == nil {
			new(big.Int).Add(slowP, num(s)).FillBytes(plusP)
			break
		}
	}
	none := 0
	for i := range int64(64) {
		if new(point).decode(num(1000+i).FillBytes(make([]byte, 56))) != nil {
			none++
		}
	}
	if none < 10 || none > 54 {
		t.Errorf("%d of 64 numbers encode no point", none)
	}
	for name, b := range map[string][]byte{
		"zero": make([]byte, 56), "negative": negative, "with p added": plusP, "p": slowP.Bytes(),
		"all ones": bytes.Repeat([]byte{255}, 56),
	} {
		if err := new(point).decode(b); err == nil {
			t.Errorf("%s is decoded", name)
		}
	}
}

func TestPak(t *testing.T) {
	k1, err := newPakKey("glenda", []byte("rabbit"))
	if err != nil {
		t.Fatal(err)
	}
	k2, _ := newPakKey("glenda", []byte("rabbjt"))
	k3, _ := newPakKey("glends", []byte("rabbit"))
	for i, other := range []*pakKey{k1, k2, k3} {
		a, b := newPak(k1, true), newPak(other, false)
		ka, err := a.finish(b.y)
		if err != nil {
			t.Fatal(err)
		}
		kb, err := b.finish(a.y)
		if err != nil || bytes.Equal(ka, kb) != (i == 0) {
			t.Errorf("key %d: %x and %x, %v", i, ka, kb, err)
		}
	}
	a := newPak(k1, true) // its own message sent back
	if k, err := a.finish(a.y); err == nil {
		b := newPak(k1, false)
		if kb, _ := b.finish(a.y); bytes.Equal(k, kb) {
			t.Error("a reflected message makes a key that somebody else has")
		}
	}
}

func BenchmarkPak(b *testing.B) {
	k, _ := newPakKey("glenda", []byte("rabbit"))
	other := newPak(k, false)
	for b.Loop() {
		p := newPak(k, true)
		if _, err := p.finish(other.y); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzPoint(f *testing.F) {
	f.Add(base().encode())
	b := make([]byte, 56)
	rand.Read(b)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 56 {
			return
		}
		var p point
		if err := p.decode(b); err == nil && (!p.slow().on() || !bytes.Equal(p.encode(), b)) {
			t.Fatalf("%x", b)
		}
		if !p.elligator(b).slow().is(slowElligator(b)) {
			t.Fatalf("elligator %x", b)
		}
	})
}
