package ns

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestConstantFull: when the store's disk is full all is read as ever, and what there was room for
// is kept.
func TestConstantFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root, who may make a file system")
	}
	c := newConstant(t)
	fsys, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Skip("tmpfs: ", err)
	}
	defer unix.Close(fsys)
	mnt := -1
	if err = unix.FsconfigSetString(fsys, "size", "64k"); err == nil {
		err = unix.FsconfigCreate(fsys)
	}
	if err == nil {
		mnt, err = unix.Fsmount(fsys, unix.FSMOUNT_CLOEXEC, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mnt)
	t.Setenv("XDG_CACHE_HOME", fmt.Sprintf("/proc/self/fd/%d", mnt))
	for range 3 {
		if n := c.session(t, nil); n < len(c.files["large"]) {
			t.Errorf("%d bytes came", n)
		}
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/self/fd/%d/ninespace/constant/*/*", mnt))
	for _, name := range files {
		if fi, err := os.Stat(name); err != nil || fi.Size() > int64(len(c.files["small"]))+100 {
			t.Errorf("%s is there, %v", name, err)
		}
	}
	if err != nil || len(files) == 0 {
		t.Error(files, err)
	}
}

// TestConstantPython: Python with what it imports comes over the wire once; when it runs in a later
// session all of it is asked about together.
func TestConstantPython(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root, who may change the root")
	}
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	root, err := diskfs.New("/", diskfs.ReadOnly()) // of which the test changes nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(io.Closer).Close() })
	l := srvtest.NewLink(t, srv.New(root), 10*time.Millisecond)
	var first, again srvtest.Traffic
	for _, traffic := range []*srvtest.Traffic{&first, &again} {
		t.Run("", func(t *testing.T) {
			l.Traffic()
			m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x\nbind -C /n/x/usr /n/x/usr")
			m.sh(t, "/n/x", "chroot . /usr/bin/python3 -c 'import json,ssl'")
			*traffic = l.Traffic()
			t.Log(traffic)
			if got := m.asked(t, "store /n/x/usr"); got != "<nil>" {
				t.Error(got)
			}
		})
	}
	if again.Bytes > first.Bytes/10 || again.Trips > first.Trips/2 { // a hundredth and a fifth, and what was asked for ahead
		t.Errorf("first %v, again %v", first, again)
	}
	if again.Of[p9.Txattrwalk] == 0 {
		t.Error("no sum was asked for")
	}
}
