package ns

import "testing"

// TestInode has a server choose paths, to have inode numbers of another's file: who exports the
// name space would take them for one. What there is of its own it can see.
func TestInode(t *testing.T) {
	mine, small := inode(key{2, 0}), uint64(12)
	for _, victim := range []key{{1, small}, {1, 5<<48 | small}, {1, small << 44}, {300, small}} {
		want := inode(victim)
		if inode(victim) != want {
			t.Errorf("the number of %v does not last", victim)
		}
		for _, path := range []uint64{want, want ^ mine, want &^ (1 << 63), victim.path, victim.path | victim.dev<<55, victim.path | victim.dev<<48, ^mine & want, 12, 1 << 63} {
			for _, dev := range []uint64{2, 3, 1 << 8, 1 << 9, 1<<9 | victim.dev} {
				if got := inode(key{dev, path}); got == want {
					t.Errorf("device %d has chosen the inode number %#x of %v, by path %#x", dev, got, victim, path)
				}
			}
		}
	}
	for _, k := range []key{{1, small}, {255, 0x7FFF<<48 | 1<<40 - 1}} {
		if n := inode(k); n>>63 != 0 {
			t.Errorf("%v has the number %#x, another in each session", k, n)
		}
	}
}
