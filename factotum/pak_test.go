package factotum

import (
	"bytes"
	"crypto/rand"
	"math/big"
	mrand "math/rand/v2"
	"testing"

	"ninespace/factotum/authtest"
)

func (p *point) slow() authtest.Point {
	var zi, x, y fe
	zi.invert(&p.z)
	return authtest.Point{X: new(big.Int).SetBytes(x.mul(&p.x, &zi).bytes()), Y: new(big.Int).SetBytes(y.mul(&p.y, &zi).bytes())}
}

// TestField compares the field's operations with math/big, at random and at the edges.
func TestField(t *testing.T) {
	edge := []*big.Int{authtest.Num(0), authtest.Num(1), authtest.Num(2), authtest.Less(authtest.Num(0), authtest.Num(1)), authtest.Less(authtest.Num(0), authtest.Num(2)), new(big.Int).Rsh(authtest.P(), 1), new(big.Int).Add(new(big.Int).Rsh(authtest.P(), 1), authtest.Num(1)),
		new(big.Int).Lsh(authtest.Num(1), 224), authtest.Less(new(big.Int).Lsh(authtest.Num(1), 224), authtest.Num(1)), authtest.Less(new(big.Int).Lsh(authtest.Num(1), 447), authtest.Num(1))}
	r := mrand.NewChaCha8([32]byte{1})
	value := func(i int) *big.Int {
		if i < len(edge) {
			return edge[i]
		}
		b := make([]byte, 56)
		r.Read(b)
		return authtest.Mod(new(big.Int).SetBytes(b))
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
				{"+", get(z.add(x, y)), authtest.Sum(a, b)},
				{"-", get(z.sub(x, y)), authtest.Less(a, b)},
				{"*", get(z.mul(x, y)), authtest.Mul(a, b)},
				{"(a-b)*(a+b)", get(z.mul(new(fe).sub(x, y), new(fe).add(x, y))), authtest.Mul(authtest.Less(a, b), authtest.Sum(a, b))},
			} {
				if v.got.Cmp(v.want) != 0 {
					t.Fatalf("%x %s %x: %x, want %x", a, v.op, b, v.got, v.want)
				}
			}
		}
		a := value(i)
		var z fe
		if got := get(z.invert(set(a))); got.Cmp(authtest.Over(a)) != 0 {
			t.Fatalf("1/%x: %x", a, got)
		}
		want := new(big.Int).Exp(a, new(big.Int).Rsh(authtest.P(), 2), authtest.P())
		if got := get(z.isr(set(a))); got.Cmp(want) != 0 {
			t.Fatalf("isr %x: %x, want %x", a, got, want)
		}
		if neg := set(a).negative() == 1; neg != (authtest.Even(a).Cmp(a) != 0) {
			t.Fatalf("negative %x: %v", a, neg)
		}
	}
	// What is p and more, up to 2^448, is taken modulo p.
	for _, more := range []int64{0, 1, 1000} {
		b := new(big.Int).Add(authtest.P(), authtest.Num(more)).FillBytes(make([]byte, 56))
		if got := get(new(fe).setBytes(b)); got.Cmp(authtest.Num(more)) != 0 {
			t.Errorf("p+%d: %x", more, got)
		}
	}
}

func TestCurve(t *testing.T) {
	g := base().slow()
	if !g.On() || !g.Is(authtest.Base()) {
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
		if want := authtest.Elligator(b); !want.On() || !p.slow().Is(want) {
			t.Fatalf("elligator %x", b)
		}
		q.scale(k, base())
		if !q.slow().Is(g.Scale(new(big.Int).SetBytes(k))) {
			t.Fatalf("scale %x", k)
		}
		s.add(&p, &q)
		if !s.slow().Is(p.slow().Add(q.slow())) {
			t.Fatal("add")
		}
		enc := s.encode()
		if !bytes.Equal(enc, s.slow().Encode()) {
			t.Fatalf("encode: %x, want %x", enc, s.slow().Encode())
		}
		var d point
		if err := d.decode(enc); err != nil || !bytes.Equal(d.encode(), enc) || !d.slow().On() {
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
		b := authtest.Num(s).FillBytes(make([]byte, 56))
		if new(point).decode(b) == nil {
			new(big.Int).Add(authtest.P(), authtest.Num(s)).FillBytes(plusP)
			break
		}
	}
	none := 0
	for i := range int64(64) {
		if new(point).decode(authtest.Num(1000+i).FillBytes(make([]byte, 56))) != nil {
			none++
		}
	}
	if none < 10 || none > 54 {
		t.Errorf("%d of 64 numbers encode no point", none)
	}
	// The points of order 2 and 4 are, with the identity, one to Decaf, which is refused: by
	// who exchanges keys too.
	k, err := newPakKey("glenda", []byte("rabbit"))
	if err != nil {
		t.Fatal(err)
	}
	one, minus := authtest.Num(1), authtest.Less(authtest.Num(0), authtest.Num(1))
	for _, small := range []authtest.Point{{X: authtest.Num(0), Y: one}, {X: authtest.Num(0), Y: minus}, {X: one, Y: authtest.Num(0)}, {X: minus, Y: authtest.Num(0)}} {
		if !small.On() || !small.Scale(big.NewInt(4)).Is(authtest.Point{X: authtest.Num(0), Y: one}) {
			t.Fatal("not of small order")
		}
		for _, client := range []bool{true, false} {
			if key, err := newPak(k, client).finish(small.Encode()); err == nil {
				t.Errorf("a point of small order makes the key %x", key)
			}
		}
	}
	for name, b := range map[string][]byte{
		"zero": make([]byte, 56), "negative": negative, "with p added": plusP, "p": authtest.P().Bytes(),
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
		if err := p.decode(b); err == nil && (!p.slow().On() || !bytes.Equal(p.encode(), b)) {
			t.Fatalf("%x", b)
		}
		if !p.elligator(b).slow().Is(authtest.Elligator(b)) {
			t.Fatalf("elligator %x", b)
		}
	})
}
