package factotum

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/factotum"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	if err := Main(t.Context(), [3]*os.File{}, []string{"-l", "tcp!*!5640"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("at a network: %v", err)
	}
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		f, err := root.WalkOpen(t.Context(), p9.ORDWR, "ctl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(t.Context(), []byte("key proto=pass user=u !password=p"), 0); err != nil {
			t.Error(err)
		}
	})
}

// TestGetKey has -g ask for a key, and give it to the one that is posted.
func TestGetKey(t *testing.T) {
	t.Setenv("NAMESPACE", t.TempDir())
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("glenda\nit's a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	std := [3]*os.File{in, os.Stdout, os.Stderr}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Main(ctx, std, nil) }()
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(t.Context(), "factotum", nil); return err == nil }) {
		t.Fatal(err)
	}
	defer func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := Main(t.Context(), std, []string{"-g", "proto=pass", "user?", "server=a b", "!password?"}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	f, err := root.WalkOpen(t.Context(), p9.OREAD, "ctl")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Read(t.Context(), b, 0); string(b[:n]) != "key proto=pass user=glenda server='a b' !password?\n" {
		t.Errorf("%q", b[:n])
	}
	r, err := root.WalkOpen(t.Context(), p9.ORDWR, "rpc")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][2]string{{"start proto=pass", "ok"}, {"read", "ok glenda 'it''s a secret'"}} {
		if _, err := r.Write(t.Context(), []byte(x[0]), 0); err != nil {
			t.Fatal(err)
		}
		if n, _ := r.Read(t.Context(), b, 0); string(b[:n]) != x[1] {
			t.Errorf("%s: %q", x[0], b[:n])
		}
	}
	if err := Main(t.Context(), std, []string{"-g"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-g without attributes: %v", err)
	}
}

