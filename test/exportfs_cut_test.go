package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// export starts an exportfs in cpud's place.
func (f *fleet) export(args ...string) { f.listen("exportfs", args...) }

// take imports a tree through a port and gives its root.
func (f *fleet) take(port, tree string) client.Fsys {
	f.Helper()
	cmd := f.command("import", "-s", "taken", "-u", "glenda", "tcp!127.0.0.1!"+port, tree)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if f.Failed() {
			f.Logf("import: %s", &errs)
		}
	})
	socket := filepath.Join(f.dir, "ns", "taken")
	waitFor(f.T, f.ctx, func() bool { _, err := os.Stat(socket); return err == nil })
	c, err := client.Dial(f.ctx, "unix!"+socket, &client.Options{Version: p9.Version9P2000L})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	root, err := c.Attach(f.ctx, nil, "", "")
	if err != nil {
		f.Fatal(err)
	}
	return client.Fsys{Root: root}
}

// TestImportCut copies a file there and back by an import whose link is cut again and again:
// it comes back as it was. With $NINE_LONG it is 1 GiB and there are a hundred cuts.
func TestImportCut(t *testing.T) {
	f := newFleet(t)
	f.export()
	size, cuts := int64(64<<20), int64(20)
	if os.Getenv("NINE_LONG") != "" {
		size, cuts = 1<<30, 100
	}
	c := newCutter(t, "127.0.0.1:"+f.port, size/cuts/2)
	_, port, _ := net.SplitHostPort(c.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	tree := f.take(port, f.glenda)
	sum := sha256.New()
	to, err := tree.Create(f.ctx, "copy", 0o644, p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	to.WriteBehind(1 << 20)
	src := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, io.TeeReader(src, sum), make([]byte, 256<<10)); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sum.Sum(nil))
	sum.Reset()
	local, err := os.Open(filepath.Join(f.glenda, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if _, err := io.Copy(sum, local); err != nil || fmt.Sprintf("%x", sum.Sum(nil)) != want {
		t.Errorf("there it is another file: %v", err)
	}
	sum.Reset()
	from, err := tree.Open(f.ctx, "copy", p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	from.ReadAhead(1 << 20)
	n, err := io.CopyBuffer(struct{ io.Writer }{sum}, from, make([]byte, 256<<10))
	if err != nil || n != size || fmt.Sprintf("%x", sum.Sum(nil)) != want {
		t.Errorf("%d bytes come back, other than were sent: %v", n, err)
	}
	if n := c.cuts.Load(); n < cuts {
		t.Errorf("%d cuts", n)
	} else {
		t.Logf("%d cuts", n)
	}
}

// TestExportUser: a caller is the user that the key is for, and may what that one may.
func TestExportUser(t *testing.T) {
	f := newFleet(t)
	f.export()
	f.write("roots", "root's")
	if err := os.Chmod(filepath.Join(f.dir, "roots"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := f.take(f.port, "")
	if _, err := tree.ReadFile(f.ctx, strings.TrimPrefix(f.dir, "/")+"/roots"); err == nil {
		t.Error("glenda reads what is root's")
	}
	if err := tree.WriteFile(f.ctx, strings.TrimPrefix(f.glenda, "/")+"/new", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(f.glenda, "new"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := fi.Sys().(*syscall.Stat_t).Uid; uid != glendaUid {
		t.Errorf("the file is user %d's", uid)
	}
	for _, user := range []string{"root", "eve", "nobody"} {
		out, err := f.command("import", "-s", "x", "-u", user, f.addr, "/").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "refused") {
			t.Errorf("as %s: %s", user, out)
		}
	}
}
