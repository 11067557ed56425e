package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/factotum/proof"
	"ninespace/factotum/sshkey"
	"ninespace/srv/srvtest"
)

// TestMain is the listener of a Guard too: the honest one, and one in a stranger's hands.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "none":
		err = None(context.Background(), 0)
	case len(os.Args) == 4 && os.Args[1] == "evil":
		err = evil(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// A guarded place has its door in a Guard, whose listener is this program.
type guarded struct {
	*place

	mu  sync.Mutex
	log []string
}

func newGuarded(t *testing.T, args ...string) *guarded {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	g := &guarded{place: newPlace(t, Options{})}
	l, err := Listen("tcp!127.0.0.1!0", g.l.o)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	g.addr = "tcp!127.0.0.1!" + port
	g.write(".ssh/known_hosts", "[127.0.0.1]:"+port+" "+g.hostLine+"\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	guard := Guard{
		Args:  append([]string{"door.test"}, args...),
		Start: g.start,
		Log: func(addr string, err error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.log = append(g.log, addr+": "+err.Error())
		},
	}
	go func() { done <- guard.Serve(ctx, []*Listener{l}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(g.logged())
		}
	})
	return g
}

// start is a session that says who it is of and then what it hears, and ends with its caller.
func (g *guarded) start(_ context.Context, c *Conn, stream *os.File) (func() error, error) {
	if c.Want.Arg == "broken" {
		return nil, errors.New("a secret of the machine")
	}
	f, err := net.FileConn(stream)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer f.Close()
		(&Conn{ReadWriteCloser: f}).Accept()
		fmt.Fprintf(f, "%s %s %s %v\n", c.Peer.User, c.Want, c.Peer.Command, c.Peer.Restrict)
		io.Copy(f, f)
	}()
	return func() error {
		<-ended
		return nil
	}, nil
}

func (g *guarded) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.log, "\n")
}

// says dials and gives what the session says.
func (g *guarded) says(w Want) string {
	g.Helper()
	c, err := new(Dialer).Dial(g.Context(), g.addr, w)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	line, err := ReadLine(c)
	if err != nil {
		return err.Error()
	}
	return line
}

// TestGuard: an honest listener lets in who belongs in, and nobody else.
func TestGuard(t *testing.T) {
	g := newGuarded(t, "none")
	line, err := os.ReadFile(g.file("authorized"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options string
		want    Want
		says    string
	}{
		{"", Want{Service: CPU, Arg: "an 'odd' name"}, g.me + " ninespace 1 cpu " + g.me + " 'an ''odd'' name'  false"},
		{`command="date",restrict`, Want{Service: Export}, g.me + " ninespace 1 export " + g.me + " '' date true"},
		{`from="10.0.0.0/8"`, Want{Service: CPU}, "refused: key is not authorized"},
		{"", Want{Service: CPU, User: "nosuchuser"}, "refused: key is not authorized"},
		{"", Want{Service: "rcpu"}, "refused: that is for another door"},
		{"", Want{Service: CPU, Arg: "broken"}, "refused: no session can be made"},
	} {
		g.write("authorized", c.options+" "+string(line))
		if got := g.says(c.want); !strings.HasSuffix(got, c.says) {
			t.Errorf("%s, %v: %q, want %q", c.options, c.want, got, c.says)
		}
	}
	for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", ""} {
		c, err := net.Dial("tcp", strings.Replace(strings.TrimPrefix(g.addr, "tcp!"), "!", ":", 1))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
		c.Close()
	}
	for _, why := range []string{"nosuchuser", "a secret of the machine", "TLS: "} {
		if !srvtest.Until(func() bool { return strings.Contains(g.logged(), why) }) {
			t.Errorf("no %q in the log", why)
		}
	}
}

