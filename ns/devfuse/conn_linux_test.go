package devfuse

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// A testFS has the files f, whose text is "text", and slow and liar, reads of
// which block until they are cancelled. liar is said to be brief. gone is another file each
// time, and to forget one blocks.
type testFS struct {
	nosys
	release chan struct{} // ends a blocked read as well
	blocked *atomic.Int32 // reads and forgets
	gone    *atomic.Int32 // how many were found
}

const (
	fileF = iota + 2
	fileSlow
	fileLiar
	fileGone // and from there on
)

var files = map[string]uint64{"f": fileF, "slow": fileSlow, "liar": fileLiar, "gone": fileGone}

func (testFS) Brief(node uint64) bool { return node != fileSlow }

func (testFS) Took(uint64, bool) {}

func attrOf(node uint64) Attr {
	if node == RootId {
		return Attr{Ino: node, Mode: unix.S_IFDIR | 0o755, Nlink: 2}
	}
	return Attr{Ino: node, Mode: unix.S_IFREG | 0o644, Nlink: 1, Size: 4}
}

func (fs testFS) Lookup(_ *Cancel, _ *InHeader, name string, out *EntryOut) syscall.Errno {
	if files[name] == 0 {
		return syscall.ENOENT
	}
	id := files[name]
	if id == fileGone {
		id += uint64(fs.gone.Add(1))
	}
	out.NodeId, out.Attr = id, attrOf(id)
	return 0
}

func (fs testFS) Forget(node, _ uint64) {
	if node > fileGone {
		fs.blocked.Add(1)
		<-fs.release
	}
}

func (testFS) GetAttr(_ *Cancel, in *GetAttrIn, out *AttrOut) syscall.Errno {
	out.Attr = attrOf(in.NodeId)
	return 0
}

func (testFS) Open(_ *Cancel, _ *OpenIn, out *OpenOut) syscall.Errno {
	out.OpenFlags = FopenDirectIO
	return 0
}

func (fs testFS) Read(cancel *Cancel, in *ReadIn, buf []byte) (int, syscall.Errno) {
	if in.NodeId != fileF {
		fs.blocked.Add(1)
		defer fs.blocked.Add(-1)
		cancelled := make(chan struct{})
		cancel.Then(func() { close(cancelled) })
		select {
		case <-cancelled:
			return 0, syscall.EINTR
		case <-fs.release:
		}
	}
	if in.Offset > 0 {
		return 0, 0
	}
	return copy(buf, "text"), 0
}

// A mounted is a testFS that is mounted, in no name space. It is used by other
// processes: one that waits for itself cannot even be killed.
type mounted struct {
	testFS
	dir *os.File
}

func mount(t *testing.T) *mounted {
	t.Helper()
	srvtest.CheckGoroutines(t)
	fs := testFS{nosys{}, make(chan struct{}, 1), &atomic.Int32{}, &atomic.Int32{}}
	dev, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("/dev/fuse: ", err)
	}
	mnt, err := mountFuse(dev)
	if err != nil {
		unix.Close(dev)
		t.Skip("mount of fuse: ", err)
	}
	c, err := New(dev, fs, Options{MaxWrite: 1 << 20, Flags: CapMaxPages | CapAsyncRead})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Has(CapMaxPages) || c.Has(CapPosixLocks) {
		t.Errorf("flags: %#x", c.flags)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Serve()
	}()
	m := &mounted{fs, os.NewFile(uintptr(mnt), "mnt")}
	t.Cleanup(func() {
		m.dir.Close()
		<-ended
		if len(c.large.free)+len(c.medium.free) > 0 {
			t.Error("buffers are left")
		}
	})
	return m
}

// start starts a command on a file.
func (m *mounted) start(t *testing.T, name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(args[0], append(args[1:], "/proc/self/fd/3/"+name)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &out, []*os.File{m.dir}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// run gives what a command says, and how it ends.
func (m *mounted) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd, out := m.start(t, name, args...)
	if err := cmd.Wait(); err != nil {
		return out.String() + err.Error()
	}
	return out.String()
}

func mountFuse(dev int) (int, error) {
	ctx, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ctx)
	for _, o := range [][2]string{{"source", "test"}, {"fd", strconv.Itoa(dev)}, {"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}} {
		if err := unix.FsconfigSetString(ctx, o[0], o[1]); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, err
	}
	return unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, 0)
}

