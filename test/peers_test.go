package main

import (
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"9fans.net/go/plan9"
	plan9client "9fans.net/go/plan9/client"
	hugelgupf "github.com/hugelgupf/p9/p9"
	"github.com/knusbaum/go9p"
	knusbaum "github.com/knusbaum/go9p/fs"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// Foreign clients against our servers, and our client against foreign servers.

// listen serves a tree on a Unix socket and returns its path.
func listen(t *testing.T, root srv.File) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "9p.") // a short name: a socket's has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := srv.Announce("unix!" + socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.New(root).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func dialSocket(t *testing.T, socket string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const poem = "Glenda sits and thinks in blue,\nof files that are not, and files that do.\n"

// TestHugelgupfClient has hugelgupf/p9's client, a 9P2000.L one, make, list,
// read, rename and remove in our ramfs.
func TestHugelgupfClient(t *testing.T) {
	tree := ramfs.New()
	// It attaches without any user, that is as none.
	err := srvtest.Mount(t, tree, true).Wstat(context.Background(), p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o777})
	if err != nil {
		t.Fatal(err)
	}
	c, err := hugelgupf.NewClient(dialSocket(t, listen(t, tree)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	walk := func(names ...string) hugelgupf.File {
		t.Helper()
		_, f, err := root.Walk(names)
		if err != nil {
			t.Fatalf("walk %q: %v", names, err)
		}
		return f
	}
	if _, err := root.Mkdir("d", 0o755, hugelgupf.UID(os.Getuid()), hugelgupf.GID(os.Getgid())); err != nil {
		t.Fatal(err)
	}
	d := walk("d")
	defer d.Close()
	f, _, _, err := walk("d").Create("poem", hugelgupf.ReadWrite, 0o644, hugelgupf.NoUID, hugelgupf.NoGID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.WriteAt([]byte(poem), 0); n != len(poem) || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	buf := make([]byte, 1000)
	if n, err := f.ReadAt(buf, 0); string(buf[:n]) != poem || err != nil && err != io.EOF {
		t.Errorf("read: %q, %v", buf[:n], err)
	}
	if _, _, attr, err := f.GetAttr(hugelgupf.AttrMaskAll); err != nil || attr.Size != uint64(len(poem)) || attr.Mode.Permissions() != 0o644 {
		t.Errorf("getattr: %+v, %v", attr, err)
	}
	f.Close()
	if err := d.RenameAt("poem", d, "verse"); err != nil {
		t.Errorf("rename: %v", err)
	}
	l := walk("d")
	if _, _, err := l.Open(hugelgupf.ReadOnly); err != nil {
		t.Fatal(err)
	}
	if ents, err := l.Readdir(0, 8192); err != nil || len(ents) != 1 || ents[0].Name != "verse" {
		t.Errorf("readdir: %v, %v", ents, err)
	}
	l.Close()
	if err := root.UnlinkAt("d", 0x200); err == nil {
		t.Error("a directory with a file in it was removed")
	}
	if err := d.UnlinkAt("verse", 0); err != nil {
		t.Errorf("unlink: %v", err)
	}
	if _, f, err := d.Walk([]string{"verse"}); err == nil { // it does not see that a longer walk was cut short
		t.Error("the file is still there")
		f.Close()
	}
}

// TestPlan9Client has 9fans.net/go's client, a 9P2000 one, do the same.
func TestPlan9Client(t *testing.T) {
	c, err := plan9client.NewConn(dialSocket(t, listen(t, ramfs.New())))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := c.Attach(nil, me.Username, "")
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	d, err := fsys.Create("/d", plan9.OREAD, plan9.DMDIR|0o755)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	f, err := fsys.Create("/d/poem", plan9.ORDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte(poem)); n != len(poem) || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	buf := make([]byte, 1000)
	if n, err := f.ReadAt(buf, 0); string(buf[:n]) != poem || err != nil && err != io.EOF {
		t.Errorf("read: %q, %v", buf[:n], err)
	}
	f.Close()
	var change plan9.Dir
	change.Null()
	change.Name = "verse"
	if err := fsys.Wstat("/d/poem", &change); err != nil {
		t.Errorf("wstat: %v", err)
	}
	if d, err = fsys.Open("/d", plan9.OREAD); err != nil {
		t.Fatal(err)
	}
	ents, err := d.Dirreadall()
	if err != nil || len(ents) != 1 || ents[0].Name != "verse" || ents[0].Length != uint64(len(poem)) || ents[0].Uid != me.Username {
		t.Errorf("list: %v, %v", ents, err)
	}
	d.Close()
	if err := fsys.Remove("/d"); err == nil || err.Error() != p9.ErrNotEmpty.Ename {
		t.Errorf("remove of a directory with a file in it: %v", err)
	}
	if err := fsys.Remove("/d/verse"); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, err := fsys.Stat("/d/verse"); err == nil {
		t.Error("the file is still there")
	}
}

// program finds a program of a Debian package or skips the test.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("Debian's %s is missing: %v", pkg, err)
	}
	return path
}

