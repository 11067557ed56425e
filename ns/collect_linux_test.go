package ns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		left := unused(map[*Group]uint64{here: 10, gone: 20}, func(known map[*Group]uint64) {
			if looks++; looks-1 != missed {
				delete(known, here)
			}
		})
		if _, ok := left[gone]; !ok || len(left) != 1 || looks != 2 {
			t.Errorf("look %d missed it: %v after %d", missed, left, looks)
		}
	}
}

// TestInUse: of each mount namespace that other processes' threads are in one is found, and no number
// of a process is missed in a directory that is read in parts.
func TestInUse(t *testing.T) {
	cmd := exec.Command("cat") // in this process's
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	want, found := mountNamespace(), map[uint64]int{}
	for thread, ns := range inUse {
		if found[ns]++; found[ns] > 1 {
			t.Errorf("%s: %d a second time", thread, ns)
		}
	}
	if found[want] != 1 {
		t.Errorf("%d is not among %v", want, found)
	}
	dir := t.TempDir()
	for i := range 500 {
		for _, name := range []string{fmt.Sprint(i), fmt.Sprint("x", i)} {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	if names := slices.Collect(numbersIn(dir)); len(names) != 500 {
		t.Errorf("%d numbers", len(names))
	}
}
