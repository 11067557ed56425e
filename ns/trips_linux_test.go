package ns

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A mounted is an engine with one group, whose name space only the test's own
// processes see.
type mounted struct {
	*Group
	fs  *fuseFS
	dir *os.File

	mu   sync.Mutex
	reqs map[string]int
}

// counted counts the kernel's requests.
type counted struct {
	*fuseFS
	m *mounted
}

func (c counted) count(what string) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.reqs[what]++
}

func (c counted) Lookup(cancel <-chan struct{}, in *devfuse.InHeader, name string, out *devfuse.EntryOut) syscall.Errno {
	c.count("lookup")
	return c.fuseFS.Lookup(cancel, in, name, out)
}

func (c counted) GetAttr(cancel <-chan struct{}, in *devfuse.GetAttrIn, out *devfuse.AttrOut) syscall.Errno {
	c.count("getattr")
	return c.fuseFS.GetAttr(cancel, in, out)
}

func (c counted) Open(cancel <-chan struct{}, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	c.count("open")
	return c.fuseFS.Open(cancel, in, out)
}

func (c counted) Read(cancel <-chan struct{}, in *devfuse.ReadIn, buf []byte) (int, syscall.Errno) {
	c.count("read")
	return c.fuseFS.Read(cancel, in, buf)
}

func (c counted) Release(cancel <-chan struct{}, in *devfuse.ReleaseIn) {
	c.count("release")
	c.fuseFS.Release(cancel, in)
}

func (c counted) Flush(cancel <-chan struct{}, in *devfuse.FlushIn) syscall.Errno {
	c.count("flush")
	return c.fuseFS.Flush(cancel, in)
}

func (c counted) OpenDir(cancel <-chan struct{}, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	c.count("opendir")
	return c.fuseFS.OpenDir(cancel, in, out)
}

func (c counted) ReadDir(cancel <-chan struct{}, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	c.count("readdir")
	return c.fuseFS.ReadDir(cancel, in, out)
}

func (c counted) ReadDirPlus(cancel <-chan struct{}, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	c.count("readdirplus")
	return c.fuseFS.ReadDirPlus(cancel, in, out)
}

// mountGroup mounts a new group, after lines were done in it.
func mountGroup(t *testing.T, lines string) *mounted {
	t.Helper()
	e := NewEngine(EngineOptions{Host: tree("none"), Namespace: t.TempDir()})
	g, err := e.NewGroup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	if err := do(t, g, lines); err != nil {
		t.Fatal(err)
	}
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("/dev/fuse: ", err)
	}
	mnt, err := mountTest(dev)
	if err != nil {
		unix.Close(dev)
		t.Skip("mount of fuse: ", err)
	}
	m := &mounted{Group: g, fs: newFuseFS(e), dir: os.NewFile(uintptr(mnt), "mnt"), reqs: map[string]int{}}
	if err := m.fs.agree(dev, counted{m.fs, m}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.fs.conn.Serve()
	}()
	t.Cleanup(func() {
		m.dir.Close()
		<-ended
	})
	return m
}

func mountTest(dev int) (int, error) {
	ctx, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ctx)
	for _, o := range [][2]string{{"source", "test"}, {"fd", strconv.Itoa(dev)}, {"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"},
		{"max_read", strconv.Itoa(maxWrite)}} {
		if err := unix.FsconfigSetString(ctx, o[0], o[1]); err != nil {
			return -1, err
		}
	}
	for _, o := range []string{"default_permissions", "allow_other"} {
		if err := unix.FsconfigSetFlag(ctx, o); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, err
	}
	return unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, 0)
}

// sh runs a command of the shell in a directory of the group, by a process of its
// own: one that waits for itself cannot even be killed.
func (m *mounted) sh(t testing.TB, dir, script string) string {
	t.Helper()
	b, err := m.command(dir, script).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", script, err, b)
	}
	return string(b)
}

func (m *mounted) command(dir, script string) *exec.Cmd {
	c := exec.Command("sh", "-c", "cd /proc/self/fd/3/g"+strconv.Itoa(m.id)+dir+" && "+script)
	c.ExtraFiles = []*os.File{m.dir}
	return c
}

// requests tells what the kernel asked since it was last asked for.
func (m *mounted) requests() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := fmt.Sprint(m.reqs)
	m.reqs = map[string]int{}
	return strings.TrimPrefix(s, "map")
}

// files makes a server of a tree with the files f0 to f99 in d, and one of what is
// made up as it is read.
func files(t testing.TB, n int) srv.File {
	t.Helper()
	ctx := t.Context()
	root := ramfs.New()
	d, _, err := srv.Create(ctx, root, "d", os.ModeDir|0o777, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_, h, err := srv.Create(ctx, d, fmt.Sprintf("f%d", i), 0o666, p9.OWRITE)
		if err == nil {
			_, err = h.(srv.Writer).Write(ctx, []byte(strings.Repeat("text\n", 100)), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestTrips counts the round trips of a few commands, one after the other, by a link
// that is slow: at most so many, as the machine's own slowness has the kernel ask twice.
func TestTrips(t *testing.T) {
	defer func(d time.Duration) { keepFor = d }(keepFor)
	keepFor = time.Minute // not to end in the middle of it, on a slow machine
	for _, c := range []struct {
		mount string
		cmds  []tripCase
	}{
		{"", []tripCase{{"cat d/f1", 8}, {"cat d/f1", 8}, {"ls d", 8}}},
		{"-C ", []tripCase{
			{"cat d/f1", 3}, {"cat d/f1", 1}, {"stat d/f2", 2}, {"stat d/f2", 0}, {"ls d", 0}, {"ls -l d", 6}, {"ls -l d", 0},
			{"test ! -e d/none", 0}, {"cat d/f*", 100}}},
	} {
		t.Run("mount "+c.mount, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(files(t, 100)), 5*time.Millisecond)
			m := mountGroup(t, "mount "+c.mount+l.Addr+" /n/x")
			m.sh(t, "/n/x", "ls >/dev/null")
			l.Traffic()
			m.requests()
			for _, c := range c.cmds {
				m.sh(t, "/n/x", c.cmd+" >/dev/null")
				n := l.Traffic()
				t.Logf("%-12s %v, kernel's requests %s", c.cmd, n, m.requests())
				if n.Trips > c.most {
					t.Errorf("%s: %d round trips, not %d", c.cmd, n.Trips, c.most)
				}
			}
		})
	}
}

type tripCase struct {
	cmd  string
	most int
}
