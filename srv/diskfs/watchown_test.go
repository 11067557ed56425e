package diskfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestWatchOwn: what a client with leases changes itself does not take them from it, however
// long it goes on, and what another process changes meanwhile does, at once: also where the
// server is not root's.
func TestWatchOwn(t *testing.T) {
	t.Run("self", func(t *testing.T) { watchOwn(t, t.TempDir()) })
	if os.Getenv("DISKFS_AGAIN") != "" || os.Getuid() != 0 {
		return
	}
	out, err := again(t, &syscall.Credential{Uid: someone, Gid: someone})
	if err != nil || !strings.Contains(string(out), "PASS: "+t.Name()) {
		t.Errorf("as another user: %v\n%s", err, out)
	}
}

func watchOwn(t *testing.T, dir string) {
	needsWho(t, dir)
	root := must(New(dir))(t)
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	ctx := t.Context()
	top, told := leased(t, root)
	tree := client.Fsys{Root: top}
	must(0, tree.WriteFile(ctx, "f", []byte("one"), 0o666))(t)
	must(0, tree.Mkdir(ctx, "d", 0o777))(t)
	paths := map[string]uint64{}
	look := func() {
		for _, n := range []string{"/", "f", "d"} {
			paths[n] = must(tree.Lstat(ctx, n))(t).Qid.Path
		}
	}
	f := must(top.Walk(ctx, "f"))(t)
	defer f.Clunk(ctx)
	must(0, f.Open(ctx, p9.ORDWR))(t)
	turn := 0
	change := func() {
		turn++
		must(f.Write(ctx, []byte("text"), 0))(t)
		name := fmt.Sprint("d/", turn)
		must(0, tree.WriteFile(ctx, "f", []byte("other"), 0o666))(t) // which is opened and closed
		must(0, tree.Mkdir(ctx, name, 0o777))(t)
		must(0, tree.Rename(ctx, name, name+".new"))(t)
		must(0, tree.Remove(ctx, name+".new"))(t)
		time.Sleep(10 * time.Millisecond)
	}
	look()
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		change()
	}
	time.Sleep(300 * time.Millisecond) // it is left alone
	root.(srv.Leaser).Leases().Settle(ctx)
	if n := len(told); n > 0 {
		t.Errorf("told of %d changes, all its own", n)
	}
	for len(told) > 0 {
		<-told
	}
	for _, c := range []struct{ do, of string }{{"echo other >f", "f"}, {"chmod 600 f", "f"}, {"echo text >d/new", "d"}, {"mv d/new new", "d"}, {"rm new", "/"}} {
		look()
		change()
		shell(t, dir, c.do)
		heard := false
		for i := 0; i < 100 && !heard; i++ { // it goes on, so nobody thinks it left them alone
			change()
			heard = hears(told, paths[c.of])
		}
		if !heard {
			t.Errorf("%s: not told of %s", c.do, filepath.Join(dir, c.of))
		}
	}
}

// needsWho ends a test where the kernel does not tell who changes a file of a directory.
func needsWho(t *testing.T, dir string) {
	t.Helper()
	fd, err := unix.FanotifyInit(unix.FAN_REPORT_FID|unix.FAN_CLOEXEC, 0)
	if err == nil {
		err = unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_ATTRIB|unix.FAN_ONDIR, unix.AT_FDCWD, dir)
		unix.Close(fd)
	}
	if err != nil {
		t.Skipf("the kernel does not tell who changes a file: %v", err)
	}
}

// TestWatchShared has two trees of a directory in one process, of which the kernel cannot say
// who changed a file: what the one's client does, the other's is told, though it has just
// changed the file itself.
func TestWatchShared(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	tree := func() (client.Fsys, chan uint64) {
		root := must(New(dir))(t)
		t.Cleanup(func() { root.(interface{ Close() error }).Close() })
		top, told := leased(t, root)
		return client.Fsys{Root: top}, told
	}
	one, told := tree()
	must(0, one.WriteFile(ctx, "f", []byte("one"), 0o666))(t)
	st := must(one.Lstat(ctx, "f"))(t)
	two, _ := tree()
	must(0, one.WriteFile(ctx, "f", []byte("two"), 0o666))(t)
	must(0, two.WriteFile(ctx, "f", []byte("three"), 0o666))(t)
	if !srvtest.Until(func() bool { return hears(told, st.Qid.Path) }) {
		t.Error("not told")
	}
}

// hears tells whether a file is one of those that were told by now.
func hears(told chan uint64, path uint64) (heard bool) {
	for len(told) > 0 {
		heard = <-told == path || heard
	}
	return heard
}

// TestWatchNext has a client remove a file and make the next, which may get its number: it is
// told of that one as well.
func TestWatchNext(t *testing.T) {
	dir := t.TempDir()
	root := must(New(dir))(t)
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	top, told := leased(t, root)
	ctx := t.Context()
	tree := client.Fsys{Root: top}
	same := 0
	for last, i := uint64(0), 0; i < 20; i++ {
		must(0, tree.WriteFile(ctx, "f", []byte("text"), 0o666))(t)
		st := must(tree.Lstat(ctx, "f"))(t)
		if st.Qid.Path == last {
			same++
		}
		last = st.Qid.Path
		for range 2 { // what comes late is of the last file
			root.(srv.Leaser).Leases().Settle(ctx)
			hears(told, 0)
			must(tree.Lstat(ctx, "f"))(t)
		}
		shell(t, dir, "echo other >f")
		if !srvtest.Until(func() bool { return hears(told, last) }) {
			t.Fatalf("time %d: not told", i)
		}
		must(tree.Lstat(ctx, "f"))(t)
		must(0, tree.Remove(ctx, "f"))(t)
	}
	t.Logf("%d had the last one's number", same)
}

// shell has another process do something.
func shell(t *testing.T, dir, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v, %s", line, err, out)
	}
}
