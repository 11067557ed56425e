package ns

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGuard: who has told of a file system and is killed has it ended if it is that user's, and
// nothing else happens to anybody's.
func TestGuard(t *testing.T) {
	dir, err := fusectl()
	if err != nil {
		t.Skip("fusectl: ", err) // not root
	}
	unix.Close(dir)
	m := mountGroup(t, "")
	var st unix.Stat_t
	if err := unix.Fstat(int(m.dir.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	ends := func(uid int) bool {
		t.Helper()
		alive, held, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := (&Session{dev: st.Dev}).Tell(int(held.Fd())); err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			Guard(alive, uid)
		}()
		held.Write([]byte("a word more"))
		answers := func() bool {
			_, err := os.ReadDir(m.file("/n")) // of attributes the kernel may know by itself
			return !errors.Is(err, syscall.ENOTCONN)
		}
		if !answers() {
			t.Error("it is ended before the process is killed")
		}
		held.Close()
		<-over
		return !answers()
	}
	if ends(os.Geteuid() + 1) {
		t.Fatal("another user's is ended")
	}
	if !ends(os.Geteuid()) {
		t.Error("the user's own is not")
	}
}

// TestAbortOf: what a user tells is a number or nothing.
func TestAbortOf(t *testing.T) {
	for _, told := range []string{"", "x", "../connections/1", "-1", "1/../1", "99999999999"} {
		if f, err := abortOf(told, os.Geteuid()); err == nil {
			f.Close()
			t.Errorf("%q: no error", told)
		}
	}
}