// TestGuardCut: a session whose connection is cut goes on over one other.
func TestGuardCut(t *testing.T) {
	g := newGuarded(t, "none")
	far := strings.Replace(strings.TrimPrefix(g.addr, "tcp!"), "!", ":", 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	links := make(chan net.Conn, 1000)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			links <- near
			go func() {
				defer near.Close()
				c, err := net.Dial("tcp", far)
				if err != nil {
					return
				}
				defer c.Close()
				go func() {
					defer near.Close()
					io.Copy(near, c)
				}()
				io.Copy(c, near)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	g.write(".ssh/known_hosts", "[127.0.0.1]:"+port+" "+g.hostLine+"\n")
	c, err := new(Dialer).Dial(t.Context(), "tcp!127.0.0.1!"+port, Want{Service: CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := ReadLine(c); err != nil {
		t.Fatal(err)
	}
	(<-links).Close()
	for i := range 20 {
		want := fmt.Sprint("after ", i)
		io.WriteString(c, want+"\n")
		if line, err := ReadLine(c); line != want || err != nil {
			t.Fatalf("%q, %v, want %q", line, err, want)
		}
	}
	if n := len(links); n != 1 {
		t.Errorf("%d more links", n)
	}
}

// TestGuardFull: a user has so many sessions and no more, and is told so.
func TestGuardFull(t *testing.T) {
	old := maxOfUser
	maxOfUser = 1
	t.Cleanup(func() { maxOfUser = old })
	g := newGuarded(t, "none")
	g.says(Want{Service: "rcpu"}) // once it is refused the guard has begun
	before := runtime.NumGoroutine()
	for range 2 {
		var one *Conn
		var err error
		if !srvtest.Until(func() bool { // the one before may last a moment
			one, err = new(Dialer).Dial(t.Context(), g.addr, Want{Service: CPU})
			return err == nil
		}) {
			t.Fatal(err)
		}
		if got := g.says(Want{Service: CPU}); !strings.HasSuffix(got, "refused: user "+g.me+" has 1 sessions, and may have no more") {
			t.Error(got)
		}
		one.Close()
	}
	// Else the guard goes first, and its callers look for it some seconds more.
	srvtest.Until(func() bool { return runtime.NumGoroutine() <= before })
}

// TestGuardEvil: a listener in a stranger's hands has of the machine what nobody has, and
// of its users none but him who just proves who he is, once.
func TestGuardEvil(t *testing.T) {
	dir := t.TempDir()
	g := newGuarded(t, "evil", dir, strings.Replace(strings.TrimPrefix(newPlace(t, Options{}).addr, "tcp!"), "!", ":", 1))
	for name, mode := range map[string]os.FileMode{"secret": 0o600, "open": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for dir := filepath.Clean(dir); dir != "/tmp"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range attacks {
		g.says(Want{Service: CPU, Arg: c.name})
		line := func() string {
			for line := range strings.Lines(g.logged()) {
				if rest, ok := strings.CutPrefix(line, fmt.Sprintf("listener: %d %s: ", i, c.name)); ok {
					return strings.TrimSpace(rest)
				}
			}
			return ""
		}
		if !srvtest.Until(func() bool { return line() != "" }) || line() != c.want {
			t.Errorf("%s: %q, want %q", c.name, line(), c.want)
		}
	}
	if strings.Contains(g.logged(), "\x1b") {
		t.Error("the log's reader's terminal is told something")
	}
}

// A seized is the listener in a stranger's hands: its desk of a caller, and what it has kept of
// earlier ones.
type seized struct {
	*desk
	dir, elsewhere string
	me             string // whose caller it is
	said           []byte // in the handshake
	old            []byte // in an earlier one
	used, unused   string // capabilities
	raw            *net.TCPConn
}

// call makes a system call for the socket of its caller.
func (s *seized) call(do func(fd int) error) (err error) {
	c, err := s.raw.SyscallConn()
	if err == nil {
		c.Control(func(fd uintptr) { err = do(int(fd)) })
	}
	return err
}

// attacks are made one a caller. Each says what it came to.
var attacks = []struct {
	name string
	do   func(s *seized) error
	want string
}{
	{"reads everybody's files", func(s *seized) error {
		_, err := os.ReadFile(s.dir + "/open")
		return err
	}, "operation not permitted"},
	{"reads root's files", func(s *seized) error {
		_, err := os.ReadFile(s.dir + "/secret")
		return err
	}, "operation not permitted"},
	{"runs a program", func(*seized) error { return syscall.Exec("/nosuch", nil, nil) }, "operation not permitted"},
	{"forks", func(*seized) error {
		// Which is no fork, for it has no memory, but no thread either.
		_, _, no := syscall.RawSyscall6(syscall.SYS_CLONE, syscall.CLONE_SIGHAND, 0, 0, 0, 0, 0)
		return no
	}, "operation not permitted"},
	{"makes code", func(*seized) error {
		_, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		return err
	}, "operation not permitted"},
	{"makes code of data", func(*seized) error {
		b, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return errors.New("no memory")
		}
		return syscall.Mprotect(b, syscall.PROT_READ|syscall.PROT_EXEC)
	}, "operation not permitted"},
	{"turns its caller's socket to somebody else", func(s *seized) error {
		return s.call(func(fd int) error { // to nobody, and then it could call
			_, _, no := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&syscall.RawSockaddrInet4{})), syscall.SizeofSockaddrInet4)
			return no
		})
	}, "operation not permitted"},
	{"waits at its caller's socket", func(s *seized) error {
		return s.call(func(fd int) error { return syscall.Listen(fd, 1) })
	}, "operation not permitted"},
	{"becomes root", func(*seized) error { return syscall.Setuid(0) }, "operation not permitted"},
	{"becomes a user", func(*seized) error { return syscall.Setuid(54321) }, "operation not permitted"},
	{"kills the broker", func(*seized) error { return syscall.Kill(os.Getppid(), 0) }, "operation not permitted"},
	{"looks into a process", func(*seized) error { // itself, which it could without a filter
		from, to := []byte("x"), []byte("y")
		local, remote := unix.Iovec{Base: &to[0], Len: 1}, unix.RemoteIovec{Base: uintptr(unsafe.Pointer(&from[0])), Len: 1}
		_, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{local}, []unix.RemoteIovec{remote}, 0)
		runtime.KeepAlive(from)
		return err
	}, "operation not permitted"},
	{"has groups", func(*seized) error {
		if groups, err := os.Getgroups(); err != nil || len(groups) > 0 || os.Geteuid() == 0 || os.Getegid() == 0 {
			return fmt.Errorf("%d, %v, %v", os.Geteuid(), groups, err)
		}
		return errors.New("none")
	}, "none"},
	{"calls somebody", func(s *seized) error {
		_, err := net.Dial("tcp", s.elsewhere)
		return err
	}, "operation not permitted"},
	{"shows a proof", func(s *seized) error {
		if _, err := s.prove(Want{Service: CPU, User: s.me}, s.said); err != nil {
			return err
		}
		s.used, s.old = s.capability, s.said
		c, err := s.session()
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = ReadLine(c)
		return err
	}, "ok"},
	{"shows it again", func(s *seized) error {
		_, err := s.prove(Want{Service: CPU, User: s.me}, s.old)
		return err
	}, "the broker has gone"},
	{"shows no proof", func(s *seized) error {
		_, err := s.prove(Want{Service: CPU, User: s.me}, nil)
		return err
	}, "the broker has gone"},
	{"is somebody else by it", func(s *seized) error {
		_, err := s.prove(Want{Service: CPU, User: "glenda"}, s.said)
		return err
	}, "key is not authorized"},
	{"is somebody else, then", func(s *seized) error {
		s.prove(Want{Service: CPU, User: "glenda"}, s.said)
		_, err := s.prove(Want{Service: CPU, User: s.me}, s.said)
		return err
	}, "the broker has gone"},
	{"uses a capability twice", func(s *seized) error {
		s.capability = s.used
		_, err := s.session()
		return err
	}, "the broker has gone"},
	{"keeps one", func(s *seized) error {
		_, err := s.prove(Want{Service: CPU, User: s.me}, s.said)
		s.unused = s.capability
		return err
	}, "ok"},
	{"uses it for another caller", func(s *seized) error {
		s.capability = s.unused
		_, err := s.session()
		return err
	}, "the broker has gone"},
	{"forges one", func(s *seized) error {
		s.capability = "none@" + s.me + "@x"
		_, err := s.session()
		return err
	}, "the broker has gone"},
	{"begins two sessions", func(s *seized) error {
		if _, err := s.prove(Want{Service: CPU, User: s.me}, s.said); err != nil {
			return err
		}
		c, err := s.session()
		if err != nil {
			return err
		}
		c.Close() // nothing is answered until the first is over
		_, err = s.session()
		return err
	}, "the broker has gone"},
	{"has ssh signed", func(s *seized) error {
		_, _, err := s.ask(askSign, []byte("\x00\x00\x00\x05hello2glenda"))
		return err
	}, "the broker has gone"},
	{"has two handshakes signed", func(s *seized) error {
		msg := append([]byte(strings.Repeat(" ", 64)+"TLS 1.3, server CertificateVerify\x00"), make([]byte, 32)...)
		_, _, err := s.ask(askSign, msg) // the second: the caller's was the first
		return err
	}, "the broker has gone"},
	{"wants Plan 9's door", func(s *seized) error {
		_, _, err := s.ask(askStart, nil)
		return err
	}, "the broker has gone"},
	{"wants a secret", func(s *seized) error {
		_, _, err := s.ask(askInfo, nil)
		return err
	}, "the broker has gone"},
	{"talks nonsense", func(s *seized) error {
		_, _, err := s.ask(200, make([]byte, 3000))
		return err
	}, "the broker has gone"},
	{"writes to the log", func(s *seized) error {
		s.say(errors.New("\x1b[2J"))
		return nil
	}, "ok"},
}

