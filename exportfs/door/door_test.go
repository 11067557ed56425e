package door

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/factotum/users"
	"ninespace/srv/srvtest"
)

// newKey makes a key's file and gives its public line.
func newKey(t testing.TB, file string, k crypto.Signer) (line string, pub *sshkey.Public) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if pub, err = sshkey.New(k.Public()); err != nil {
		t.Fatal(err)
	}
	return pub.Type + " " + base64.StdEncoding.EncodeToString(pub.Blob), pub
}

func ed(t testing.TB) crypto.Signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A place is a home of a test's own, with a door in it.
type place struct {
	*testing.T
	home, me, addr string
	uid            uint32
	hostLine       string
	l              *Listener
	said           chan error // of callers who were not let in
	served         chan *Conn
}

func (p *place) file(name string) string { return filepath.Join(p.home, name) }

func (p *place) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(p.file(name), []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
}

// newPlace opens a door to the user who runs the test, whose key is in ~/.ssh/id_ecdsa.
func newPlace(t *testing.T, o Options) *place {
	t.Helper()
	srvtest.CheckGoroutines(t)
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, home: t.TempDir(), me: u.Username, said: make(chan error, 100), served: make(chan *Conn, 100)}
	t.Setenv("HOME", p.home)
	t.Setenv("NAMESPACE", p.home)
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(p.file(".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Root is let in by no file of its own, so it plays another one.
	p.uid = uint32(max(os.Geteuid(), 0))
	if p.uid == 0 {
		p.uid = 54321
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mine, _ := newKey(t, p.file(".ssh/id_ecdsa"), k)
	p.hostLine, _ = newKey(t, p.file("host"), ed(t))
	p.write("authorized", mine+"\n")
	o.Key = p.file("host")
	o.Users = users.Policy{File: p.file("users"), Keys: "authorized", Lookup: func(name string) (*users.User, error) {
		if name != p.me {
			return nil, users.ErrUnknown
		}
		return &users.User{Name: name, Uid: p.uid, Gid: p.uid, Home: p.home}, nil
	}}
	p.listen("tcp!127.0.0.1!0", o)
	_, port, _ := net.SplitHostPort(p.l.Addr().String())
	p.addr = "tcp!127.0.0.1!" + port
	p.write(".ssh/known_hosts", "[127.0.0.1]:"+port+" "+p.hostLine+"\n")
	return p
}

func (p *place) listen(addr string, o Options) {
	p.Helper()
	var err error
	if p.l, err = Listen(addr, o); err != nil {
		p.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			raw, err := p.l.Accept()
			if err != nil {
				return
			}
			c, err := p.l.Admit(context.Background(), raw)
			if err != nil {
				p.said <- err
				continue
			}
			if c.Want.Arg == "no" {
				c.Refuse(errors.New("not that"))
				continue
			}
			if err := c.Accept(); err != nil {
				p.Error(err)
			}
			p.served <- c
		}
	}()
	p.Cleanup(func() {
		p.l.Close()
		<-done
		close(p.served)
		for c := range p.served {
			c.Close()
		}
	})
}

// talk has both ends of a connection open a stream.
func (p *place) talk(c *Conn) *Conn {
	p.Helper()
	far := <-p.served
	a, err := c.Mux()
	if err != nil {
		p.Fatal(err)
	}
	defer a.Close()
	b, err := far.Mux()
	if err != nil {
		p.Fatal(err)
	}
	defer b.Close()
	for _, m := range [][2]interface {
		Open() (net.Conn, error)
		Accept() (net.Conn, error)
	}{{a, b}, {b, a}} {
		x, err := m[0].Open()
		if err != nil {
			p.Fatal(err)
		}
		go io.WriteString(x, "hello")
		y, err := m[1].Accept()
		if err != nil {
			p.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(y, got); err != nil || string(got) != "hello" {
			p.Errorf("%q, %v", got, err)
		}
	}
	return far
}

// fails dials and wants an error with these words.
func (p *place) fails(d Dialer, addr string, w Want, words string) {
	p.Helper()
	c, err := d.Dial(p.Context(), addr, w)
	if err == nil {
		c.Close()
		p.Errorf("%v: no error, want %q", w, words)
	} else if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
		p.Errorf("%v: %v, want %q", w, err, words)
	}
}

func TestTCP(t *testing.T) {
	p := newPlace(t, Options{})
	want := Want{Service: CPU, Arg: "an 'odd' name"}
	c, err := new(Dialer).Dial(t.Context(), p.addr, want)
	if err != nil {
		t.Fatal(err)
	}
	far := p.talk(c)
	if far.Peer.User != p.me || far.Want.Arg != want.Arg || far.Want.Service != CPU || !strings.HasPrefix(far.Peer.Key, "SHA256:") {
		t.Errorf("the far side knows %+v", far)
	}
	if c.Peer.Key == "" || c.Peer.Key == far.Peer.Key {
		t.Errorf("we know %+v", c.Peer)
	}
	p.fails(Dialer{}, p.addr, Want{Service: CPU, Arg: "no"}, "refused: not that")
	p.fails(Dialer{}, p.addr, Want{Service: CPU, User: "nosuchuser"}, "refused: key is not authorized")
	if err := <-p.said; !strings.Contains(err.Error(), "nosuchuser") {
		t.Error(err)
	}
	p.fails(Dialer{}, p.addr, Want{Service: CPU, Arg: "a\nb"}, "control character")

	// The one key of several that is let in; the one that is asked for is the only one.
	newKey(t, p.file(".ssh/id_ed25519"), ed(t))
	if c, err = new(Dialer).Dial(t.Context(), p.addr, want); err != nil {
		t.Fatal(err)
	}
	p.talk(c)
	p.fails(Dialer{Key: p.file(".ssh/id_ed25519")}, p.addr, want, "refused: key is not authorized")
	p.fails(Dialer{Key: "SHA256:nosuch"}, p.addr, want, "no Ed25519 or ECDSA key")
	p.fails(Dialer{Key: p.file("nosuch")}, p.addr, want, "nosuch: no such file")
	os.Chmod(p.file(".ssh/id_ed25519"), 0o644)
	p.fails(Dialer{Key: p.file(".ssh/id_ed25519")}, p.addr, want, "can be read by others")
}

func TestOptions(t *testing.T) {
	p := newPlace(t, Options{})
	line, err := os.ReadFile(p.file("authorized"))
	if err != nil {
		t.Fatal(err)
	}
	for opts, words := range map[string]string{
		`command="date",restrict`:       "",
		`from="127.0.0.0/8"`:            "",
		`from="10.0.0.0/8"`:             "not authorized",
		`expiry-time="20200101"`:        "not authorized",
		`nosuch-option`:                 "not authorized",
		`cert-authority`:                "not authorized",
		`expiry-time="20991231235959Z"`: "",
	} {
		p.write("authorized", opts+" "+string(line))
		if words != "" {
			p.fails(Dialer{}, p.addr, Want{Service: CPU}, words)
			continue
		}
		c, err := new(Dialer).Dial(t.Context(), p.addr, Want{Service: CPU})
		if err != nil {
			t.Errorf("%s: %v", opts, err)
			continue
		}
		far := p.talk(c)
		if forced := strings.Contains(opts, "command"); forced != (far.Peer.Command == "date") || forced != far.Peer.Restrict {
			t.Errorf("%s: %+v", opts, far.Peer)
		}
	}
	os.Chmod(p.file("authorized"), 0o622)
	p.fails(Dialer{}, p.addr, Want{Service: CPU}, "not authorized")
}

// TestRootTold: who has proved a key that root's own file lets in without limits is told what the
// machine's file lacks, whichever of several keys it is; others are not.
func TestRootTold(t *testing.T) {
	t.Run("alone", func(t *testing.T) { rootTold(t, func(t *testing.T) *place { return newPlace(t, Options{}) }) })
	t.Run("guarded", func(t *testing.T) { rootTold(t, func(t *testing.T) *place { return newGuarded(t, "none").place }) })
}

func rootTold(t *testing.T, made func(*testing.T) *place) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	p := made(t)
	p.uid = 0
	k, err := fileKey(p.file(".ssh/id_ecdsa"))
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile(p.file("authorized"))
	if err != nil {
		t.Fatal(err)
	}
	newKey(t, p.file("other"), ed(t))
	const stranger = "refused: key is not authorized"
	told := stranger + ": to be " + p.me + " it needs a line in " + p.file("users") + " there: " + k.pub.Fingerprint() + " " + p.me
	users := k.pub.Fingerprint() + " -\n"
	for _, c := range []struct{ what, options, key, users, says string }{
		{"its key", "", ".ssh/id_ecdsa", "", told},
		{"another key", "", "other", "", stranger},
		{"a key of one command", `command="date" `, ".ssh/id_ecdsa", "", stranger},
		{"a restricted key", "restrict ", ".ssh/id_ecdsa", "", stranger},
		{"from elsewhere", `from="10.0.0.0/8" `, ".ssh/id_ecdsa", "", stranger},
		{"a key that is nobody's", "", ".ssh/id_ecdsa", users, stranger},
	} {
		p.write("authorized", c.options+string(line))
		p.write("users", c.users)
		_, err := (&Dialer{Key: p.file(c.key)}).Dial(t.Context(), p.addr, Want{Service: CPU})
		if err == nil || !strings.HasSuffix(err.Error(), c.says) {
			t.Errorf("%s: %v, not %q", c.what, err, c.says)
		}
	}
	p.write("users", "")
	p.write("authorized", string(line))
	// A further key behind it: the last answer is not the one that says more.
	if err := errors.Join(os.Rename(p.file(".ssh/id_ecdsa"), p.file(".ssh/id_ed25519")), os.Rename(p.file("other"), p.file(".ssh/id_ecdsa"))); err != nil {
		t.Fatal(err)
	}
	if _, err := new(Dialer).Dial(t.Context(), p.addr, Want{Service: CPU}); err == nil || !strings.HasSuffix(err.Error(), told) {
		t.Errorf("of several keys: %v", err)
	}
}