// TestNotBegun has a Conn that does not come about leave no memory.
func TestNotBegun(t *testing.T) {
	const each, n = 64 << 20, 20
	before := mappedBytes(t)
	for range n {
		null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(null, testFS{}, Options{MaxWrite: each}); err == nil {
			t.Error("no error")
		}
		unix.Close(null)
	}
	if more := mappedBytes(t) - before; more > n*each/2 {
		t.Errorf("%d bytes more are mapped", more)
	}
}

// mappedBytes is how much address space this process has, proc_pid_statm(5).
func mappedBytes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	size, _, _ := strings.Cut(string(b), " ")
	pages, err := strconv.Atoi(size)
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestRequests(t *testing.T) {
	m := mount(t)
	for range 5 {
		if s := m.run(t, "f", "cat"); s != "text" {
			t.Fatalf("%q", s)
		}
	}
	for _, c := range []struct{ name, command, want string }{
		{"none", "cat", "No such file"},
		{"d", "mkdir", "not implemented"},
		{"f", "ls -l", "1 root"},
	} {
		if s := m.run(t, c.name, strings.Fields(c.command)...); !strings.Contains(s, c.want) {
			t.Errorf("%s %s: %q", c.command, c.name, s)
		}
	}
}

// TestBlocked wants reads that block to stop nobody else, whether they are said to
// be brief or not, and to end when who asked is killed.
func TestBlocked(t *testing.T) {
	for _, name := range []string{"slow", "liar"} {
		m := mount(t)
		var cmds []*exec.Cmd
		for range 12 {
			cmd, _ := m.start(t, name, "head", "-c4")
			cmds = append(cmds, cmd)
		}
		for range 5 {
			if s := m.run(t, "f", "cat"); s != "text" {
				t.Fatalf("%q", s)
			}
		}
		if !srvtest.Until(func() bool { return m.blocked.Load() == int32(len(cmds)) }) {
			t.Fatalf("%s: %d reads", name, m.blocked.Load())
		}
		m.release <- struct{}{}
		if !srvtest.Until(func() bool { return m.blocked.Load() == int32(len(cmds)-1) }) {
			t.Errorf("%s: nothing is released", name)
		}
		for _, cmd := range cmds {
			cmd.Process.Kill() // ^C is ignored where the tests run in a script's background
		}
		for _, cmd := range cmds {
			cmd.Wait()
		}
		if n := m.blocked.Load(); n != 0 {
			t.Errorf("%s: %d reads are still there", name, n)
		}
	}
}

// TestForgotten wants a file whose forgetting takes long, as that of a server's last may, to
// stop nobody.
func TestForgotten(t *testing.T) {
	m := mount(t)
	t.Cleanup(func() { close(m.release) })
	if !srvtest.Until(func() bool {
		cmd, _ := m.start(t, "gone", "stat")
		go cmd.Wait()
		return m.blocked.Load() > 0
	}) {
		t.Fatal("nothing is forgotten")
	}
	cmd, out := m.start(t, "f", "cat")
	timer := time.AfterFunc(srvtest.Patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil || out.String() != "text" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestMessages wants messages that are too short, have no names, or are none to be
// errors.
func TestMessages(t *testing.T) {
	fs := testFS{nosys{}, nil, &atomic.Int32{}, &atomic.Int32{}}
	c := &Conn{fs: fs, live: map[*request]struct{}{}, large: buffers{size: 1 << 20}, medium: buffers{size: 1 << 17}}
	r := c.enrol()
	for op := range opcode(100) {
		for n := int(unsafe.Sizeof(InHeader{})); n < 200; n++ {
			r.in = bytesOf(r.small[:])[:n]
			clear(r.in)
			for i := n - 20; i > 40 && i < n; i++ { // names without an end
				r.in[i] = 'a'
			}
			h := r.header()
			h.Opcode, h.NodeId = uint32(op), fileF
			r.begin()
			r.cancel.interrupt(0) // no read blocks
			r.do()
			r.done()
		}
	}
}