// evil is such a listener. It is an honest one until a caller has said what it wants.
func evil(dir, elsewhere string) error {
	if err := confine(); err != nil {
		return err
	}
	from, err := packetConn(os.NewFile(callers, "callers"))
	if err != nil {
		return err
	}
	s := &seized{dir: dir, elsewhere: elsewhere}
	for i := 0; ; i++ {
		what, files, err := receiveAll(from)
		if err != nil {
			return nil
		}
		raw, err := net.FileConn(files[0])
		if err != nil {
			return err
		}
		conv, err := packetConn(files[1])
		if err != nil {
			return err
		}
		files[0].Close()
		s.raw = raw.(*net.TCPConn)
		s.desk = &desk{UnixConn: conv}
		r := &sshkey.Reader{B: what[1:]}
		der, blob := r.Bytes(), r.Bytes()
		host, err := sshkey.ParsePublic(blob)
		if err != nil {
			return err
		}
		tape, conf := proof.Record(raw, serverTLS(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: deskSigner{s.desk, host.Key}}))
		c := tls.Server(tape, conf)
		if err := c.Handshake(); err != nil {
			return err
		}
		w, err := readWant(c)
		if err != nil {
			return err
		}
		s.me = w.User
		if s.said, err = tape.Transcript(); err != nil {
			return err
		}
		outcome := "ok"
		if err := attacks[i].do(s); err != nil {
			var no syscall.Errno
			if outcome = err.Error(); errors.As(err, &no) {
				outcome = no.Error()
			}
		}
		fmt.Fprintf(os.Stderr, "%d %s: %s\n", i, w.Arg, outcome)
		conv.Close()
		raw.Close()
	}
}
