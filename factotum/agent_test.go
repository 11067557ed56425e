package factotum

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"ninespace/factotum/sshkey"
	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// An agentTest is an agent at a socket, and a place for files.
type agentTest struct {
	*testing.T
	f    *Factotum
	sock string
	dir  string
}

func newAgentTest(t *testing.T, upstream string) *agentTest {
	t.Helper()
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	dir := t.TempDir()
	x := &agentTest{t, filled(t, Config{}, ""), filepath.Join(dir, "agent"), dir}
	l, err := srv.Announce("unix!" + x.sock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.f.NewAgent(upstream).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *agentTest) path(name string) string { return filepath.Join(x.dir, name) }

// run runs a program with the agent in its environment.
func (x *agentTest) run(ok bool, name string, args ...string) string {
	x.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		x.Skipf("%s is not here: Debian's packages openssh-client, openssh-server, git", name)
	}
	cmd := exec.CommandContext(x.Context(), path, args...)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+x.sock, "HOME="+x.dir, "SSH_ASKPASS_REQUIRE=never", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		x.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func (x *agentTest) write(name, text string) string {
	x.Helper()
	if err := os.WriteFile(x.path(name), []byte(text), 0o600); err != nil {
		x.Fatal(err)
	}
	return x.path(name)
}

// keygen makes a key pair and gives its file.
func (x *agentTest) keygen(name, typ string) string {
	x.Helper()
	x.run(true, "ssh-keygen", append([]string{"-q", "-N", "", "-C", name, "-f", x.path(name), "-t"}, strings.Fields(typ)...)...)
	return x.path(name)
}

func (x *agentTest) read(name string) string {
	x.Helper()
	b, err := os.ReadFile(x.path(name))
	if err != nil {
		x.Fatal(err)
	}
	return string(b)
}

// TestSSHAdd has ssh-add manage the keys.
func TestSSHAdd(t *testing.T) {
	x := newAgentTest(t, "")
	if out := x.run(false, "ssh-add", "-l"); !strings.Contains(out, "no identities") {
		t.Errorf("empty: %s", out)
	}
	for _, typ := range []string{"ed25519", "ecdsa", "rsa"} {
		x.run(true, "ssh-add", x.keygen(typ, typ))
	}
	out := x.run(true, "ssh-add", "-l")
	for _, typ := range []string{"ED25519", "ECDSA", "RSA"} {
		if !strings.Contains(out, strings.ToLower(typ)+" ("+typ+")") {
			t.Errorf("no %s:\n%s", typ, out)
		}
	}
	if out := x.run(true, "ssh-add", "-L"); !strings.Contains(out, strings.TrimSpace(x.read("ed25519.pub"))) {
		t.Errorf("-L: %s", out)
	}
	x.run(true, "ssh-add", "-T", x.path("rsa.pub")) // signs and verifies
	x.run(true, "ssh-add", "-T", x.path("ecdsa.pub"))
	x.run(true, "ssh-add", "-T", x.path("ed25519.pub"))
	x.run(true, "ssh-add", x.path("ed25519")) // again: it is there once
	if n := len(x.f.ring.list()); n != 3 {
		t.Errorf("%d keys", n)
	}
	x.run(true, "ssh-add", "-d", x.path("ecdsa"))
	if out := x.run(true, "ssh-add", "-l"); strings.Contains(out, "ECDSA") {
		t.Errorf("deleted: %s", out)
	}
	x.run(true, "ssh-add", "-D")
	x.run(false, "ssh-add", "-l")
	x.run(true, "ssh-add", "-t", "1", x.path("ed25519"))
	if !srvtest.Until(func() bool { return len(x.f.ring.list()) == 0 }) {
		t.Error("a key outlives its lifetime")
	}
	x.run(true, "ssh-add", "-c", x.path("ed25519"))
	if out := x.run(false, "ssh-add", "-T", x.path("ed25519.pub")); !strings.Contains(out, "refused") && !strings.Contains(out, "failed") {
		t.Errorf("nobody confirms: %s", out)
	}
	if text := x.f.ring.text(); !strings.Contains(text, "comment=ed25519 confirm !key? type=ssh-ed25519") && !strings.Contains(text, "confirm") {
		t.Errorf("ctl: %s", text)
	}
	if strings.Contains(strings.Join(x.f.journal.lines, ""), "!key=") {
		t.Error("the log has a key")
	}
}

// TestAgentLock locks and unlocks it.
func TestAgentLock(t *testing.T) {
	x := newAgentTest(t, "")
	x.run(true, "ssh-add", x.keygen("id", "ed25519"))
	c := x.client()
	if err := c.Lock([]byte("sesame")); err != nil {
		t.Fatal(err)
	}
	if l, err := c.List(); err != nil || len(l) != 0 {
		t.Errorf("locked: %v, %v", l, err)
	}
	x.run(false, "ssh-add", "-T", x.path("id.pub"))
	x.run(false, "ssh-add", x.path("id"))
	for _, pass := range []string{"", "x"} {
		if err := c.Unlock([]byte(pass)); err == nil {
			t.Errorf("unlocked by %q", pass)
		}
	}
	if err := c.Lock([]byte("x")); err == nil {
		t.Error("locked twice")
	}
	if err := c.Unlock([]byte("sesame")); err != nil {
		t.Error(err)
	}
	x.run(true, "ssh-add", "-T", x.path("id.pub"))
}

func (x *agentTest) client() agent.ExtendedAgent {
	x.Helper()
	c, err := net.Dial("unix", x.sock)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { c.Close() })
	return agent.NewClient(c)
}

