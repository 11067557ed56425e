package ns

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// TestReused: mount namespaces that come one after the other are not taken for the same, though
// the kernel gives a number of one that is gone anew.
func TestReused(t *testing.T) {
	fd, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var id uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&id)))
	unix.Close(fd)
	if errno != 0 {
		t.Skip("this kernel has only numbers that are used again (before Linux 6.11): ", errno)
	}
	seen := map[uint64]bool{}
	for range 100 {
		number, gone := make(chan uint64), make(chan bool)
		osthread.Go(func() {
			defer close(gone)
			if unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS) != nil {
				number <- 0
				return
			}
			number <- mountNamespace()
		})
		n := <-number
		<-gone
		switch {
		case n == 0:
			t.Skip("no right to mount namespaces")
		case seen[n]:
			t.Fatalf("number %d comes again", n)
		}
		seen[n] = true
	}
}

// TestUnusedTwice: a group is not closed that one look has missed, as it does whose only thread executes a
// program meanwhile.
func TestUnusedTwice(t *testing.T) {
	here, gone := &Group{id: 1}, &Group{id: 2}
	for missed := range 2 {
		looks := 0
		left := unused(map[*Group]uint64{here: 10, gone: 20}, func() (map[uint64]bool, map[int]bool) {
			looks++
			return map[uint64]bool{10: looks-1 != missed}, nil
		})
		if _, ok := left[gone]; !ok || len(left) != 1 || looks != 2 {
			t.Errorf("look %d missed it: %v after %d", missed, left, looks)
		}
	}
}
