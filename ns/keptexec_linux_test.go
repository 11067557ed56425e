package ns

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// programRoot makes a root with a program and what it needs, and tells how many files that is.
func programRoot(t *testing.T, program string) (root string, files int) {
	cache, err := os.ReadFile(ldCache)
	if err != nil {
		t.Skip("no list of glibc's loader here: ", err)
	}
	root = t.TempDir()
	list, done := ldList(cache), map[string]bool{}
	for name, text := range map[string]string{os.DevNull: "", "/etc/passwd": "root:x:0:0::/:/bin/sh\n"} { // which ssh wants
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for todo := []string{program, ldCache}; len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if done[name] {
			continue
		}
		done[name] = true
		b, err := os.ReadFile(name)
		if err != nil {
			t.Skip(err)
		}
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, b, 0o755); err != nil {
			t.Fatal(err)
		}
		n := elfNeeds(bytes.NewReader(b))
		if n.interp != "" {
			todo = append(todo, n.interp)
		}
		for _, lib := range n.libs {
			todo = append(todo, list[lib][0])
		}
	}
	return root, len(done)
}

// TestKeptExec: who runs a program of a root that is far away waits for its libraries together,
// not for one after the other, and what was asked for ahead is asked for once.
func TestKeptExec(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root, who may change the root")
	}
	root, files := programRoot(t, "/usr/bin/ssh")
	l := srvtest.NewLink(t, srv.New(onDisk(t, root)), 10*time.Millisecond)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	m.sh(t, "/n/x", "test -e usr/bin") // the lease has begun, and it is known how far away the server is
	l.Traffic()
	const run = "chroot . /usr/bin/ssh -V 2>&1 | grep OpenSSH"
	m.sh(t, "/n/x", run)
	first := l.Traffic()
	m.sh(t, "/n/x", run)
	again := l.Traffic()
	t.Logf("%d files: first %v; again %v", files, first, again)
	if first.Trips > 26 { // 16; in turn it is 34
		t.Errorf("first: %v", first)
	}
	if again.Of[p9.Tread] > first.Of[p9.Tread]/4 {
		t.Errorf("again: %v", again)
	}
}
