package ns

import (
	"bufio"
	"context"
	"fmt"
	"io"
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
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
)

// A test that looks at a mount has it served by a process of its own: one that waits for
// itself cannot even be killed.

// serveEnv has a process that is started anew serve a mount, /dev/fuse being its
// descriptor 3; it has the lines that are to be done in the group.
const serveEnv = "NINE_TEST_SERVE"

func TestMain(m *testing.M) {
	if lines, ok := os.LookupEnv(serveEnv); ok {
		if err := serveTest(lines); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if do := mappings[os.Getenv(mappedEnv)]; do != nil {
		if err := do(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveTest tells the group's number, and then for each line that it reads the requests
// of the kernel since the last, until the mount is gone; for "forget N" see forget.
func serveTest(lines string) error {
	ctx := context.Background()
	if d, err := time.ParseDuration(os.Getenv("NINE_TEST_KEEP")); err == nil {
		keepFor = d
	}
	if n, err := strconv.Atoi(os.Getenv("NINE_TEST_KEEP_MOST")); err == nil {
		keepMost = n
	}
	e := NewEngine(EngineOptions{Host: tree("none"), Namespace: p9.Namespace()})
	g, err := e.NewGroup(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	ops, err := ParseText(lines, "test")
	if err != nil {
		return err
	}
	for _, op := range ops {
		if err := g.Apply(ctx, op, 0); err != nil {
			return err
		}
	}
	c := &counted{fuseFS: newFuseFS(e), reqs: map[string]int{}}
	if err := c.agree(3, c); err != nil {
		return err
	}
	fmt.Println(g.id)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			var times int
			if n, _ := fmt.Sscanf(in.Text(), "forget %d", &times); n == 1 {
				fmt.Println(c.forget(times))
				continue
			}
			if name, ok := strings.CutPrefix(in.Text(), "store "); ok { // of what is mounted there
				fmt.Println(settleAt(g, name))
				continue
			}
			fmt.Println(c.requests())
		}
	}()
	c.conn.Serve()
	return nil
}

// settleAt has what a tree has kept written down.
func settleAt(g *Group, name string) error {
	c, err := g.lookup(context.Background(), name, false)
	if err != nil {
		return err
	}
	defer c.close()
	k, ok := c.file.(*kept)
	if !ok {
		return p9.ErrNotSup
	}
	k.c.settleStore(time.Minute)
	return nil
}

// counted counts the kernel's requests.
type counted struct {
	*fuseFS

	mu   sync.Mutex
	reqs map[string]int
}

func (c *counted) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reqs[what]++
}

// requests tells what the kernel asked since it was last asked for.
func (c *counted) requests() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := fmt.Sprint(c.reqs)
	c.reqs = map[string]int{}
	return strings.TrimPrefix(s, "map")
}

func (c *counted) Lookup(cancel *devfuse.Cancel, in *devfuse.InHeader, name string, out *devfuse.EntryOut) syscall.Errno {
	c.count("lookup")
	return c.fuseFS.Lookup(cancel, in, name, out)
}

func (c *counted) GetAttr(cancel *devfuse.Cancel, in *devfuse.GetAttrIn, out *devfuse.AttrOut) syscall.Errno {
	c.count("getattr")
	return c.fuseFS.GetAttr(cancel, in, out)
}

func (c *counted) Open(cancel *devfuse.Cancel, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	c.count("open")
	return c.fuseFS.Open(cancel, in, out)
}

func (c *counted) Read(cancel *devfuse.Cancel, in *devfuse.ReadIn, buf []byte) (int, syscall.Errno) {
	c.count("read")
	return c.fuseFS.Read(cancel, in, buf)
}

func (c *counted) Release(cancel *devfuse.Cancel, in *devfuse.ReleaseIn) {
	c.count("release")
	c.fuseFS.Release(cancel, in)
}

func (c *counted) Flush(cancel *devfuse.Cancel, in *devfuse.FlushIn) syscall.Errno {
	c.count("flush")
	return c.fuseFS.Flush(cancel, in)
}

func (c *counted) OpenDir(cancel *devfuse.Cancel, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	c.count("opendir")
	return c.fuseFS.OpenDir(cancel, in, out)
}

func (c *counted) ReadDir(cancel *devfuse.Cancel, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	c.count("readdir")
	return c.fuseFS.ReadDir(cancel, in, out)
}

func (c *counted) ReadDirPlus(cancel *devfuse.Cancel, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	c.count("readdirplus")
	return c.fuseFS.ReadDirPlus(cancel, in, out)
}

// A mounted is an engine with one group, whose name space only the test's own
// processes see.
type mounted struct {
	id  string // the group's number
	dir *os.File
	ask io.Writer
	out *bufio.Reader
}

// mountGroup mounts a new group, after lines were done in it.
func mountGroup(t *testing.T, lines string) *mounted {
	t.Helper()
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("/dev/fuse: ", err)
	}
	fuse := os.NewFile(uintptr(dev), "/dev/fuse")
	defer fuse.Close()
	mnt, err := mountTest(dev)
	if err != nil {
		t.Skip("mount of fuse: ", err)
	}
	m := &mounted{dir: os.NewFile(uintptr(mnt), "mnt")}
	server := exec.Command("/proc/self/exe")
	server.Env = append(os.Environ(), serveEnv+"="+lines, "NAMESPACE="+t.TempDir())
	server.ExtraFiles, server.Stderr = []*os.File{fuse}, os.Stderr
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := server.StdinPipe()
	if err == nil {
		var out io.Reader
		out, err = server.StdoutPipe()
		m.ask, m.out = in, bufio.NewReader(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		m.dir.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.dir.Close() // by which the mount goes, and the server with it
		if err := server.Wait(); err != nil {
			t.Error("the mount's server: ", err)
		}
	})
	if m.id = m.line(t); strings.Trim(m.id, "0123456789") != "" {
		t.Fatal(m.id)
	}
	return m
}

// line is the next that the mount's server says.
func (m *mounted) line(t testing.TB) string {
	t.Helper()
	s, err := m.out.ReadString('\n')
	if err != nil {
		t.Fatal("the mount's server: ", err)
	}
	return strings.TrimSpace(s)
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

// file is the path of a name in the group, for this process.
func (m *mounted) file(name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/g%s%s", m.dir.Fd(), m.id, name)
}

// sh runs a command of the shell in a directory of the group.
func (m *mounted) sh(t testing.TB, dir, script string) string {
	t.Helper()
	b, err := m.command(dir, script).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", script, err, b)
	}
	return string(b)
}

func (m *mounted) command(dir, script string) *exec.Cmd {
	c := exec.Command("sh", "-c", "cd /proc/self/fd/3/g"+m.id+dir+" && "+script)
	c.ExtraFiles = []*os.File{m.dir}
	return c
}

// requests tells what the kernel asked since it was last asked for.
func (m *mounted) requests(t testing.TB) string {
	t.Helper()
	return m.asked(t, "")
}

// asked gives the mount's server a line, and what it says to that.
func (m *mounted) asked(t testing.TB, line string) string {
	t.Helper()
	if _, err := io.WriteString(m.ask, line+"\n"); err != nil {
		t.Fatal("the mount's server: ", err)
	}
	return m.line(t)
}

// onDisk makes a server's tree of a directory.
func onDisk(t testing.TB, dir string) srv.File {
	t.Helper()
	root, err := diskfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(io.Closer).Close() })
	return root
}
