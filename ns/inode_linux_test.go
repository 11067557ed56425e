package ns

import "testing"

// TestInode has a server choose paths, to have inode numbers of another's file, and of the host's:
// who exports the name space would take them for one. It knows its own files' numbers, and how the
// mixing was once done, which could be undone.
func TestInode(t *testing.T) {
	undo := func(x uint64) uint64 { return x ^ x>>31 ^ x>>62 }
	mine := undo(inode(key{2, 0}))
	for _, want := range []uint64{inode(key{1, 12}), 12, 0x1234567} {
		if got := inode(key{2, undo(want) ^ mine}); got == want {
			t.Errorf("a server has chosen the inode number %#x", got)
		}
	}
	k := key{1, 12}
	if was, now := inode(k), inode(k); was != now || was == inode(key{12, 1}) {
		t.Errorf("the number of %v is %#x, then %#x", k, was, now)
	}
}
