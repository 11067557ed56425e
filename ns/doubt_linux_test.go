package ns

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv/srvtest"
)

// A testKernel is the kernel's end of a fuseFS: what that tells comes out in order.
type testKernel struct {
	fd     int
	served chan struct{}
}

// Numbers of the protocol; <linux/fuse.h>.
const (
	fuseLookup     = 1
	fuseInit       = 26
	fuseInvalEntry = 3
)

func newTestKernel(t *testing.T, f *fuseFS, fs devfuse.FS) *testKernel {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &testKernel{fds[1], make(chan struct{})}
	var init [16]uint32
	const ext = 30
	init[0], init[1], init[3], init[4] = 7, 45, 1<<ext, devfuse.CapExpireOnly>>32
	k.send(t, fuseInit, 0, string(unsafe.Slice((*byte)(unsafe.Pointer(&init)), len(init)*4)))
	if err := f.agree(fds[0], fs); err != nil || !f.exp {
		t.Fatal(err, f.exp)
	}
	k.hear(t)
	go func() {
		defer close(k.served)
		f.conn.Serve()
	}()
	t.Cleanup(func() {
		unix.Close(k.fd)
		<-k.served
		for _, n := range f.nodes {
			n.ch.close()
		}
	})
	return k
}

func (k *testKernel) send(t *testing.T, op uint32, node uint64, rest string) {
	t.Helper()
	h := devfuse.InHeader{Opcode: op, Unique: 2, NodeId: node}
	h.Len = uint32(unsafe.Sizeof(h)) + uint32(len(rest))
	b := append(unsafe.Slice((*byte)(unsafe.Pointer(&h)), unsafe.Sizeof(h)), rest...)
	if _, err := unix.Write(k.fd, b); err != nil {
		t.Fatal(err)
	}
}

// hear gives the next message's code, 0 for an answer.
func (k *testKernel) hear(t *testing.T) (code int32, body []byte) {
	t.Helper()
	b := make([]byte, 4096)
	n, err := unix.Read(k.fd, b)
	if err != nil || n < 16 {
		t.Fatal(n, err)
	}
	return int32(binary.NativeEndian.Uint32(b[4:])), b[16:n]
}

// directory gives a node of a directory that is looked up in another, and its device.
func (f *fuseFS) directory(t *testing.T, in uint64, name string) (uint64, *Dev) {
	t.Helper()
	var out devfuse.EntryOut
	if s := f.Lookup(&devfuse.Cancel{}, &devfuse.InHeader{NodeId: in}, name, &out); s != 0 {
		t.Fatal(name, s)
	}
	n, c := f.node(out.NodeId)
	defer c.close()
	return n.id, c.dev
}

// TestDoubtOrder has who gets a lock doubt all attributes before the first name: by that thread
// the next one is told that there is nothing to doubt any more.
func TestDoubtOrder(t *testing.T) {
	const most = 1000
	g := newGroup(t, tree("dir/"))
	f := newFuseFS(g.eng)
	k := newTestKernel(t, f, f)
	root, _ := f.directory(t, devfuse.RootId, groupDir(g.id))
	id, d := f.directory(t, root, "dir")
	d.told.done(d.told.all(nameTimeout))
	d.told.add(id, true, nameTimeout)
	for i := range uint64(most) { // their nodes are gone, but that is no matter to a test of the order
		f.mu.Lock()
		f.nodes[1000+i] = &node{fs: f, id: 1000 + i, dir: true, ch: f.nodes[id].ch.hold()}
		f.mu.Unlock()
		d.told.add(1000+i, false, nameTimeout)
	}
	done := begin(func() { f.doubtDirs(d, nil) })
	var attrs []uint64 // that are doubted before the name
	named := false
	for range most + 2 {
		code, body := k.hear(t)
		if named = named || code == fuseInvalEntry; !named {
			attrs = append(attrs, binary.NativeEndian.Uint64(body))
		}
	}
	if len(attrs) != most+1 || !slices.Contains(attrs, id) {
		t.Errorf("a name is doubted after the attributes of %d directories, not %d", len(attrs), most+1)
	}
	<-done
	if left := d.told.all(nameTimeout); len(left) > 0 {
		t.Errorf("%d are to be doubted still", len(left))
	}
}

// lateFS answers a look at a name late.
type lateFS struct {
	*fuseFS
	found, answer chan struct{}
}

func (l *lateFS) Lookup(cancel *devfuse.Cancel, in *devfuse.InHeader, name string, out *devfuse.EntryOut) syscall.Errno {
	s := l.fuseFS.Lookup(cancel, in, name, out)
	l.found <- struct{}{}
	<-l.answer
	return s
}

// TestDoubtAnswer has the kernel be told of a name before that is doubted, where both are about
// to be: else it would believe it.
func TestDoubtAnswer(t *testing.T) {
	g := newGroup(t, tree("dir/"))
	f := newFuseFS(g.eng)
	l := &lateFS{f, make(chan struct{}), make(chan struct{})}
	k := newTestKernel(t, f, l)
	root, _ := f.directory(t, devfuse.RootId, groupDir(g.id))
	_, d := f.directory(t, root, "dir")
	k.send(t, fuseLookup, root, "dir\x00")
	<-l.found
	was := f.doubts.Load()
	done := begin(func() { f.doubtDirs(d, nil) })
	if !srvtest.Until(func() bool { return f.doubts.Load() > was }) {
		t.Fatal("nothing is doubted")
	}
	time.Sleep(50 * time.Millisecond) // in which it would be
	close(l.answer)
	if code, _ := k.hear(t); code != 0 {
		t.Errorf("%d is told before the answer", code)
	}
	k.hear(t)
	<-done
}

// TestOwed has others change a directory while a request is on its way about it: of the names in it
// the kernel is told when that is answered.
func TestOwed(t *testing.T) {
	g := newGroup(t, tree("dir/"))
	f := newFuseFS(g.eng)
	k := newTestKernel(t, f, f)
	wait := unix.NsecToTimeval(int64(srvtest.Patience))
	if err := unix.SetsockoptTimeval(k.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		t.Fatal(err)
	}
	root, _ := f.directory(t, devfuse.RootId, groupDir(g.id))
	_, d := f.directory(t, root, "dir")
	r := f.begin(&devfuse.Cancel{}, &devfuse.InHeader{NodeId: root})
	f.forgotten(d.id, nil, true)
	k.send(t, fuseLookup, root, "dir\x00")
	for code := int32(-1); code != 0; {
		if code, _ = k.hear(t); code == fuseInvalEntry {
			t.Fatal("a name is told of whose directory is locked")
		}
	}
	r.end()
	for code := int32(0); code != fuseInvalEntry; {
		code, _ = k.hear(t)
	}
	if f.owed.any.Load() {
		t.Error("there are names still that are owed")
	}
}