// TestSignatures signs files and commits.
func TestSignatures(t *testing.T) {
	x := newAgentTest(t, "")
	for _, typ := range []string{"ed25519", "rsa"} {
		key := x.keygen(typ, typ)
		x.run(true, "ssh-add", key)
		os.Remove(key) // only the agent has it
		x.write("text", "a text\n")
		os.Remove(x.path("text.sig"))
		x.run(true, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", key+".pub", x.path("text"))
		x.write("allowed", "me@example.org "+x.read(typ+".pub"))
		x.run(true, "sh", "-c", "ssh-keygen -Y verify -f allowed -I me@example.org -n file -s text.sig <text")
		x.run(false, "sh", "-c", "echo another | ssh-keygen -Y verify -f allowed -I me@example.org -n file -s text.sig")
	}
	x.run(true, "git", "init", "-q", "repo")
	git := func(args ...string) string {
		return x.run(true, "git", append([]string{"-C", "repo", "-c", "gpg.format=ssh", "-c", "user.signingkey=" + x.path("ed25519.pub"), "-c", "user.name=me", "-c", "user.email=me@example.org",
			"-c", "gpg.ssh.allowedSignersFile=" + x.path("allowed")}, args...)...)
	}
	x.write("allowed", "me@example.org "+x.read("ed25519.pub"))
	git("commit", "-q", "-S", "--allow-empty", "-m", "signed")
	if out := git("log", "--show-signature", "-1"); !strings.Contains(out, `Good "git" signature for me@example.org`) {
		t.Errorf("git: %s", out)
	}
}

// sshd starts a server on loopback and gives a command line of ssh to it.
func (x *agentTest) sshd(authorized, more string) []string {
	x.Helper()
	path := "/usr/sbin/sshd"
	if _, err := os.Stat(path); err != nil {
		x.Skip("sshd is not here: Debian's package openssh-server")
	}
	if os.Geteuid() != 0 {
		x.Skip("sshd needs root to let somebody in")
	}
	os.MkdirAll("/run/sshd", 0o755)
	x.keygen("host", "ed25519")
	x.write("authorized", authorized)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		x.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := x.write("sshd_config", fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nAuthorizedKeysFile %s\n%s\n",
		port, x.path("host"), x.path("authorized"), more))
	cmd := exec.Command(path, "-D", "-e", "-f", conf)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if x.Failed() {
			x.Log(log.String())
		}
	})
	x.write("known", fmt.Sprintf("[127.0.0.1]:%d %s", port, x.read("host.pub")))
	if !srvtest.Until(func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		x.Fatal("sshd does not listen")
	}
	return []string{"-F", "none", "-T", "-p", fmt.Sprint(port), "-o", "UserKnownHostsFile=" + x.path("known"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "127.0.0.1", "echo in"}
}

