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
	fd, err := unix.FanotifyInit(unix.FAN_REPORT_FID|unix.FAN_CLOEXEC, 0)
	if err != nil {
		t.Skipf("the kernel does not tell who changes a file: %v", err)
	}
	unix.Close(fd)
	srvtest.CheckFiles(t)
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
		cmd := exec.Command("sh", "-c", c.do)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", c.do, err, out)
		}
		heard := false
		for i := 0; i < 100 && !heard; i++ { // it goes on, so nobody thinks it left them alone
			change()
			for len(told) > 0 {
				heard = <-told == paths[c.of] || heard
			}
		}
		if !heard {
			t.Errorf("%s: not told of %s", c.do, filepath.Join(dir, c.of))
		}
	}
}
