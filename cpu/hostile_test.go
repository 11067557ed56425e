package cpu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// hostile is a far side that lets one caller in and then does as it likes. It gives what
// Run says to a command there.
func hostile(t *testing.T, tree srv.File, far func(net.Conn)) error {
	t.Helper()
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(srvtest.Patience))
		far(c)
	}()
	in, out := pipe(t), pipe(t)
	go io.Copy(io.Discard, out[0])
	in[1].Close()
	cmd := Cmd{Far: Far{Addr: "unix!" + socket, Tree: tree}, Args: []string{"true"}}
	said := make(chan error, 1)
	go func() { said <- cmd.Run(t.Context(), [3]*os.File{in[0], out[1], out[1]}) }()
	select {
	case err = <-said:
	case <-time.After(srvtest.Patience):
		t.Fatal("Run goes on")
	}
	out[1].Close()
	<-done
	return err
}

func pipe(t *testing.T) [2]*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return [2]*os.File{r, w}
}

// hear reads what is wanted.
func hear(c net.Conn) {
	for b := []byte{0}; b[0] != '\n'; {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// letIn says yes to it and multiplexes.
func letIn(c net.Conn) *yamux.Session {
	hear(c)
	io.WriteString(c, "ok "+runtime.GOARCH+"\n")
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	cfg.EnableKeepAlive = false
	m, err := yamux.Server(c, cfg)
	if err != nil {
		return nil
	}
	return m
}

// TestHostileAnswer: a far side that answers nonsense to what is wanted.
func TestHostileAnswer(t *testing.T) {
	for answer, says := range map[string]string{
		"":                              "no door of ninespace answers there: ",
		"hello\n":                       `no door of ninespace answers there, but "hello"`,
		"no " + "you\x1b[2J do not\n":   "refused: ",
		strings.Repeat("x", 1<<20):      "line longer than",
		"ok\x00\n":                      "no door of ninespace answers",
		"SSH-2.0-OpenSSH_9.2\r\n":       "no door of ninespace answers there, but ",
		"ok " + strings.Repeat("a", 99): "no door of ninespace answers there: ",
	} {
		t.Run("", func(t *testing.T) {
			err := hostile(t, nil, func(c net.Conn) {
				hear(c)
				io.WriteString(c, answer)
			})
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%.20q: %v", answer, err)
			}
			if err != nil && strings.Contains(err.Error(), "\x1b") {
				t.Errorf("the terminal is told %q", err)
			}
		})
	}
}

// TestHostileMux: a far side that speaks no yamux, or such as nobody would.
func TestHostileMux(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	frame := func(typ byte, flags uint16, id, n uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(append([]byte{0, typ}, byte(flags>>8), byte(flags)), id), n)
	}
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(r.Uint32())
	}
	for name, b := range map[string][]byte{
		"random":   garbage,
		"huge":     append(frame(0, 0, 1, 1<<31), garbage...),
		"unknown":  frame(0, 0, 77, 4),
		"go away":  frame(3, 0, 0, 2),
		"window":   bytes.Repeat(frame(1, 0, 1, 1<<31), 100),
		"pings":    bytes.Repeat(frame(2, 1, 0, 7), 5000),
		"type":     frame(9, 0, 1, 0),
		"version":  {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"reset":    frame(1, 8, 1, 0),
		"streams":  manyStreams(frame, 3000),
		"same id":  bytes.Repeat(frame(1, 1, 2, 0), 10),
		"odd side": frame(1, 1, 3, 0),
	} {
		t.Run(name, func(t *testing.T) {
			err := hostile(t, srv.NewDir(), func(c net.Conn) {
				hear(c)
				io.WriteString(c, "ok "+runtime.GOARCH+"\n")
				go io.Copy(io.Discard, c)
				c.Write(b)
				c.(*net.UnixConn).CloseWrite()
				time.AfterFunc(srvtest.Patience/2, func() { c.Close() })
				// Until the caller has gone.
				for err := error(nil); err == nil; {
					_, err = c.Write(frame(2, 1, 0, 7))
				}
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func manyStreams(frame func(byte, uint16, uint32, uint32) []byte, n uint32) []byte {
	var b []byte
	for i := range n {
		b = append(b, frame(1, 1, 2*(i+1), 0)...)
	}
	return b
}

// TestHostileReplies: a far side whose 9P is none, or other than what was asked for.
func TestHostileReplies(t *testing.T) {
	version := append([]byte{21, 0, 0, 0, 101, 0xff, 0xff, 0, 0, 16, 0, 8, 0}, "9P2000.L"...)
	for name, reply := range map[string]func(m []byte) []byte{
		"huge":     func([]byte) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 101, 0xff, 0xff} },
		"short":    func([]byte) []byte { return []byte{3, 0, 0, 0, 101} },
		"empty":    func([]byte) []byte { return []byte{7, 0, 0, 0, 101, 0xff, 0xff} },
		"no reply": func(m []byte) []byte { return m }, // the request itself
		"msize 0":  func([]byte) []byte { b := bytes.Clone(version); copy(b[7:], "\x00\x00\x00\x00"); return b },
		"msize":    func([]byte) []byte { b := bytes.Clone(version); copy(b[7:], "\xff\xff\xff\xff"); return b },
		"dialect":  func([]byte) []byte { return append([]byte{17, 0, 0, 0, 101, 0xff, 0xff, 0, 0, 16, 0, 4, 0}, "9P67"...) },
		"tag":      func([]byte) []byte { b := bytes.Clone(version); b[5] = 3; return b },
	} {
		t.Run(name, func(t *testing.T) {
			err := hostile(t, nil, func(c net.Conn) {
				m := letIn(c)
				s, err := m.AcceptStream()
				if err != nil {
					return
				}
				answer(s, reply)
				m.Close()
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

// answer answers each message with what reply makes of it.
func answer(s io.ReadWriter, reply func([]byte) []byte) {
	in := bufio.NewReader(s)
	for range 100 {
		head, err := in.Peek(4)
		if err != nil {
			return
		}
		m := make([]byte, min(binary.LittleEndian.Uint32(head), 1<<20))
		if _, err := io.ReadFull(in, m); err != nil {
			return
		}
		if _, err := s.Write(reply(m)); err != nil {
			return
		}
	}
}

// TestHostileOutput: output without end and then silence; who waits for it can stop.
func TestHostileOutput(t *testing.T) {
	var endless io.Reader = zeros{}
	null := func(mode p9.Mode) srv.File {
		return srv.Stream(0o666, func(ctx context.Context, p []byte) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, func(_ context.Context, p []byte) (int, error) { return len(p), nil })
	}
	left := 1 << 20
	out := srv.Stream(0o444, func(ctx context.Context, p []byte) (int, error) {
		if left <= 0 {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		left -= len(p)
		return endless.Read(p)
	}, nil)
	conv := srv.NewDir().Add("ctl", null(p9.ORDWR)).Add("0", null(p9.OWRITE)).Add("1", out).Add("2", null(p9.OREAD)).Add("wait", null(p9.OREAD)).Add("status", srv.Const(""))
	tree := srv.NewDir().Add("clone", &cloneFile{srv.NewNode(0o666)}).Add("1", conv)
	srvtest.CheckGoroutines(t)
	near, far := srvtest.Pair(t)
	served := make(chan error, 1)
	go func() { served <- srv.New(tree).ServeConn(context.Background(), far) }()
	in, to := pipe(t), pipe(t)
	in[1].Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := Cmd{Far: Far{Addr: "hostile", Resident: func(context.Context) (net.Conn, string, error) { return near, "", nil }}, Args: []string{"true"}}
	said := make(chan error, 1)
	go func() { said <- cmd.Run(ctx, [3]*os.File{in[0], to[1], to[1]}) }()
	if _, err := io.CopyN(io.Discard, to[0], 512<<10); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, to[0])
	cancel()
	select {
	case err := <-said:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(srvtest.Patience):
		t.Fatal("Run goes on")
	}
	to[1].Close()
	<-served
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type cloneFile struct{ srv.Node }

func (*cloneFile) Read(_ context.Context, p []byte, off int64) (int, error) {
	return srv.Bytes("1").Read(context.Background(), p, off)
}

func (*cloneFile) Write(_ context.Context, p []byte, _ int64) (int, error) { return len(p), nil }

// TestHostileTree: a far side that wants more than the tree that it was given, while names
// change there, by more streams than anybody needs.
func TestHostileTree(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "pub")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755),
		os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(dir, "f"), []byte("public"), 0o644),
		os.WriteFile(filepath.Join(dir, "sub/secret"), []byte("public"), 0o644),
		os.Symlink("../secret", filepath.Join(dir, "rel")),
		os.Symlink("..", filepath.Join(dir, "up")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tree, err := diskfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.(io.Closer).Close()
	err = hostile(t, tree, func(c net.Conn) {
		m := letIn(c)
		defer m.Close()
		ctx, cancel := context.WithTimeout(context.Background(), srvtest.Patience)
		defer cancel()
		stop := make(chan struct{})
		swapped := make(chan struct{})
		go func() {
			defer close(swapped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "f"), unix.AT_FDCWD, filepath.Join(dir, "rel"), unix.RENAME_EXCHANGE)
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "sub"), unix.AT_FDCWD, filepath.Join(dir, "up"), unix.RENAME_EXCHANGE)
			}
		}()
		defer func() { close(stop); <-swapped }()
		s, err := m.Open()
		if err != nil {
			t.Error(err)
			return
		}
		cc, err := client.New(ctx, s, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for _, aname := range []string{"..", "/", "/etc", top} {
			root, err := cc.Attach(ctx, nil, "", aname)
			if err != nil {
				continue
			}
			for range 200 {
				for _, names := range [][]string{{"..", "secret"}, {"rel"}, {"f"}, {"up", "secret"}, {"sub", "secret"}, {"sub", "..", "..", "secret"}, {"../secret"}, {"sub", "deep", "..", "..", "..", "secret"}} {
					f, err := root.WalkOpen(ctx, p9.OREAD, names...)
					if err != nil {
						continue
					}
					b := make([]byte, 10)
					if n, err := f.Read(ctx, b, 0); err == nil && string(b[:n]) == "secret" {
						t.Errorf("%q of %q is the secret", names, aname)
					}
					f.Clunk(ctx)
				}
			}
		}
		for range 1000 { // of which most are closed at once
			if _, err := m.Open(); err != nil {
				return
			}
		}
	})
	if err == nil {
		t.Error("no error")
	}
}