// TestSSH logs in by ssh with keys, a certificate, and another agent's key.
func TestSSH(t *testing.T) {
	up := newAgentTest(t, "") // as another agent
	x := newAgentTest(t, up.sock)
	var authorized string
	for _, typ := range []string{"ed25519", "ecdsa", "rsa"} {
		x.keygen(typ, typ)
		authorized += x.read(typ + ".pub")
	}
	x.keygen("ca", "ed25519")
	x.keygen("certified", "ecdsa")
	x.run(true, "ssh-keygen", "-q", "-s", x.path("ca"), "-I", "me", "-n", "root", "-V", "-1m:+10m", x.path("certified.pub"))
	up.keygen("other", "ed25519")
	login := x.sshd(authorized+up.read("other.pub"), "TrustedUserCAKeys "+x.path("ca.pub"))
	in := func(ok bool) {
		t.Helper()
		if out := x.run(ok, "ssh", login...); ok && out != "in\n" {
			t.Errorf("%q", out)
		}
	}
	in(false)
	for _, name := range []string{"ed25519", "ecdsa", "rsa", "certified"} {
		x.run(true, "ssh-add", x.path(name))
		in(true)
		x.run(true, "ssh-add", "-D")
		in(false)
	}
	x.run(true, "ssh-add", up.path("other"))
	x.run(true, "ssh-add", "-D")
	up.run(true, "ssh-add", up.path("other"))
	if out := x.run(true, "ssh-add", "-l"); !strings.Contains(out, "other (ED25519)") {
		t.Errorf("the other agent's key: %s", out)
	}
	in(true)
	if text := strings.Join(x.f.journal.lines, "\n"); !strings.Contains(text, "ssh-agent: session of host SHA256:") {
		t.Error("no session was bound")
	}
}

// TestBind: only the host itself can have signed the name of its session.
func TestBind(t *testing.T) {
	x := newAgentTest(t, "")
	c := x.client()
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	wire, _ := sshkey.AppendPrivate(nil, key)
	host, err := sshkey.ParsePrivate(&sshkey.Reader{B: wire})
	if err != nil {
		t.Fatal(err)
	}
	sig, _ := host.Sign([]byte("session"), "")
	bind := func(session string, sig []byte) error {
		b := sshkey.AppendBytes(sshkey.AppendBytes(sshkey.AppendBytes(nil, host.Blob), session), sig)
		_, err := c.Extension(extensionBind, append(b, 0))
		return err
	}
	if err := bind("session", sig); err != nil {
		t.Error(err)
	}
	if err := bind("another", sig); err == nil {
		t.Error("another session is bound")
	}
	if err := bind("session", sig[:len(sig)-1]); err == nil {
		t.Error("bound with a part of a signature")
	}
	if _, err := c.Extension("what@example.org", nil); err == nil {
		t.Error("an unknown extension")
	}
}

// TestProtoSSH signs through rpc.
func TestProtoSSH(t *testing.T) {
	x := newAgentTest(t, "")
	for _, typ := range []string{"ed25519", "rsa"} {
		x.run(true, "ssh-add", x.keygen(typ, typ))
	}
	o := own(x.f, "")
	defer o.close()
	rpcs(t, o, "start", "proto=ssh role=public", "ok")
	for _, typ := range []string{"ed25519", "rsa"} {
		blob := rpcs(t, o, "read", "", "ok")
		pub, _, _, _, err := ssh.ParseAuthorizedKey([]byte(x.read(typ + ".pub")))
		if err != nil || string(pub.Marshal()) != blob {
			t.Errorf("%s: %v", typ, err)
		}
	}
	if r := o.rpc("read", ""); r != "done" {
		t.Error(r)
	}
	for attrs, format := range map[string]string{"type=ssh-ed25519": "ssh-ed25519", "type=ssh-rsa": "rsa-sha2-512", "type=ssh-rsa algorithm=rsa-sha2-256": "rsa-sha2-256"} {
		rpcs(t, o, "start", "proto=ssh role=sign "+attrs, "ok")
		rpcs(t, o, "write", "data to sign", "ok")
		var s ssh.Signature
		if err := ssh.Unmarshal([]byte(rpcs(t, o, "read", "", "ok")), &s); err != nil || s.Format != format {
			t.Fatalf("%s: %+v, %v", attrs, s, err)
		}
		name := "ed25519"
		if strings.Contains(attrs, "rsa") {
			name = "rsa"
		}
		pub, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(x.read(name + ".pub")))
		if err := pub.Verify([]byte("data to sign"), &s); err != nil {
			t.Errorf("%s: %v", attrs, err)
		}
		if r := o.rpc("read", ""); r != "done" {
			t.Error(r)
		}
	}
	for _, bad := range []string{"!key=x", "!key=", "!key=AAAA", "user=u"} {
		if err := x.f.Ctl("key proto=ssh " + bad); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	other := own(x.f, "nobody")
	defer other.close()
	rpcs(t, other, "start", "proto=ssh role=sign type=ssh-rsa", "ok")
	if r := other.rpc("write", "x"); !strings.HasPrefix(r, "needkey") {
		t.Errorf("another user: %s", r)
	}
}