// TestRoot: root is whom the machine's file names so.
func TestRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	p := newPlace(t, Options{})
	p.uid = 0
	p.fails(Dialer{}, p.addr, Want{Service: CPU}, "refused: key is not authorized")
	k, err := fileKey(p.file(".ssh/id_ecdsa"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("users", k.pub.Fingerprint()+" "+p.me+"\n")
	c, err := new(Dialer).Dial(t.Context(), p.addr, Want{Service: CPU})
	if err != nil {
		t.Fatal(err)
	}
	p.talk(c)
}

func TestHost(t *testing.T) {
	p := newPlace(t, Options{})
	_, port, _ := net.SplitHostPort(p.l.Addr().String())
	other, _ := newKey(t, p.file("other"), ed(t))
	name := "[127.0.0.1]:" + port
	for text, words := range map[string]string{
		name + " " + other:        "another key",
		name + " " + p.hostLine:   "",
		"127.0.0.1 " + p.hostLine: "", // its sshd's
		"127.0.0.1 " + other:      "not known",
		"@revoked * " + p.hostLine + "\n127.0.0.1 " + p.hostLine: "revoked",
		"": "not known",
	} {
		p.write("known", text)
		d := Dialer{Known: p.file("known")}
		if words != "" {
			if tty, err := os.Open("/dev/tty"); err == nil && words == "not known" {
				tty.Close()
				continue // it would ask
			}
			p.fails(d, p.addr, Want{Service: CPU}, words)
			_, err := d.Dial(t.Context(), p.addr, Want{Service: CPU})
			if final := words != "not known"; Final(err) != final {
				t.Errorf("%v: final %v, want %v", err, !final, final)
			}
			continue
		}
		c, err := d.Dial(t.Context(), p.addr, Want{Service: CPU})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		p.talk(c)
	}
}

// TestStrangers: what is no caller is told so, or hung up on.
func TestStrangers(t *testing.T) {
	p := newPlace(t, Options{})
	k, err := fileKey(p.file(".ssh/id_ecdsa"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := auth.Wrap(k.signer, k.pub)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"ninespace 7 cpu u x\n":                      "no the caller's nine speaks version \"7\" of the door, the far side's version 1",
		"GET / HTTP/1.0\n":                           "no this is a door of ninespace, and that is not its language",
		"ninespace 1 cpu\n":                          "no malformed request",
		strings.Repeat("x", maxLine+1):               "",
		fmt.Sprintf("ninespace 1 cpu %s 'x\n", p.me): "no this is a door of ninespace, and that is not its language",
	} {
		c, err := tls.Dial("tcp", p.l.Addr().String(), auth.Config(cert, func(*sshkey.Public) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, line)
		got, _ := bufio.NewReader(c).ReadString('\n')
		if strings.TrimSpace(got) != want {
			t.Errorf("%.40q: %q", line, got)
		}
		c.Close()
		<-p.said
	}
	for _, text := range []string{"", "ninecpu 1 -\n", "\x16\x03\x01\x00\x05aaaaa"} {
		c, err := net.Dial("tcp", p.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		if tc, ok := c.(*net.TCPConn); ok {
			tc.CloseWrite()
		}
		io.Copy(io.Discard, c)
		c.Close()
		if err := <-p.said; text == "" && err != ErrLeft {
			t.Error(err)
		}
	}
	c, err := net.Dial("tcp", p.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		if c, err := silent.Accept(); err == nil {
			cancel() // as ^C does
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	if _, err := new(Dialer).Dial(ctx, "tcp!"+strings.Replace(silent.Addr().String(), ":", "!", 1), Want{Service: CPU}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSlow: who does not get on with it is hung up on.
func TestSlow(t *testing.T) {
	old := greetLimit
	greetLimit = 50 * time.Millisecond
	t.Cleanup(func() { greetLimit = old })
	p := newPlace(t, Options{})
	c, err := net.Dial("tcp", p.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-p.said; !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestUnix(t *testing.T) {
	p := newPlace(t, Options{})
	p.l.Close()
	q := &place{T: t, home: p.home, me: p.me, said: p.said, served: make(chan *Conn, 10)}
	q.listen("unix!"+p.file("sock"), Options{})
	c, err := new(Dialer).Dial(t.Context(), "unix!"+p.file("sock"), Want{Service: Export, Arg: "/usr"})
	if err != nil {
		t.Fatal(err)
	}
	if far := q.talk(c); far.Peer.User != p.me || far.Want.Arg != "/usr" {
		t.Errorf("%+v", far)
	}
	q.fails(Dialer{}, "unix!"+p.file("sock"), Want{Service: CPU, User: "glenda"}, "cannot be")
	q.fails(Dialer{}, Local, Want{Service: CPU}, "no cpud is posted in "+p.home)
	q.fails(Dialer{}, "unix!"+p.file("nosuch"), Want{Service: CPU}, "nosuch")
}

// TestAgent shows the keys of OpenSSH's agent.
func TestAgent(t *testing.T) {
	p := newPlace(t, Options{})
	agent, err := exec.LookPath("ssh-agent")
	if err != nil {
		t.Skip("ssh-agent is not here: Debian's package openssh-client")
	}
	sock := p.file("agent")
	cmd := exec.CommandContext(t.Context(), agent, "-D", "-a", sock)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if !srvtest.Until(func() bool { _, err := os.Stat(sock); return err == nil }) {
		t.Fatal("no agent")
	}
	t.Setenv("SSH_AUTH_SOCK", sock)
	if err := os.Remove(p.file(".ssh/id_ecdsa")); err != nil {
		t.Fatal(err)
	}
	p.fails(Dialer{}, p.addr, Want{Service: CPU}, "no Ed25519 or ECDSA key")
	var lines []string
	for i, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), nil} {
		k := ed(t)
		if curve != nil {
			if k, err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
				t.Fatal(err)
			}
		}
		name := p.file(fmt.Sprint("key", i))
		line, _ := newKey(t, name, k)
		lines = append(lines, line)
		if out, err := exec.Command("ssh-add", name).CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
	}
	for _, line := range lines {
		p.write("authorized", line+"\n")
		c, err := new(Dialer).Dial(t.Context(), p.addr, Want{Service: CPU})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		p.talk(c)
	}
}

// TestJump goes through one door to the other.
func TestJump(t *testing.T) {
	p := newPlace(t, Options{})
	q := &place{T: t, home: p.home, me: p.me, said: p.said, served: make(chan *Conn, 10)}
	q.listen("unix!"+p.file("sock"), Options{})
	go func() {
		c := <-q.served
		if c.Want.Service != Dial || c.Want.Arg != p.addr {
			t.Errorf("%+v", c.Want)
		}
		to, err := net.Dial("tcp", p.l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			io.Copy(to, c)
			to.Close()
		}()
		io.Copy(c, to)
		c.Close()
	}()
	d := Dialer{Jump: "unix!" + p.file("sock")}
	c, err := d.Dial(t.Context(), p.addr, Want{Service: CPU})
	if err != nil {
		t.Fatal(err)
	}
	p.talk(c)
}

// TestJumpName: who is gone through is named as who is gone to, a host by its name alone.
func TestJumpName(t *testing.T) {
	t.Setenv("NAMESPACE", t.TempDir())
	_, err := (&Dialer{Jump: "me@nosuch.invalid"}).stream(t.Context(), "host:1")
	if err == nil || !strings.Contains(err.Error(), "tcp!nosuch.invalid!"+Port) {
		t.Error(err)
	}
}

// TestManyStreams: so many streams are served at a time and no more.
func TestManyStreams(t *testing.T) {
	srvtest.CheckGoroutines(t)
	x, y := srvtest.Pair(t)
	near, err := (&Conn{ReadWriteCloser: x}).Dialled().Mux()
	if err != nil {
		t.Fatal(err)
	}
	far, err := (&Conn{ReadWriteCloser: y}).Mux()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() {
		served <- Serve(far, func(c net.Conn) {
			io.WriteString(c, "x")
			io.Copy(io.Discard, c)
			c.Close()
		})
	}()
	for i := range maxStreams + 10 {
		c, err := near.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); (err == nil) != (i < maxStreams) {
			t.Errorf("stream %d: %v", i, err)
		}
	}
	near.Close()
	if err := <-served; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
