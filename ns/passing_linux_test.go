package ns

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
	"ninespace/srv/srvtest"
)

// TestInPassing has a thread that may not wait mount elsewhere, as far as it can, and be home again.
func TestInPassing(t *testing.T) {
	srvtest.CheckFiles(t)
	dir := t.TempDir()
	for _, name := range []string{"a/x", "b", "c", "d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	h, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	defer h.end()
	elsewhere, leave := make(chan int), make(chan bool)
	defer close(leave)
	osthread.Go(func() {
		if unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS) != nil || unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
			elsewhere <- 0
			return
		}
		elsewhere <- unix.Gettid()
		<-leave
	})
	tid := <-elsewhere
	if tid == 0 {
		t.Skip("no right to mount namespaces")
	}
	on := func(name string) Graft { return Graft{filepath.Join(dir, name), filepath.Join(dir, "a")} }
	yes, no := func() error { return nil }, func() error { return syscall.EPERM }
	done := make(chan bool)
	osthread.Go(func() { // and no other thread gets a directory of its own
		defer close(done)
		for _, c := range []struct {
			what    string
			whole   bool
			make    []Graft
			allowed func() error
			made    int
			seen    string // where, or "" for nowhere
		}{
			{"not the whole process", false, []Graft{on("b")}, yes, 0, ""},
			{"not allowed", true, []Graft{on("b")}, no, 0, ""},
			{"one", true, []Graft{on("b")}, yes, 1, "b"},
			{"two", true, []Graft{on("c"), on("d")}, yes, 2, "d"},
			{"one on the other", true, []Graft{on("b"), on("b/x")}, yes, 2, "b/x"},
			{"on another file system", true, []Graft{on("c/x"), {"/proc", on("").Host}}, yes, 1, "c/x"},
			{"of the engine's tree", true, []Graft{{on("d/x").Target, ""}}, yes, 0, ""},
			{"of the engine's directory", true, []Graft{{on("d/x").Target, on("a").Host[1:]}}, yes, 0, ""},
		} {
			was := mountNamespace()
			h.whole = c.whole
			if made := h.inPassing(tid, c.make, c.allowed); made != c.made {
				t.Errorf("%s: %d made, not %d", c.what, made, c.made)
			}
			if now := mountNamespace(); now != was {
				t.Errorf("%s: the thread is in %d, not %d", c.what, now, was)
			}
			for root, want := range map[string]bool{"/proc/" + strconv.Itoa(tid) + "/root": true, "/": false} {
				if _, err := os.Stat(filepath.Join(root, dir, c.seen, "x")); c.seen != "" && (err == nil) != want {
					t.Errorf("%s: in %s: %v", c.what, root, err)
				}
			}
		}
		runtime.GC()
		if _, _, err := openNear("/proc/self/task/" + strconv.Itoa(tid) + "/environ"); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("a name that is not in memory: %v", err)
		}
	})
	<-done
}