// TestAgentCut cuts each message at each byte, and adds one: it fails, and is logged.
func TestAgentCut(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	wire, _ := sshkey.AppendPrivate(nil, key)
	pub, _ := sshkey.New(key.Public())
	host, err := sshkey.ParsePrivate(&sshkey.Reader{B: bytes.Clone(wire)})
	if err != nil {
		t.Fatal(err)
	}
	sig, err := host.Sign([]byte("session"), "")
	if err != nil {
		t.Fatal(err)
	}
	bound := sshkey.AppendBytes(sshkey.AppendBytes([]byte{agentExtension}, extensionBind), pub.Blob)
	bound = append(sshkey.AppendBytes(sshkey.AppendBytes(bound, "session"), sig), 0)
	add := append(sshkey.AppendBytes(append([]byte{agentAddBound}, wire...), "c"), boundExtension)
	add = sshkey.AppendBytes(sshkey.AppendBytes(add, extensionRestrict), routeTo("", nil, "u", pub, false))
	for _, m := range [][]byte{
		{agentList}, {agentRemoveAll}, bound, add,
		sshkey.AppendBytes(append([]byte{agentAdd}, wire...), "c"),
		binary.BigEndian.AppendUint32(sshkey.AppendBytes(sshkey.AppendBytes([]byte{agentSign}, pub.Blob), "data"), 0),
		sshkey.AppendBytes([]byte{agentRemove}, pub.Blob),
		sshkey.AppendBytes([]byte{agentLock}, "x"),
	} {
		for n := 1; n <= len(m)+1; n++ {
			f := filled(t, Config{}, "")
			if err := f.AddSSH(wire, "c", nil, 0); err != nil {
				t.Fatal(err)
			}
			s := &agentConn{a: f.NewAgent(""), ctx: t.Context()}
			before := len(f.journal.lines)
			r := s.answer(append(bytes.Clone(m), 0)[:n])
			failed := r[0] == agentFailure || r[0] == agentExtFailure
			// A key without destinations or comment is a key, if the message ends there.
			if whole := n == len(m) || m[0] == agentAddBound && n == len(m)-len(add)+1+len(wire)+5; failed == whole {
				t.Errorf("message %d, %d of %d bytes: %d", m[0], n, len(m), r[0])
			}
			if failed && (len(f.journal.lines) == before || len(f.ring.list()) != 1) {
				t.Errorf("message %d, %d of %d bytes: no line in the log, or the key is gone", m[0], n, len(m))
			}
			s.close()
		}
	}
}

// FuzzAgent plays messages to an agent.
func FuzzAgent(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	wire, _ := sshkey.AppendPrivate(nil, key)
	pub, _ := sshkey.New(key.Public())
	f.Add([]byte{agentList})
	f.Add(append(sshkey.AppendBytes(append([]byte{agentAddBound}, wire...), "comment"), boundConfirm, boundLife, 0, 0, 0, 9))
	f.Add(binary.BigEndian.AppendUint32(sshkey.AppendBytes(sshkey.AppendBytes([]byte{agentSign}, pub.Blob), "data"), 0))
	f.Add(sshkey.AppendBytes(sshkey.AppendBytes(append(sshkey.AppendBytes(append([]byte{agentAddBound}, wire...), "c"), boundExtension), extensionRestrict),
		routeTo("", nil, "u", pub, false)))
	f.Add(sshkey.AppendBytes([]byte{agentRemove}, pub.Blob))
	f.Add(sshkey.AppendBytes([]byte{agentLock}, "x"))
	f.Add(sshkey.AppendBytes([]byte{agentExtension}, extensionBind))
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) == 0 {
			return
		}
		fac := New(Config{})
		defer fac.Close()
		if err := fac.AddSSH(wire, "c", nil, 0); err != nil {
			t.Fatal(err)
		}
		s := &agentConn{a: fac.NewAgent(""), ctx: t.Context()}
		defer s.close()
		for range 2 {
			if r := s.answer(bytes.Clone(m)); len(r) == 0 || bytes.Contains(r, key[:32]) {
				t.Fatalf("%x: %x", m, r)
			}
		}
		s.answer([]byte{agentList})
	})
}
