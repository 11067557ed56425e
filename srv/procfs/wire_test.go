package procfs

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestTree holds one process's directory to the rules, as others come and go.
func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		r := newTree(t)
		p, err := r.kept.find(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return &dir{r, p}
	}, "wait", "ns", "mem")
}

// TestDrawing compares the directory of one process, as others come and go.
func TestDrawing(t *testing.T) {
	r := newTree(t)
	pid := strconv.Itoa(os.Getpid())
	f, err := r.Walk(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	srvtest.Drawing(t, "procfs.go", srv.NewDir().Add(pid, f).Add("trace", &r.events))
}

func TestTranscript(t *testing.T) {
	srvtest.Transcript(t, srv.New(tree(t)()), "testdata/gone.9p")
}

// newTree makes a tree that is closed when the test ends, tree the func that does.
func newTree(t *testing.T) *FS {
	t.Helper()
	r := New()
	t.Cleanup(r.Close)
	return r
}

func tree(t *testing.T) func() srv.File { return func() srv.File { return newTree(t) } }

// TestKeep: pidfds, and files of /proc, are kept up to a bound, and let go with their
// processes and the tree.
func TestKeep(t *testing.T) {
	srvtest.CheckFiles(t)
	k := newKeeper()
	k.most = 3
	var cmds []*exec.Cmd
	for range 5 {
		cmd := start(t, exec.Command("sleep", "1000"))
		cmds = append(cmds, cmd)
		p, err := k.find(cmd.Process.Pid)
		again, err2 := k.identify(cmd.Process.Pid, true)
		if err != nil || err2 != nil || again != p.id || p.check() != nil || len(k.kept) > 3 {
			t.Errorf("%+v, %d, %v, %v; %d are kept", p, again, err, err2, len(k.kept))
		}
		for range 2 { // the first opens what the second reads
			st, err := p.stat()
			uid, _, err2 := p.owner(ofProcess)
			if err != nil || err2 != nil || st.ppid != os.Getpid() || uid != uint32(os.Geteuid()) || k.kept[p.pid].dir < 0 {
				t.Errorf("child of %d, user %d, %v, %v; kept %+v", st.ppid, uid, err, err2, k.kept[p.pid])
			}
		}
	}
	last := cmds[4]
	p, err := k.find(last.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	last.Process.Kill()
	if !srvtest.Until(func() bool { st, err := readStat(p.pid); return err == nil && st.state == 'Z' }) || p.check() != nil {
		t.Error("a zombie is not there any more")
	}
	last.Wait()
	if h := k.kept[p.pid]; h == nil || h.dir < 0 {
		t.Errorf("not kept: %+v", h)
	}
	if _, err := p.stat(); err != errExited {
		t.Errorf("its stat: %v", err)
	}
	if _, _, err := p.owner(ofProcess); err != errExited {
		t.Errorf("its owner: %v", err)
	}
	if err := p.check(); err != errExited {
		t.Error(err)
	}
	k.close()
	if _, err := k.find(os.Getpid()); err != nil || len(k.kept) > 0 {
		t.Errorf("%v; %d are kept by a closed one", err, len(k.kept))
	}
}
