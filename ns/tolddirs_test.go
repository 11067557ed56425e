package ns

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

// TestToldDirs has directories be known that the kernel may believe, until they are done with, but
// not where it was told again meanwhile.
func TestToldDirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told toldDirs
		is := func(what string, want map[uint64]telling) {
			t.Helper()
			got := map[uint64]telling{}
			for _, d := range told.all(time.Second) {
				got[d.node] = d.telling
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s: %v, not %v", what, got, want)
			}
		}
		is("at first", map[uint64]telling{})
		told.add(10, true, time.Second)
		told.add(11, false, time.Second)
		is("two", map[uint64]telling{10: {1, true}, 11: {2, false}})
		told.done([]toldDir{{10, telling{1, true}}})
		told.add(11, true, time.Second)
		told.add(11, false, time.Second)
		told.done([]toldDir{{11, telling{2, false}}})
		is("one was told again", map[uint64]telling{11: {4, true}})
		time.Sleep(1100 * time.Millisecond)
		told.add(12, false, time.Second)
		is("at a turn", map[uint64]telling{11: {4, true}, 12: {5, false}})
		told.add(11, false, time.Second)
		is("its attributes are told in the next", map[uint64]telling{11: {6, true}, 12: {5, false}})
		told.done([]toldDir{{11, telling{6, true}}})
		is("one of before", map[uint64]telling{12: {5, false}})
		time.Sleep(3 * time.Second)
		is("late", map[uint64]telling{})
		told.add(13, false, time.Second)
		is("after a while", map[uint64]telling{13: {7, false}})
	})
}
