package srv_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestLocksHeld has owners lock at random, and wants what is told of a range to be what each of its
// bytes is for its owner, whatever others have.
func TestLocksHeld(t *testing.T) {
	const bytes, owners = 12, 3
	var locks srv.Locks
	var model [owners][bytes]uint8
	for o := range model {
		for i := range model[o] {
			model[o][i] = p9.LockUnlock
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (l p9.Flock, o, end int) {
		o, l.Start = r.IntN(owners), r.Uint64N(bytes)
		end = int(l.Start) + 1 + r.IntN(bytes-int(l.Start))
		l.Type, l.ProcID = uint8(r.IntN(3)), uint32(o)
		if l.Length = uint64(end) - l.Start; end == bytes {
			l.Length = 0
		}
		return l, o, end
	}
	for range 2000 {
		l, o, end := random()
		locks.Put(o, l)
		for i := int(l.Start); i < end; i++ {
			model[o][i] = l.Type
		}
		l, o, end = random()
		at := l.Start
		var got []uint8
		for _, p := range locks.Held(l) {
			if p.Start != at || p.ProcID != l.ProcID {
				t.Fatalf("%+v is told of as %+v", l, locks.Held(l))
			}
			if at += p.Length; p.Length == 0 {
				at = bytes
			}
			for len(got) < int(at-l.Start) {
				got = append(got, p.Type)
			}
		}
		if want := model[o][l.Start:end]; !slices.Equal(got, want) {
			t.Fatalf("%+v is told of as %+v, and is %v", l, locks.Held(l), want)
		}
	}
	if held := locks.Held(p9.Flock{Start: math.MaxInt64, Length: 1, ProcID: owners}); len(held) != 1 || held[0].Length != 1 {
		t.Errorf("of the last byte %+v is held", held)
	}
}
