package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// TestLease: a file that somebody has a lease of is opened when that one has let go.
func TestLease(t *testing.T) {
	dir := t.TempDir()
	f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("lease: ", err)
	}
	d := serve(t, dir).(root).own
	opened := make(chan error, 1)
	go func() {
		f, err := d.openAs(fi, "f", os.O_RDONLY)
		if err == nil {
			f.Close()
		}
		opened <- err
	}()
	if !srvtest.Until(func() bool {
		kind, err := unix.FcntlInt(f.Fd(), unix.F_GETLEASE, 0)
		return err == nil && kind != unix.F_WRLCK
	}) {
		t.Error("nobody asks for it")
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
