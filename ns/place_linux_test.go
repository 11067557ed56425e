package ns

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// TestPlaceLinks: nothing is mounted, unmounted or shown by a name on the way of which a symbolic
// link has come to be.
func TestPlaceLinks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"real/sub", "real/on", "from"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"from/mark", "real/file"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range [][2]string{{"real", "d"}, {"sub", "real/link"}, {"file", "real/flink"}} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	name := func(rel string) string { return filepath.Join(dir, rel) }
	there := func(rel string) bool {
		_, err := os.Lstat(name(rel + "/mark"))
		return err == nil
	}
	may, ended := make(chan bool, 1), make(chan bool)
	osthread.Go(func() {
		defer close(ended)
		if unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS) != nil || unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil {
			return
		}
		may <- true
		root, err := openName(unix.AT_FDCWD, dir, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(root)
		for _, at := range []int{unix.AT_FDCWD, root} {
			in := func(rel string) string {
				if at == root {
					return "/" + rel
				}
				return name(rel)
			}
			tree := func() int {
				fd, err := copyTree(unix.AT_FDCWD, name("from"))
				if err != nil {
					t.Error(err)
				}
				return fd
			}
			fd := tree()
			for _, to := range []string{"d/sub", "real/link"} {
				if err := attachAt(fd, at, in(to)); !errors.Is(err, unix.ELOOP) || there("real/sub") {
					t.Errorf("mounted at %s: %v", to, err)
				}
			}
			if err := attachAt(fd, at, in("real/sub")); err != nil || !there("real/sub") {
				t.Errorf("mounted at real/sub: %v", err)
			}
			unix.Close(fd)
			if err := detach(name("d/sub")); !errors.Is(err, unix.ELOOP) || !there("real/sub") {
				t.Errorf("unmounted by d/sub: %v", err)
			}
			if err := detach(name("real/link")); err == nil || !there("real/sub") {
				t.Errorf("unmounted by real/link: %v", err)
			}
			if err := detach(name("real/sub")); err != nil || there("real/sub") {
				t.Errorf("unmounted: %v", err)
			}
		}
		for from, want := range map[string]error{"d/sub": unix.ELOOP, "real/link": unix.ELOOP, "real/flink": unix.ELOOP, "real/file": nil, "real/on": nil} {
			fd, err := copyTree(unix.AT_FDCWD, name(from))
			if err != want {
				t.Errorf("a copy of %s: %v, not %v", from, err, want)
			}
			if err == nil {
				unix.Close(fd)
			}
		}
	})
	<-ended
	if len(may) == 0 {
		t.Skip("no right to mount namespaces")
	}
}
