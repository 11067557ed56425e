package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A mount is one way to mount one server, and what is tested through it.
type mount struct {
	name   string
	server string // by which the arguments name its port
	opts   string // beside those of its transport
	items  string
	on     func(t *T, dir string) // mounts it
}

// Plain 9P2000 knows users by names alone: all is done as root, and v9fs shows all
// files as those of dfltuid.
const plain = "version=9p2000,uname=root,dfltuid=0,dfltgid=0,access=any"

var mounts = []mount{
	{"ramfs-L", "ramfs", "version=9p2000.L,access=user,cache=none", "errno random locks xattr users many sizes direct mmap stress-ng kind", nil},
	{"ramfs-L-mmap", "ramfs", "version=9p2000.L,access=user,cache=mmap", "random mmap", nil},
	{"ramfs-L-loose", "ramfs", "version=9p2000.L,access=user,cache=loose", "random mmap dbench kind", nil},
	{"ramfs-L-client", "ramfs", "version=9p2000.L,access=client,posixacl,cache=none", "users xattr", nil},
	{"diskfs-L", "diskfs", "version=9p2000.L,access=user,cache=none,msize=16384", "errno random locks xattr users many sizes direct mmap dbench", nil},
	{"diskfs-L-loose", "diskfs", "version=9p2000.L,access=user,cache=loose", "random mmap stress-ng", nil},
	{"ramfs-9P2000", "ramfs", plain + ",cache=none", "errno random many sizes", nil},
	{"diskfs-9P2000", "diskfs", plain + ",cache=none", "errno random many sizes", nil},
	{"diskfs-9P2000-loose", "diskfs", plain + ",cache=loose", "random", nil},
	{"errors-L", "errors", "version=9p2000.L,access=user,cache=none", "errors", nil},
	{"errors-9P2000", "errors", plain + ",cache=none", "errors", nil},
	{"readonly-L", "readonly", "version=9p2000.L,access=user,cache=none", "readonly", nil},
	{"readonly-9P2000", "readonly", plain + ",cache=none", "readonly", nil},
	{"full-L", "full", "version=9p2000.L,access=user,cache=none", "full", nil},
	{"full-9P2000", "full9", plain + ",cache=none", "full", nil},
}

func (m *mount) dotl() bool { return strings.Contains(m.opts, "2000.L") }

// cached tells whether the kernel holds pages of the mount's files.
func (m *mount) cached() bool { return !strings.Contains(m.opts, "cache=none") }

// items are what a mount may list. Each gets a directory of its own on the mount
// and one on the local file system to compare with.
var items = map[string]func(t *T, m *mount, dir, ref string){
	"errno":     testErrno,
	"errors":    testErrors,
	"random":    testRandom,
	"locks":     testLocks,
	"xattr":     testXattr,
	"users":     testUsers,
	"many":      testMany,
	"sizes":     testSizes,
	"direct":    testDirect,
	"mmap":      testMmap,
	"dbench":    testDbench,
	"stress-ng": testStress,
	"readonly":  testReadOnly,
	"full":      testFull,
	"kind":      testKind,
}

func tests(t *T, ports map[string]string) error {
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	opts := "trans=tcp,version=9p2000.L,cache=loose,port=" + ports["tools"]
	if err := unix.Mount("10.0.2.2", tools, "9p", 0, opts); err != nil {
		return fmt.Errorf("mount %s -o %s: %w", tools, opts, err)
	}
	for _, m := range mounts {
		m.on = func(t *T, dir string) { t.mount(dir, "10.0.2.2", "trans=tcp,port="+ports[m.server]+","+m.opts) }
		t.Run(m.name, m.test)
	}
	for _, trans := range []string{"unix", "fd"} {
		m := mount{name: "nine-" + trans, opts: "version=9p2000.L,access=user,cache=none", items: "random users"}
		t.Run(m.name, func(t *T) {
			socket := nine(t)
			m.on = func(t *T, dir string) {
				if trans == "unix" {
					t.mount(dir, socket, "trans=unix,"+m.opts)
				} else {
					mountFd(t, dir, socket, m.opts)
				}
			}
			m.test(t)
		})
	}
	return nil
}

// test mounts and runs the mount's items.
func (m *mount) test(t *T) {
	dir := "/mnt/" + m.name
	t.ok(os.MkdirAll(dir, 0o755))
	m.on(t, dir)
	for _, item := range strings.Fields(m.items) {
		t.Run(item, func(t *T) {
			work, ref := filepath.Join(dir, m.name+"."+item), filepath.Join("/ref", m.name+"."+item)
			if item == "readonly" || item == "errors" { // as the host made it
				work = dir
			} else {
				t.ok(os.Mkdir(work, 0o755))
			}
			t.ok(os.Mkdir(ref, 0o755))
			// Without a cache the kernel asks for each directory on the way to a file, at
			// every use, save for one that is mounted on.
			near := filepath.Join("/near", filepath.Base(work))
			t.ok(os.MkdirAll(near, 0o755))
			t.ok(unix.Mount(work, near, "", unix.MS_BIND, ""))
			t.unmount(near)
			items[item](t, m, near, ref)
			if item == "random" && !t.failed { // what the server has, not the cache
				same(t, m, filepath.Join(m.again(t), filepath.Base(work)), ref)
				t.empty(near)
			}
		})
	}
}

// empty removes all that is in a directory.
func (t *T) empty(dir string) {
	ents, err := os.ReadDir(dir)
	t.ok(err)
	for _, e := range ents {
		t.ok(os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if left := list(dir); left != "" {
		t.Errorf("not removed: %s", left)
	}
}

// again mounts the server once more, as another client of it, until the item's
// end.
func (m *mount) again(t *T) (dir string) {
	unix.Sync()
	dir = "/mnt/" + m.name + ".again"
	t.ok(os.MkdirAll(dir, 0o755))
	m.on(t, dir)
	return dir
}

// mount mounts until the item's end.
func (t *T) mount(dir, source, opts string) {
	start := time.Now()
	if err := unix.Mount(source, dir, "9p", 0, opts); err != nil {
		t.Fatalf("mount %s -o %s: %v", source, opts, err)
	}
	t.Logf("mounted in %d ms", time.Since(start).Milliseconds())
	t.unmount(dir)
}

// unmount unmounts at the item's end.
func (t *T) unmount(dir string) {
	t.Cleanup(func() {
		// A process that another goroutine is about to start has our files open for
		// a moment.
		t.until("unmount "+dir, func() bool { return unix.Unmount(dir, 0) == nil })
	})
}

// mountFd connects itself and mounts by the connection's descriptor, which the
// mount keeps.
func mountFd(t *T, dir, socket, opts string) {
	c, err := net.Dial("unix", socket)
	t.ok(err)
	defer c.Close()
	f, err := c.(*net.UnixConn).File()
	t.ok(err)
	defer f.Close()
	t.mount(dir, "none", fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%[1]d,%s", f.Fd(), opts))
}

// nine starts the binary's ramfs in the guest and returns its socket.
func nine(t *T) string {
	socket := fmt.Sprintf("/run/nine.%d", time.Now().UnixNano())
	cmd := exec.Command("/bin/nine", "ramfs", "-l", "unix!"+socket)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = []string{"GOMAXPROCS=1"} // there is one processor
	t.ok(cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("nine ramfs: %v", err)
		}
	})
	t.until("nine's socket", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket
}

// until waits for a condition.
func (t *T) until(what string, cond func() bool) {
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after 20 s", what)
		}
	}
}
