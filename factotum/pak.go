package factotum

import (
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// AuthPAK is dp9ik's exchange of keys by password, authsrv(6) of 9front: SPAKE2 EE
// (Abdalla and Pointcheval, with points of Elligator 2) on Ed448-Goldilocks in Decaf
// encoding (Hamburg, "Decaf: Eliminating cofactors through point compression", 2015).

// A point is one of the curve x^2 + y^2 = 1 - 39081 x^2 y^2 in extended coordinates:
// x = X/Z, y = Y/Z, T = X Y / Z.
type point struct{ x, y, z, t fe }

const (
	minusD     = 39081 // -d
	nonresidue = 7     // the least that is no square modulo p
)

var identity = point{y: feOne, z: feOne}

// base is the generator, whose y is 19.
func base() *point {
	b := &point{x: fe{
		0xf0de840aed939f, 0xc170033f4ba0c7, 0xf3932d94c63d96, 0x9cecfa96147eaa,
		0x5f065c3c59d070, 0x3a6a26adf73324, 0x1b4faff4609845, 0x297ea0ea2692ff,
	}, y: fe{19}, z: feOne}
	b.t.mul(&b.x, &b.y)
	return b
}

// add is complete: it adds any two points.
func (r *point) add(p, q *point) *point {
	var a, b, c, d, e, f, g, h, t fe
	a.mul(&p.x, &q.x)
	b.mul(&p.y, &q.y)
	c.small(t.mul(&p.t, &q.t), minusD) // -d T1 T2
	d.mul(&p.z, &q.z)
	e.mul(e.add(&p.x, &p.y), t.add(&q.x, &q.y))
	e.sub(e.sub(&e, &a), &b)
	f.add(&d, &c)
	g.sub(&d, &c)
	h.sub(&b, &a)
	r.x.mul(&e, &f)
	r.y.mul(&g, &h)
	r.z.mul(&f, &g)
	r.t.mul(&e, &h)
	return r
}

func (r *point) neg(p *point) *point {
	r.x.neg(&p.x)
	r.t.neg(&p.t)
	r.y, r.z = p.y, p.z
	return r
}

func (r *point) choose(c int, p, q *point) {
	r.x.choose(c, &p.x, &q.x)
	r.y.choose(c, &p.y, &q.y)
	r.z.choose(c, &p.z, &q.z)
	r.t.choose(c, &p.t, &q.t)
}

// scale is k times p; k has 56 bytes, the highest first. All of the table is read for
// each four bits.
func (r *point) scale(k []byte, p *point) *point {
	var table [16]point
	table[0], table[1] = identity, *p
	for i := 2; i < 16; i++ {
		table[i].add(&table[i-1], p)
	}
	sum := identity
	for _, b := range k {
		for _, n := range [2]byte{b >> 4, b & 15} {
			for range 4 {
				sum.add(&sum, &sum)
			}
			var q point
			for i := range table {
				q.choose(subtle.ConstantTimeByteEq(n, byte(i)), &table[i], &q)
			}
			sum.add(&sum, &q)
		}
	}
	*r = sum
	return r
}

// encode gives the Decaf encoding, 56 bytes.
func (p *point) encode() []byte {
	var r, u, s, t fe
	// r = 1/sqrt((1-d) (Z+Y) (Z-Y)), u = (1-d) r
	r.mul(t.add(&p.z, &p.y), s.sub(&p.z, &p.y))
	r.isr(r.small(&r, 1+minusD))
	u.small(&r, 1+minusD)
	t.mul(&u, &p.z)
	t.neg(t.add(&t, &t))
	r.choose(t.negative(), s.neg(&r), &r)
	// s = u (r (Z X - d Y T) + Y)
	s.small(t.mul(&p.y, &p.t), minusD)
	s.add(&s, t.mul(&p.z, &p.x))
	s.mul(&s, &r)
	s.mul(s.add(&s, &p.y), &u)
	s.choose(s.negative(), t.neg(&s), &s)
	return s.bytes()
}

var errPoint = errors.New("no point of the curve")

// decode refuses what encode does not give for any point, and the identity, which
// nobody who is honest sends.
func (p *point) decode(b []byte) error {
	var s, ss, u, v, w, t fe
	s.setBytes(b)
	if len(b) != feBytes || subtle.ConstantTimeCompare(s.bytes(), b) != 1 || s.negative() == 1 || s.equal(&feZero) == 1 {
		return errPoint
	}
	ss.square(&s)
	p.z.add(&feOne, &ss)
	u.small(&ss, 4*minusD)
	u.add(&u, t.square(&p.z)) // (1+s²)² - 4 d s²
	v.mul(&u, &ss)
	w.isr(&v)
	if t.mul(t.square(&w), &v).equal(&feOne) != 1 {
		return errPoint
	}
	v = w
	w.mul(&u, &v)
	v.choose(w.negative(), t.neg(&v), &v)
	w.mul(w.mul(&v, &s), t.sub(&fe{2}, &p.z))
	p.x.add(&s, &s)
	p.y.mul(&w, &p.z)
	p.t.mul(&w, &p.x)
	return nil
}

// elligator maps 56 bytes to a point.
func (p *point) elligator(b []byte) *point {
	var r0, r, nd, n, d, e, e2, s, t, w fe
	r0.setBytes(b)
	r.small(r.square(&r0), nonresidue)
	// D = (d r + 1 - d) (d r - r - d), N = (r+1) (1-2d)
	d.small(&r, minusD)
	t.sub(&fe{1 + minusD}, &d)
	w.sub(w.sub(&fe{minusD}, &d), &r)
	d.mul(&t, &w)
	n.small(n.add(&r, &feOne), 1+2*minusD)
	nd.mul(&n, &d)
	e.isr(&nd)
	t.mul(t.square(&e), &nd) // 1, 0 or -1: a square, 0 or none
	square := t.equal(w.neg(&feOne)) ^ 1
	e2.isr(e2.small(&nd, nonresidue))
	e2.mul(&e2, w.small(&r0, nonresidue))
	e.choose(square, &e, &e2)
	n.choose(square, &n, w.neg(&n)) // c N
	s.mul(&n, &e)
	w.small(&e, 1+2*minusD)
	t.mul(t.sub(&r, &feOne), &n)
	t.mul(&t, w.square(&w))
	t.sub(t.neg(&t), &feOne)
	var plus, minus, two fe
	w.square(&s)
	plus.add(&feOne, &w)
	minus.sub(&feOne, &w)
	two.add(&s, &s)
	p.x.mul(&two, &t)
	p.y.mul(&minus, &plus)
	p.z.mul(&plus, &t)
	p.t.mul(&two, &minus)
	return p
}

// A pakKey is what dp9ik makes of a user and a password: the two points.
type pakKey struct{ m, n point }

func newPakKey(user string, password []byte) (*pakKey, error) {
	aes, err := pbkdf2.Key(sha1.New, string(password), []byte("Plan 9 key derivation"), 9001, 16)
	if err != nil {
		return nil, err
	}
	defer clear(aes)
	salt := sha256.Sum256([]byte(user))
	h, err := hkdf.Key(sha256.New, aes, salt[:], "Plan 9 AuthPAK hash", 2*feBytes)
	if err != nil {
		return nil, err
	}
	defer clear(h)
	k := new(pakKey)
	k.m.elligator(h[:feBytes])
	k.n.elligator(h[feBytes:])
	return k, nil
}

func (k *pakKey) wipe() { *k = pakKey{} }

// A pak is one side of an exchange.
type pak struct {
	k      *pakKey
	client bool // the side that adds the first point
	x, y   []byte
}

// newPak begins one: y is what the other side is to be sent.
func newPak(k *pakKey, client bool) *pak {
	p := &pak{k: k, client: client, x: make([]byte, feBytes)}
	var s fe
	for { // below p, each alike
		rand.Read(p.x)
		if subtle.ConstantTimeCompare(s.setBytes(p.x).bytes(), p.x) == 1 {
			break
		}
	}
	p.begin()
	return p
}

func (p *pak) begin() {
	mine := &p.k.n
	if p.client {
		mine = &p.k.m
	}
	var q point
	p.y = q.add(q.scale(p.x, base()), mine).encode()
}

// finish gives the key that both sides have who had the same points.
func (p *pak) finish(y []byte) ([]byte, error) {
	defer clear(p.x)
	theirs := &p.k.m
	if p.client {
		theirs = &p.k.n
	}
	var q, minus point
	if err := q.decode(y); err != nil {
		return nil, err
	}
	z := q.scale(p.x, q.add(&q, minus.neg(theirs))).encode()
	defer clear(z)
	h := sha256.New()
	if p.client {
		h.Write(p.y)
		h.Write(y)
	} else {
		h.Write(y)
		h.Write(p.y)
	}
	return hkdf.Key(sha256.New, z, h.Sum(nil), "Plan 9 AuthPAK key", 32)
}