// export fills a directory of this machine.
func export(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"poem": poem, "big": strings.Repeat(poem, 5000), "d/e": "e"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDiodClients has diod's 9P2000.L clients read our diskfs.
func TestDiodClients(t *testing.T) {
	ls, cat := program(t, "diodls", "diod"), program(t, "diodcat", "diod")
	root, err := diskfs.New(export(t))
	if err != nil {
		t.Fatal(err)
	}
	socket := listen(t, root)
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, append([]string{"-t", "30", "-s", socket, "-a", "/"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	names := strings.Fields(run(ls))
	slices.Sort(names)
	if want := []string{"big", "d", "poem"}; !slices.Equal(slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") }), want) {
		t.Errorf("diodls: %q, want %q", names, want)
	}
	if out := run(ls, "-l"); strings.Count(out, "poem") != 1 {
		t.Errorf("diodls -l:\n%s", out)
	}
	if got := run(cat, "poem", "big"); got != poem+strings.Repeat(poem, 5000) {
		t.Errorf("diodcat: %d bytes", len(got))
	}
}

// TestDiodServer has our client, and the command 9p on top of it, use a diod.
func TestDiodServer(t *testing.T) {
	diod := program(t, "diod", "diod")
	dir := export(t)
	run, err := os.MkdirTemp("/tmp", "9p.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	socket := filepath.Join(run, "s")
	log, err := os.Create(filepath.Join(run, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(diod, "-f", "-n", "-c", "/dev/null", "-L", "stderr", "-l", socket, "-e", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = run // for its core, should it crash
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("diod: %v\n%s", cmd.ProcessState, text)
		}
	}()
	ctx := context.Background()
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(ctx, "unix!"+socket, nil); return err == nil }) {
		t.Fatal(err)
	}
	defer c.Close()
	if !c.DotL() {
		t.Error("diod speaks 9P2000.L, we agreed on 9P2000")
	}
	root, err := c.Attach(ctx, nil, "", dir)
	if err != nil {
		t.Fatal(err)
	}
	use(t, root, true)
	if got, err := (client.Fsys{Root: root}).ReadFile(ctx, "big"); err != nil || string(got) != strings.Repeat(poem, 5000) {
		t.Errorf("big: %d bytes, %v", len(got), err)
	}
	if nine := binary(t); has9p(t, nine) {
		out, err := exec.Command(nine, "9p", "-l", "-a", "unix!"+socket, "-A", dir, "read", "/poem").CombinedOutput()
		if err != nil || string(out) != poem {
			t.Errorf("nine 9p: %v\n%s", err, out)
		}
	}
}

func has9p(t *testing.T, nine string) bool {
	t.Helper()
	out, err := exec.Command(nine, "man").Output()
	return err == nil && strings.Contains("\n"+string(out), "\n9p ")
}

// use lists and reads what export made, walks wrongly, and, if it may, changes.
func use(t *testing.T, root *client.Fid, writable bool) {
	t.Helper()
	ctx := context.Background()
	fsys := client.Fsys{Root: root}
	var names []string
	ents, err := fsys.ReadDir(ctx, "/")
	for _, e := range ents {
		names = append(names, e.Name)
	}
	if err != nil || !slices.Contains(names, "poem") {
		t.Errorf("list: %q, %v", names, err)
	}
	if b, err := fsys.ReadFile(ctx, "poem"); err != nil || string(b) != poem {
		t.Errorf("read: %q, %v", b, err)
	}
	f, st, err := root.WalkStat(ctx, "poem")
	if err != nil || st.Name != "poem" || st.Length != uint64(len(poem)) {
		t.Errorf("stat: %+v, %v", st, err)
	} else {
		f.Clunk(ctx)
	}
	if _, err := root.Walk(ctx, "none"); err == nil {
		t.Error("a file that is not there was walked to")
	}
	if !writable {
		return
	}
	for _, err := range []error{
		fsys.Mkdir(ctx, "new", 0o755),
		fsys.WriteFile(ctx, "new/a", []byte(poem), 0o644),
		fsys.Rename(ctx, "new/a", "new/b"),
		fsys.Wstat(ctx, "new/b", p9.Wstat{Valid: p9.WLength, Length: 6}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if b, err := fsys.ReadFile(ctx, "new/b"); err != nil || string(b) != poem[:6] {
		t.Errorf("new/b: %q, %v", b, err)
	}
	if err := fsys.Remove(ctx, "new/b"); err != nil {
		t.Error(err)
	}
	if err := fsys.Remove(ctx, "new"); err != nil {
		t.Error(err)
	}
}

// TestKnusbaumServer has our client read from a knusbaum/go9p server. That never
// answers a version that it does not know, so 9P2000 is all that is tried.
func TestKnusbaumServer(t *testing.T) {
	fsys, dir := knusbaum.NewFS("glenda", "glenda", 0o777)
	if err := dir.AddChild(knusbaum.NewStaticFile(fsys.NewStat("poem", "glenda", "glenda", 0o444), []byte(poem))); err != nil {
		t.Fatal(err)
	}
	a, b := srvtest.Pair(t)
	done := make(chan error, 1)
	go func() { done <- go9p.ServeReadWriter(b, b, fsys.Server()) }()
	ctx := context.Background()
	c, err := client.New(ctx, a, &client.Options{Version: p9.Version9P2000, Msize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Attach(ctx, nil, "glenda", "")
	if err != nil {
		t.Fatal(err)
	}
	use(t, root, false)
	c.Close()
	<-done
}
