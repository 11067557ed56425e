package diskfs

import (
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// TestChosenInode has a mounted tree's server give a file the inode number that a file of the root's
// device becomes with the tag, which anybody can know.
func TestChosenInode(t *testing.T) {
	var l srv.Devices
	disk, mounted := &device{paths: l.Of(1)}, &device{paths: l.Of(43)}
	st := unix.Statx_t{Mode: unix.S_IFREG, Ino: 12}
	victim := qidOf(&st, disk).Path
	st.Ino ^= qidOf(&unix.Statx_t{}, mounted).Path
	if q := qidOf(&st, mounted); q.Path == victim {
		t.Errorf("it has the qid path of the disk's, %#x", q.Path)
	}
}
