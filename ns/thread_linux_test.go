package ns

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// TestVisitor wants a thread that goes elsewhere to have no other descriptors than
// it must, what it opens to be nobody else's, and Go to run on it all the same.
func TestVisitor(t *testing.T) {
	srvtest.CheckFiles(t)
	srvtest.CheckGoroutines(t)
	secret, err := os.CreateTemp(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	r, w, err := os.Pipe() // upon which Go has its own descriptors
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	h, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(h.ns)
	defer unix.Close(h.root)
	elsewhere, leave := make(chan int), make(chan bool)
	left := make(chan bool)
	go func() { // a thread in a mount namespace of its own
		defer close(left)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			elsewhere <- 0
			return
		}
		elsewhere <- unix.Gettid()
		<-leave
	}()
	tid := <-elsewhere
	if tid == 0 {
		t.Skip("no right to mount namespaces")
	}
	for range 3 {
		names, open := "", -1
		there, back := uint64(0), uint64(0)
		err = h.visit(func(v *visitor) error {
			// Not os.ReadDir, which go test writes down: in a file that is not here.
			for fd := range 256 {
				to, _ := os.Readlink("/proc/thread-self/fd/" + strconv.Itoa(fd))
				names += to + " "
			}
			open, _ = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			defer unix.Close(open)
			defer func() { back = mountNamespace() }()
			return v.in(tid, func() error {
				there = mountNamespace()
				runtime.GC()
				timer := time.NewTimer(time.Hour)
				defer timer.Stop()
				var st unix.Stat_t
				if unix.Stat("/proc/self/fd/"+strconv.Itoa(open), &st) == nil && st.Rdev == unix.Mkdev(1, 3) {
					t.Error("what it opens is everyone's")
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(names, "secret") || !strings.Contains(names, "eventpoll") {
			t.Errorf("it has %s", names)
		}
		if there == back || back != mountNamespace() {
			t.Errorf("it was in %d, and then in %d", there, back)
		}
	}
	close(leave)
	<-left
	if n := len(h.idle); n != 1 {
		t.Errorf("%d visitors", n)
	}
	close((<-h.idle).work)
	if !slices.IsSorted(h.keep) {
		t.Error(h.keep)
	}
}
