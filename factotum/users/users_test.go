package users

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
)

func newKey(t *testing.T) *sshkey.Public {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := sshkey.New(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func line(k *sshkey.Public) string {
	return k.Type + " " + base64.StdEncoding.EncodeToString(k.Blob) + "\n"
}

// open gives a directory that other users may enter.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "9u.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string, mode os.FileMode, uid int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(name, uid, uid); err != nil {
		t.Fatal(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be other users")
	}
}

// made is a machine with some users.
func made(t *testing.T) (*Policy, string) {
	t.Helper()
	dir := open(t)
	users := map[string]*User{
		"root":   {Name: "root", Home: filepath.Join(dir, "root")},
		"glenda": {Name: "glenda", Uid: 54321, Gid: 54321, Home: filepath.Join(dir, "glenda"), Shell: "/bin/sh"},
		"eve":    {Name: "eve", Uid: 54322, Gid: 54322, Home: filepath.Join(dir, "eve")},
		"sys":    {Name: "sys", Uid: 54323, Gid: 54323, Home: filepath.Join(dir, "sys"), Shell: "/usr/sbin/nologin"},
	}
	for _, u := range users {
		if err := os.MkdirAll(filepath.Join(u.Home, ".ssh"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, d := range []string{u.Home, filepath.Join(u.Home, ".ssh")} {
			if err := os.Chown(d, int(u.Uid), int(u.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return &Policy{File: filepath.Join(dir, "users"), Lookup: func(name string) (*User, error) {
		if u := users[name]; u != nil {
			return u, nil
		}
		return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
	}}, dir
}

// TestKey: by key one is a user whose own file has it, and root only by the machine's.
func TestKey(t *testing.T) {
	needRoot(t)
	p, dir := made(t)
	k, other := newKey(t), newKey(t)
	keys := func(name string) string { return filepath.Join(dir, name, ".ssh/authorized_keys") }
	write(t, keys("glenda"), "command=\"date\" "+line(k), 0o600, 54321)
	write(t, keys("root"), line(k), 0o600, 0)
	write(t, keys("sys"), line(k), 0o600, 54323)
	check := func(what, login string, k *sshkey.Public, why string) *auth.Grant {
		t.Helper()
		u, g, err := p.Key(login, k, netip.Addr{}, time.Now())
		switch {
		case why == "" && (err != nil || u.Name != login):
			t.Errorf("%s: %+v, %v", what, u, err)
		case why != "" && (!errors.Is(err, auth.ErrNotAuthorized) || !strings.Contains(err.Error(), why)):
			t.Errorf("%s: %v, want %q", what, err, why)
		}
		return g
	}
	if g := check("own file", "glenda", k, ""); g == nil || g.Command != "date" {
		t.Errorf("%+v", g)
	}
	check("another key", "glenda", other, "no line has the key")
	check("no file", "eve", k, "no such file")
	check("nobody", "mallory", k, "unknown user")
	check("empty name", "", k, "unknown user")
	check("a user who does not log in", "sys", k, "does not log in")
	check("root's own file", "root", k, "needs a line in")
	check("not in root's own file", "root", other, "no line of")

	fp := k.Fingerprint()
	write(t, p.File, "# x\n"+fp+" root # and why\n"+fp+" eve\n", 0o644, 0)
	check("root by a line", "root", k, "")
	check("root by another's line", "root", other, "no line of")
	check("eve by a line", "eve", k, "")
	write(t, p.File, fp+" -\n"+fp+" root", 0o644, 0)
	check("a key that is nobody", "glenda", k, "is nobody")
	check("a key that is nobody, as root", "root", k, "is nobody")

	for text, why := range map[string]string{fp: "line 1", fp + " a b": "line 1", "\n" + fp + " *": "line 2", "x glenda": "line 1", "glenda@d *": "line 1"} {
		write(t, p.File, text, 0o644, 0)
		check(text, "glenda", k, why)
	}
	write(t, p.File, fp+" root\n", 0o664, 0)
	check("a file that others write", "root", k, "can be written by others")
	write(t, p.File, fp+" root\n", 0o644, 54322)
	check("another's file", "root", k, "belongs to user number 54322")
	os.Remove(p.File)

	// What others could have written.
	good := line(k)
	for what, spoil := range map[string]func(){
		"can be written by others": func() { write(t, keys("glenda"), good, 0o620, 54321) },
		"belongs to user number":   func() { write(t, keys("glenda"), good, 0o600, 54322) },
		"no file":                  func() { os.Remove(keys("glenda")); syscall.Mkfifo(keys("glenda"), 0o600) },
		"no such file":             func() { os.Remove(keys("glenda")) },
		".ssh can be written":      func() { os.Chmod(filepath.Dir(keys("glenda")), 0o777) },
		"glenda can be written":    func() { os.Chmod(filepath.Join(dir, "glenda"), 0o775) },
		"more than": func() {
			write(t, keys("glenda"), good+strings.Repeat("#", maxFile), 0o600, 54321)
		},
		"belongs to user number 54322": func() { // by a link
			write(t, filepath.Join(dir, "eve/keys"), good, 0o600, 54322)
			os.Remove(keys("glenda"))
			os.Symlink(filepath.Join(dir, "eve/keys"), keys("glenda"))
		},
	} {
		write(t, keys("glenda"), good, 0o600, 54321)
		check("before: "+what, "glenda", k, "")
		spoil()
		check(what, "glenda", k, what)
		os.Remove(keys("glenda"))
		os.Chmod(filepath.Dir(keys("glenda")), 0o700)
		os.Chmod(filepath.Join(dir, "glenda"), 0o755)
	}
}

// TestName: a name of dp9ik's is who the machine's file says.
func TestName(t *testing.T) {
	needRoot(t)
	p, _ := made(t)
	if u, err := p.Name("glenda", "burrow"); !errors.Is(err, auth.ErrNotAuthorized) {
		t.Errorf("without a file: %+v, %v", u, err)
	}
	write(t, p.File, "bootes@burrow root\neve@burrow -\nmallory@burrow eve\n*@burrow *\nrob@far\tglenda\n*@far eve\nx@bad mallory", 0o644, 0)
	for id, want := range map[string]string{
		"glenda@burrow": "glenda", "bootes@burrow": "root", "mallory@burrow": "eve", "rob@far": "glenda", "ken@far": "eve", "root@far": "eve",
		"eve@burrow": "", "root@burrow": "", "nobody9@burrow": "", "glenda@elsewhere": "", "x@bad": "", "*@burrow": "", "@burrow": "", "sys@burrow": "",
	} {
		name, dom, _ := strings.Cut(id, "@")
		u, err := p.Name(name, dom)
		if want == "" {
			if !errors.Is(err, auth.ErrNotAuthorized) {
				t.Errorf("%s: %+v, %v", id, u, err)
			}
		} else if err != nil || u.Name != want {
			t.Errorf("%s: %+v, %v", id, u, err)
		}
	}
}

// TestAs: a command that is run as a user has his numbers and groups and no others, no
// way back, no rights of root's and nothing of our environment.
func TestAs(t *testing.T) {
	needRoot(t)
	t.Setenv("SECRET", "of root")
	dir := open(t)
	run := func(u *User, script string) string {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", script)
		u.As(cmd)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
		return string(out)
	}
	nobody, err := Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []*User{nobody,
		{Name: "glenda", Uid: 54321, Gid: 54320, Groups: []uint32{54320, 54399}, Home: dir, Shell: "/bin/rc"},
		{Name: "alone", Uid: 54321, Gid: 54321, Home: "/nonexistent"}} {
		status := run(u, "cat /proc/self/status")
		groups := u.Groups
		field := func(name string) string {
			_, s, _ := strings.Cut(status, "\n"+name+":")
			s, _, _ = strings.Cut(s, "\n")
			return strings.Join(strings.Fields(s), " ")
		}
		four := func(n uint32) string { return fmt.Sprintf("%d %d %d %d", n, n, n, n) }
		if field("Uid") != four(u.Uid) || field("Gid") != four(u.Gid) || field("Groups") != strings.Trim(fmt.Sprint(groups), "[]") {
			t.Errorf("%s: Uid %s, Gid %s, Groups %s", u.Name, field("Uid"), field("Gid"), field("Groups"))
		}
		for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
			if field(set) != "0000000000000000" {
				t.Errorf("%s: %s %s", u.Name, set, field(set))
			}
		}
		env := run(u, "env")
		if strings.Contains(env, "SECRET") || !strings.Contains(env, "USER="+u.Name+"\n") || !strings.Contains(env, "HOME="+u.Home+"\n") || !strings.Contains(env, "PATH=/") {
			t.Errorf("%s: environment %s", u.Name, env)
		}
		want := "/"
		if u.Home == dir {
			want = dir
		}
		if got := run(u, "pwd"); got != want+"\n" {
			t.Errorf("%s: in %s", u.Name, got)
		}
	}
	// No way back.
	back := exec.Command(os.Args[0], "-test.run", "^TestBack$")
	(&User{Name: "glenda", Uid: 54321, Gid: 54321, Groups: []uint32{54321}, Home: dir}).As(back)
	back.Env = append(back.Env, "BACK=1")
	exe, err := os.ReadFile(os.Args[0]) // where that user reaches it
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "test"), string(exe), 0o755, 0)
	back.Path = filepath.Join(dir, "test")
	if out, err := back.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v: %s", err, out)
	}
	// Who is not root can be nobody else.
	cmd := exec.Command("/bin/sh", "-c", "exit 0")
	nobody.As(cmd)
	if cmd.SysProcAttr.Credential == nil {
		t.Error("root runs as itself")
	}
}

// TestBack tries, as a user, to be another one: it is TestAs's other half.
func TestBack(t *testing.T) {
	if os.Getenv("BACK") == "" {
		return // it is run by TestAs
	}
	p := Policy{Lookup: func(name string) (*User, error) { return &User{Name: name, Uid: 54322, Home: "/"}, nil }}
	if u, _, err := p.Key("eve", newKey(t), netip.Addr{}, time.Now()); err == nil || !strings.Contains(err.Error(), "serves no other") {
		t.Errorf("another user: %+v, %v", u, err)
	}
	other := exec.Command("/bin/true")
	(&User{Name: "eve", Uid: 54322, Gid: 54322}).As(other)
	if err := other.Run(); !errors.Is(err, syscall.EPERM) {
		t.Errorf("run as another user: %v", err)
	}
	for name, err := range map[string]error{
		"setuid": syscall.Setuid(0), "setresuid": syscall.Setresuid(-1, 0, -1), "setreuid": syscall.Setreuid(0, 0),
		"setgid": syscall.Setgid(0), "setresgid": syscall.Setresgid(-1, -1, 0), "setgroups": syscall.Setgroups([]int{0}),
	} {
		if err != syscall.EPERM {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRelative: a file that is named from here is looked at from the root on.
func TestRelative(t *testing.T) {
	dir := open(t)
	write(t, filepath.Join(dir, "users"), "a@b c\n", 0o600, os.Geteuid())
	t.Chdir(dir)
	p := &Policy{File: "users"}
	if lines, err := p.lines(); err != nil || len(lines) != 1 {
		t.Error(lines, err)
	}
}
