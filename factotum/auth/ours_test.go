package auth

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestDialOurs: the factotum that is posted in a directory to which others write, or by
// a symbolic link to one, is not trusted.
func TestDialOurs(t *testing.T) {
	dir := t.TempDir()
	open, link := filepath.Join(dir, "open"), filepath.Join(dir, "link")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	dial := func(dir string) bool {
		t.Setenv("NAMESPACE", dir)
		_, err := Dial(t.Context(), "")
		return err != nil && strings.Contains(err.Error(), "yours alone")
	}
	if dial(open) {
		t.Error("one's own is refused")
	}
	if !dial(link) {
		t.Error("a symbolic link is not refused")
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if !dial(open) {
		t.Error("one that others write to is not refused")
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(open, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(open, 1, 1); err != nil {
			t.Fatal(err)
		}
		if !dial(open) {
			t.Error("somebody else's is not refused")
		}
	}
}

// TestDialOther: nor is one that another user serves in a directory of one's own, as it may be
// by the time that it is dialled.
func TestDialOther(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "9o.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	type listening struct {
		net.Listener
		error
	}
	made := make(chan listening)
	go func() {
		runtime.LockOSThread() // for good: the thread is another user's, and goes with this
		if _, _, no := syscall.RawSyscall(syscall.SYS_SETRESUID, 54321, 54321, 54321); no != 0 {
			made <- listening{error: no}
			return
		}
		l, err := net.Listen("unix", filepath.Join(dir, "factotum"))
		made <- listening{l, err}
	}()
	l := <-made
	if l.error != nil {
		t.Fatal(l.error)
	}
	defer l.Close()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NAMESPACE", dir)
	if _, err := Dial(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "another user's server") {
		t.Error(err)
	}
}
