package diskfs

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// outside makes a directory with a secret and an export beside it.
func outside(t *testing.T) (dir string, r *root) {
	dir = t.TempDir()
	write(t, dir+"/secret", "secret")
	must(0, os.Mkdir(dir+"/export", 0o755))(t)
	must(0, os.Mkdir(dir+"/export/d", 0o755))(t)
	return dir, serve(t, dir+"/export")
}

func TestEscapeNames(t *testing.T) {
	dir, r := outside(t)
	d := walk(t, r, "d").(*entry)
	write(t, dir+"/export/f", "")
	for _, name := range []string{"..", ".", "", "../secret", "/etc/passwd", "d/../../secret", "d/x", "a\x00b", strings.Repeat("x", 256)} {
		for what, do := range map[string]func() error{
			"walk":       func() error { _, err := r.Walk(bg, name); return err },
			"create":     func() error { _, _, err := r.Create(bg, name, 0o644, p9.ORDWR); return err },
			"mkdir":      func() error { _, _, err := r.Create(bg, name, fs.ModeDir|0o755, p9.OREAD); return err },
			"symlink":    func() error { _, err := r.Symlink(bg, name, "x"); return err },
			"mknod":      func() error { _, err := r.Mknod(bg, name, fs.ModeNamedPipe|0o600, 0); return err },
			"link":       func() error { return d.Link(bg, walk(t, r, "f"), name) },
			"unlink":     func() error { return r.Unlink(bg, name, false) },
			"rmdir":      func() error { return r.Unlink(bg, name, true) },
			"rename":     func() error { return r.Rename(bg, name, r, "x") },
			"rename to":  func() error { return r.Rename(bg, "f", r, name) },
			"rename dir": func() error { return r.Rename(bg, "d", r, name) },
		} {
			if do() == nil {
				t.Errorf("%s %q works", what, name)
			}
		}
	}
	// Were CheckName not there, the kernel would hold walks all the same.
	for _, name := range []string{"..", "../secret", "/etc/passwd", "d/../../secret"} {
		fd, err := r.beneath(name, unix.O_PATH, 0)
		if err == nil {
			unix.Close(fd)
			t.Errorf("openat2 %q works", name)
		}
	}
}

func TestEscapeLinks(t *testing.T) {
	dir, r := outside(t)
	for name, target := range map[string]string{"up": "..", "abs": "/etc", "rel": "../secret", "magic": "/proc/self/root", "d/deep": "../../secret"} {
		must(0, os.Symlink(target, dir+"/export/"+name))(t)
		l := walk(t, r, name)
		if q := stat(t, l).Qid; q.Type != p9.QTSYMLINK {
			t.Errorf("%s is walked to as %v", name, q)
		}
		_, err := srv.Open(bg, l, p9.OREAD)
		wantErr(t, "open of "+name, err, unix.ELOOP)
		_, err = srv.Open(bg, l, p9.OWRITE|p9.OTRUNC)
		wantErr(t, "open of "+name, err, unix.ELOOP)
		_, err = srv.Walk(bg, l, "passwd")
		wantErr(t, "walk through "+name, err, unix.ENOTDIR)
		if !strings.Contains(name, "/") {
			if _, _, err := r.Create(bg, name, 0o644, p9.OWRITE|p9.OTRUNC); err == nil {
				t.Errorf("create over %s works", name)
			}
		}
		wantErr(t, "truncate through "+name, srv.Wstat(bg, l, p9.Wstat{Valid: p9.WLength}), unix.EINVAL)
		if os.Getuid() == 0 { // chown changes the link itself
			must(0, srv.Wstat(bg, l, p9.Wstat{Valid: p9.WUid, Nuid: 4242}))(t)
		}
	}
	var st unix.Stat_t
	must(0, unix.Stat(dir+"/secret", &st))(t)
	if b := must(os.ReadFile(dir + "/secret"))(t); string(b) != "secret" || st.Uid == 4242 {
		t.Errorf("the secret is changed: %q, uid %d", b, st.Uid)
	}
	// Magic links of a proc in the tree.
	p := serve(t, "/proc")
	for _, name := range []string{"self/root", "self/cwd", "self/exe", "self/fd/0"} {
		pid := must(walk(t, p, "self").(srv.Readlinker).Readlink(bg))(t)
		l := walk(t, p, strings.Replace(name, "self", pid, 1))
		_, err := srv.Open(bg, l, p9.OREAD)
		wantErr(t, "open of "+name, err, unix.ELOOP)
		_, err = srv.Walk(bg, l, "etc")
		wantErr(t, "walk through "+name, err, unix.ENOTDIR)
	}
}

// TestEscapeSwap walks and opens a name that another changes between a file and
// a link out of the tree, and a directory of a path likewise.
func TestEscapeSwap(t *testing.T) {
	dir, r := outside(t)
	write(t, dir+"/export/d/secret", "inside")
	write(t, dir+"/export/f", "inside")
	must(0, os.Symlink("../secret", dir+"/export/l"))(t)
	must(0, os.Symlink("..", dir+"/export/up"))(t)
	ctx, cancel := context.WithCancel(bg)
	var wg sync.WaitGroup
	for _, s := range [][2]string{{"f", "l"}, {"d", "up"}} {
		wg.Go(func() {
			for ctx.Err() == nil {
				unix.Renameat2(unix.AT_FDCWD, dir+"/export/"+s[0], unix.AT_FDCWD, dir+"/export/"+s[1], unix.RENAME_EXCHANGE)
			}
		})
	}
	check := func(h srv.Handle) {
		if s := read(t, h); s != "inside" {
			t.Errorf("read outside: %q", s)
		}
		srv.Clunk(h)
	}
	got := [3]int{}
	for i := 0; i < 20000 && (i < 5000 || got[0]*got[1]*got[2] == 0); i++ {
		if f, err := r.Walk(bg, "f"); err == nil {
			if h, err := srv.Open(bg, f, p9.OREAD); err == nil {
				check(h)
				got[0]++
			}
			srv.Clunk(f)
		}
		if f, h, err := r.Create(bg, "f", 0o644, p9.OREAD); err == nil {
			_ = f
			check(h)
			got[1]++
		}
		if d, err := r.Walk(bg, "d"); err == nil {
			if f, err := srv.Walk(bg, d, "secret"); err == nil {
				if h, err := srv.Open(bg, f, p9.OREAD); err == nil {
					check(h)
					got[2]++
				}
				srv.Clunk(f)
			}
			srv.Clunk(d)
		}
	}
	cancel()
	wg.Wait()
	if got[0]*got[1]*got[2] == 0 {
		t.Errorf("nothing was ever opened: %v", got)
	}
}

// TestMovedOut: a directory that leaves the tree while a fid is in it is still
// the fid's, downward only.
func TestMovedOut(t *testing.T) {
	dir, r := outside(t)
	write(t, dir+"/export/d/f", "mine")
	d := walk(t, r, "d")
	must(0, os.Rename(dir+"/export/d", dir+"/moved"))(t)
	if s := read(t, open(t, walk(t, d, "f"), p9.OREAD)); s != "mine" {
		t.Errorf("read: %q", s)
	}
	_, err := srv.Walk(bg, d, "..")
	if err == nil {
		t.Error("walk up works")
	}
	_, err = r.Walk(bg, "d")
	wantErr(t, "walk anew", err, fs.ErrNotExist)
}
