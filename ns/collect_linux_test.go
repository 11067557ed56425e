package ns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
		left, err := unused(map[*Group]uint64{here: 10, gone: 20}, func(known map[*Group]uint64) error {
			if looks++; looks-1 != missed {
				delete(known, here)
			}
			return nil
		})
		if _, ok := left[gone]; !ok || len(left) != 1 || looks != 2 || err != nil {
			t.Errorf("look %d missed it: %v after %d, %v", missed, left, looks, err)
		}
	}
}

// startCat starts a process that lasts as long as the test, with a root.
func startCat(t *testing.T, root string) {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	if root != "/" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
}

// TestInUse: of each mount namespace that other processes' threads are in one is found, and no number
// of a process is missed in a directory that is read in parts.
func TestInUse(t *testing.T) {
	startCat(t, "/") // in this process's
	want, found := mountNamespace(), map[uint64]int{}
	err := inUse(false, func(thread string, ns uint64) (bool, error) {
		if found[ns]++; found[ns] > 1 {
			t.Errorf("%s: %d a second time", thread, ns)
		}
		return true, nil
	})
	if found[want] != 1 || err != nil {
		t.Errorf("%d is not among %v: %v", want, found, err)
	}
	dir := t.TempDir()
	for i := range 500 {
		for _, name := range []string{fmt.Sprint(i), fmt.Sprint("x", i)} {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	if names, err := numbersIn(dir); len(names) != 500 || err != nil {
		t.Errorf("%d numbers, %v", len(names), err)
	}
}

// TestInUseRoots: who is in a mount namespace is seen whoever is there with another root.
func TestInUseRoots(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: no other root can be had")
	}
	if _, err := os.Stat("/usr/lib64"); err != nil {
		t.Skip("no program runs in /usr: ", err)
	}
	for _, root := range []string{"/", "/usr"} {
		startCat(t, root)
	}
	want, found := mountNamespace(), map[string]bool{}
	err := inUse(true, func(thread string, ns uint64) (bool, error) {
		if root, err := os.Readlink(thread + "/root"); err == nil && ns == want {
			found[root] = true
		}
		return true, nil
	})
	if !found["/"] || !found["/usr"] || err != nil {
		t.Errorf("roots %v: %v", found, err)
	}
}

// TestUnseen: no group is taken for one that nobody uses where no descriptor is left to look by. One
// whose process is gone meanwhile is.
func TestUnseen(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	gone := map[*Group]uint64{{id: 1}: noNamespace}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	left, err := unused(gone, (&host{}).strike)
	_, errThread := namespaceOf("/proc/self")
	_, errMounts := mountLines("/proc/self")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) || len(left) > 0 || unseen(errThread) == nil || unseen(errMounts) == nil {
		t.Errorf("without a descriptor: %v, %v, %v, %v", left, err, errThread, errMounts)
	}
	if left, err := unused(gone, (&host{}).strike); err != nil || len(left) != 1 {
		t.Errorf("with some: %v, %v", left, err)
	}
	const none = "/proc/self/task/none"
	_, errThreads := numbersIn(none)
	_, errThread = namespaceOf(none)
	_, errMounts = mountLines(none)
	if errThreads == nil || unseen(errThreads) != nil || unseen(errThread) != nil || unseen(errMounts) != nil {
		t.Errorf("of a thread that is gone: %v, %v, %v", errThreads, errThread, errMounts)
	}
}
