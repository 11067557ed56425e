package ns

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// guardedRoot is where guarded has the mount that is its root; it is a process of TestGuard's then.
const guardedRoot = "NINE_TEST_GUARDED"

// guarded has the mount that is its descriptor 3 for its root, in the mount namespace of its
// parent, and much memory, so that it has both for some time after it was killed.
func guarded() error {
	dir := os.Getenv(guardedRoot)
	if err := unix.MoveMount(3, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	if _, err := unix.Mmap(-1, 0, 256<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE); err != nil {
		return err
	}
	if err := unix.Chroot(dir); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err := os.Stdin.Read(make([]byte, 1))
	return err
}

// TestGuard: nothing is unmounted where a process below a session that was killed only has the
// root that processes of sessions have.
func TestGuard(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	m := mountGroup(t, "mount -c "+srvtest.NewLink(t, srv.New(ramfs.New()), 0).Addr+" /n/x")
	session := exec.Command("sh", "-c", `mount --make-rprivate / && "$TEST"; read x`)
	session.Env = append(os.Environ(), "TEST="+os.Args[0], mappedEnv+"=guarded", guardedRoot+"="+t.TempDir())
	session.ExtraFiles, session.Stderr = []*os.File{m.dir}, os.Stderr
	session.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	in, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	defer session.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	mounts := func() int {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", session.Process.Pid))
		if err != nil {
			t.Error(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	before := mounts()
	alive, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		Guard(session.Process.Pid, alive, done)
	}()
	if !srvtest.Until(func() bool { return len(childrenOf(strconv.Itoa(session.Process.Pid))) == 0 }) {
		t.Error("the process is not killed")
	}
	close(done)
	<-ended
	if after := mounts(); after < before {
		t.Errorf("of %d mounts there are %d", before, after)
	}
}
