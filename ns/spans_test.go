package ns

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSpans compares them with a set of offsets.
func TestSpans(t *testing.T) {
	const size = 100
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var s spans
		in := make([]bool, size+1)
		for range r.IntN(12) {
			from := r.Int64N(size)
			to := from + 1 + r.Int64N(min(20, size-from))
			s.add(from, to)
			for i := from; i < to; i++ {
				in[i] = true
			}
		}
		from, to := r.Int64N(size), r.Int64N(size+1)
		var want, got []int64
		for i := from; i < to; i++ {
			if !in[i] {
				want = append(want, i)
			}
		}
		for a, b := range s.gaps(from, to) {
			if a >= b {
				t.Fatalf("%v: the gap from %d to %d", s, a, b)
			}
			for i := a; i < b; i++ {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, from %d to %d: %v, not %v", s, from, to, got, want)
		}
		for i := int64(0); i <= size; i++ {
			if want := in[i] || i > 0 && in[i-1]; s.reach(i) != want {
				t.Fatalf("%v reach %d: %t", s, i, !want)
			}
		}
	}
	var s spans
	for i := int64(maxSpans) * 3; i > 0; i-- {
		s.add(i*2, i*2+1)
	}
	if len(s) != maxSpans {
		t.Errorf("%d are kept", len(s))
	}
}
