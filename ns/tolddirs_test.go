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
		is := func(what string, want map[uint64]uint64) {
			t.Helper()
			if got := told.all(time.Second); !maps.Equal(got, want) {
				t.Errorf("%s: %v, not %v", what, got, want)
			}
		}
		is("at first", map[uint64]uint64{})
		told.add(10, time.Second)
		told.add(11, time.Second)
		is("two", map[uint64]uint64{10: 1, 11: 2})
		told.done(10, 1)
		told.add(11, time.Second)
		told.done(11, 2)
		is("one was told again", map[uint64]uint64{11: 3})
		time.Sleep(1100 * time.Millisecond)
		told.add(12, time.Second)
		is("at a turn", map[uint64]uint64{11: 3, 12: 4})
		told.done(11, 3)
		is("one of before", map[uint64]uint64{12: 4})
		time.Sleep(3 * time.Second)
		is("late", map[uint64]uint64{})
		told.add(13, time.Second)
		is("after a while", map[uint64]uint64{13: 5})
	})
}