// TestLoad has keys of ssh, one with a certificate and one sealed, and an agent.
// TestGetKeyOurs: no key is given to who posted himself where everybody can.
func TestGetKeyOurs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("NAMESPACE", dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "factotum"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // a dial would be refused
	for name, want := range map[string]bool{"factotum": true, "/srv/factotum": true, "unix!" + dir + "/factotum": true, "unix!/nosuch/factotum": false} {
		err := writeCtl(t.Context(), name, []byte("key proto=pass !password=secret"))
		if err == nil || strings.Contains(err.Error(), "yours alone") != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not here: Debian's package openssh-client")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("NAMESPACE", t.TempDir())
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(home, "agent"))
	t.Setenv("SSH_ASKPASS_REQUIRE", "never")
	dir := filepath.Join(home, ".ssh")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"-q -N  -f id_ecdsa -t ecdsa", "-q -N  -f id_ed25519 -t ed25519", "-q -N  -f ca -t ed25519", "-q -N sesame -f id_rsa -t rsa", "-q -s ca -I me -n root id_ed25519.pub"} {
		cmd := exec.Command("ssh-keygen", strings.Split(args, " ")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", args, err, out)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	errs, err := os.Create(filepath.Join(home, "errors"))
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Main(ctx, [3]*os.File{null, null, errs}, []string{"-k", "-A", filepath.Join(home, "agent")})
	}()
	var out []byte
	if !srvtest.Until(func() bool { out, err = exec.Command("ssh-add", "-l").CombinedOutput(); return err == nil }) {
		t.Fatalf("%s", out)
	}
	for _, want := range []string{"(ECDSA)", "(ED25519)", "(ED25519-CERT)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	for _, name := range []string{"id_ecdsa.pub", "id_ed25519.pub", "id_ed25519-cert.pub"} {
		if out, err := exec.Command("ssh-add", "-T", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(errs.Name()); !strings.Contains(string(b), "id_rsa: it is sealed") {
		t.Errorf("what was said: %q", b)
	}
	if _, err := os.Lstat(filepath.Join(home, "agent")); err == nil {
		t.Error("the socket is still there")
	}
}

// TestLoadNoHome: where $HOME is not set the account's home has the keys.
func TestLoadNoHome(t *testing.T) {
	t.Setenv("HOME", "")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f := factotum.New(factotum.Config{})
	defer f.Close()
	if err := loadKeys(t.Context(), [3]*os.File{null, null, null}, f, nil); err != nil {
		t.Error(err)
	}
}

// TestAskpass has questions be asked by a program, where nobody has the files open.
func TestAskpass(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("NAMESPACE", dir)
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Setenv("SSH_ASKPASS", filepath.Join(dir, "askpass"))
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	script := `#!/bin/sh
echo "$SSH_ASKPASS_PROMPT $1" >>` + dir + `/asked
case $1 in
Allow*which=no*) exit 1 ;;
Allow*) exit 0 ;;
user*) echo glenda ;;
!password*missing*) exit 1 ;;
!password*) echo "it's a secret" ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "askpass"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		write := func(name, text string) *client.Fid {
			t.Helper()
			f, err := root.WalkOpen(t.Context(), p9.ORDWR, name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(t.Context(), []byte(text), 0); err != nil {
				t.Fatal(err)
			}
			return f
		}
		rpc := func(text, want string) {
			t.Helper()
			f := write("rpc", text)
			defer f.Clunk(t.Context())
			b := make([]byte, 1000)
			if n, err := f.Read(t.Context(), b, 0); err != nil || string(b[:n]) != want {
				t.Errorf("%s: %q, %v", text, b[:n], err)
			}
		}
		for _, which := range []string{"yes", "no"} {
			write("ctl", "key proto=pass user=u which="+which+" confirm !password=p").Clunk(t.Context())
		}
		rpc("start proto=pass which=yes", "ok")
		rpc("start proto=pass which=no", "error the use of the key was denied")
		rpc("start proto=pass server=there", "ok")
		rpc("start proto=pass server=missing", "needkey proto=pass server=missing user? !password?")
		ctl, err := root.WalkOpen(t.Context(), p9.OREAD, "ctl")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		if n, _ := ctl.Read(t.Context(), b, 0); !strings.Contains(string(b[:n]), "key proto=pass server=there user=glenda !password?\n") {
			t.Errorf("%s", b[:n])
		}
		need, err := root.WalkOpen(t.Context(), p9.ORDWR, "confirm") // now somebody is there
		if err != nil {
			t.Fatal(err)
		}
		f := write("rpc", "start proto=pass which=yes")
		defer f.Clunk(t.Context())
		go f.Read(t.Context(), make([]byte, 1000), 0)
		if n, err := need.Read(t.Context(), b, 0); err != nil || !strings.HasPrefix(string(b[:n]), "confirm tag=1 proto=pass") {
			t.Errorf("%q, %v", b[:n], err)
		}
		if _, err := need.Write(t.Context(), []byte("tag=1 answer=yes"), 0); err != nil {
			t.Error(err)
		}
	})
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil || strings.Count(string(asked), "\n") != 6 || !strings.Contains(string(asked), "confirm Allow use of the key proto=pass user=u which=yes?\n") ||
		!strings.Contains(string(asked), " !password of the key proto=pass server=there user? !password?\n") || strings.Contains(string(asked), "secret") {
		t.Errorf("asked %s, %v", asked, err)
	}
}

// TestSecstore has the keys of one run in the next.
func TestSecstore(t *testing.T) {
	t.Setenv("NAMESPACE", t.TempDir())
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "key proto=pass user=u !password?\n"} {
		in, err := os.Open(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Main(ctx, [3]*os.File{in, os.Stdout, os.Stderr}, []string{"-f", filepath.Join(dir, "store")})
		}()
		var c *client.Conn
		posted := func() bool { c, err = client.Dial(t.Context(), "factotum", nil); return err == nil }
		there := false
		for range 3 { // as scrypt with -race is slow
			if there = srvtest.Until(posted); there {
				break
			}
		}
		if !there {
			t.Fatal(err)
		}
		root, err := c.Attach(t.Context(), nil, "", "")
		if err != nil {
			t.Fatal(err)
		}
		f, err := root.WalkOpen(t.Context(), p9.ORDWR, "ctl")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		if n, _ := f.Read(t.Context(), b, 0); string(b[:n]) != want {
			t.Errorf("run %d: %q", i, b[:n])
		}
		if _, err := f.Write(t.Context(), []byte("key proto=pass user=u !password=p\nsave"), 0); err != nil {
			t.Error(err)
		}
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		in.Close()
	}
}
