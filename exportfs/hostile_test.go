package exportfs_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/sys/unix"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/exportfs/trees"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A far is an export that runs, and its caller's end of the stream, which has said what it
// wants and been told "ok".
type far struct {
	net.Conn
	served chan error
}

// export serves a tree to a caller who was let in.
func export(t *testing.T, cfg trees.Config, aname string) *far {
	t.Helper()
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	near, theirs := srvtest.Pair(t)
	c, err := door.Stdio(theirs, door.Want{Service: door.Export, Arg: aname}.String())
	if err != nil {
		t.Fatal(err)
	}
	f := &far{near, make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { f.served <- cfg.Export().Serve(ctx, c) }()
	t.Cleanup(func() {
		near.Close()
		f.ended(t)
		cancel()
	})
	return f
}

// ended waits for the export's end.
func (f *far) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.served:
		f.served <- err
		return err
	case <-time.After(srvtest.Patience):
		t.Fatal("the export goes on without its caller")
		return nil
	}
}

// answer reads the answer to what is wanted.
func (f *far) answer(t *testing.T) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := f.Read(b); err != nil {
			t.Fatal(err)
		}
		if b[0] == '\n' {
			return string(line)
		}
	}
}

// mux multiplexes as an honest caller does.
func (f *far) mux(t *testing.T) *yamux.Session {
	t.Helper()
	if a := f.answer(t); !strings.HasPrefix(a, "ok ") {
		t.Fatal(a)
	}
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	m, err := yamux.Client(f.Conn, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// raw is a conversation of messages that no honest client sends.
type raw struct {
	*testing.T
	c  net.Conn
	in *bufio.Reader
}

func newRaw(t *testing.T, m *yamux.Session) *raw {
	t.Helper()
	s, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.SetDeadline(time.Now().Add(srvtest.Patience))
	return &raw{T: t, c: s, in: bufio.NewReader(s)}
}

func (r *raw) rpc(f *p9.Fcall) *p9.Fcall {
	r.Helper()
	b, err := f.Append(nil, true)
	if err == nil {
		_, err = r.c.Write(b)
	}
	if err != nil {
		r.Fatalf("%s: %v", f.Text(true), err)
	}
	got, err := srvtest.Recv(r.in, true)
	if err != nil {
		r.Fatalf("%s: %v", f.Text(true), err)
	}
	return got
}

// attach begins, with the root at fid 0.
func (r *raw) attach() {
	r.Helper()
	for _, f := range []*p9.Fcall{
		{Type: p9.Tversion, Tag: p9.NoTag, Msize: p9.MaxMsize, Version: p9.Version9P2000L},
		{Type: p9.Tattach, Afid: p9.NoFid, Nuname: uint32(os.Getuid())},
	} {
		if got := r.rpc(f); got.Type != f.Type+1 {
			r.Fatalf("%s: %s", f.Text(true), got.Text(true))
		}
	}
}

// prison makes a directory with a secret beside it.
func prison(t *testing.T) (dir, secret string) {
	t.Helper()
	top := t.TempDir()
	dir, secret = filepath.Join(top, "pub"), filepath.Join(top, "secret")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755),
		os.WriteFile(secret, []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(dir, "f"), []byte("public"), 0o644),
		os.WriteFile(filepath.Join(dir, "sub/secret"), []byte("public"), 0o644),
		os.Symlink("../secret", filepath.Join(dir, "rel")),
		os.Symlink(secret, filepath.Join(dir, "abs")),
		os.Symlink("..", filepath.Join(dir, "up")),
		os.Symlink("/proc/self/root", filepath.Join(dir, "magic")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, secret
}

// TestEscape: a caller reaches nothing that it was not given, by any name in any message
// that has one, and by none for the tree either.
func TestEscape(t *testing.T) {
	dir, _ := prison(t)
	f := export(t, trees.Config{Root: dir}, "")
	r := newRaw(t, f.mux(t))
	r.attach()
	root := r.rpc(&p9.Fcall{Type: p9.Tgetattr, Fid: 0}).Attr.Qid
	for _, names := range [][]string{{".."}, {"..", "secret"}, {"sub", "..", "..", "secret"}, {"sub", "deep", "..", "..", "..", "..", "etc", "passwd"},
		{"../secret"}, {"sub/../../secret"}, {"/etc/passwd"}, {"rel", "x"}, {"up", "secret"}, {"magic", "etc"}, {""}, {"."}, {"f", ".."}, {"a\x00b"}} {
		got := r.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: names})
		if got.Type == p9.Rwalk && len(got.Wqid) == len(names) {
			for i, q := range got.Wqid {
				if names[i] == ".." && i == 0 && q.Path != root.Path {
					t.Errorf("walk %q leads to %v", names, q)
				}
			}
			if last := got.Wqid[len(got.Wqid)-1]; last.Path != root.Path {
				t.Errorf("walk %q: %v", names, got.Text(true))
			}
			r.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
		}
	}
	for _, name := range []string{"rel", "abs", "up", "magic"} {
		r.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: []string{name}})
		if got := r.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1, Flags: 2}); got.Type == p9.Rlopen {
			t.Errorf("open of the link %s: %s", name, got.Text(true))
		}
		r.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
	}
	for _, name := range []string{"..", "../new", "/tmp/new", "sub/../../new", ""} {
		for _, f := range []*p9.Fcall{
			{Type: p9.Tlcreate, Fid: 1, Name: name, Flags: 2, Perm: 0o644},
			{Type: p9.Tmkdir, Name: name, Perm: 0o755},
			{Type: p9.Tsymlink, Fid: 0, Name: name, Name2: "/etc/passwd"},
			{Type: p9.Trenameat, Name: "f", Name2: name},
			{Type: p9.Trenameat, Name: name, Name2: "g"},
			{Type: p9.Tunlinkat, Name: name},
			{Type: p9.Tunlinkat, Name: name, Flags: 0x200},
		} {
			r.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1})
			if got := r.rpc(f); got.Type == f.Type+1 {
				t.Errorf("%s: %s", f.Text(true), got.Text(true))
			}
			r.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
		}
	}
	if ents, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(ents) != 2 {
		t.Errorf("beside the tree: %v, %v", ents, err)
	}
}

// attach begins an honest conversation.
func attach(t *testing.T, m *yamux.Session) *client.Fid {
	t.Helper()
	s, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestEscapeTree: a tree's name leads nowhere else either.
func TestEscapeTree(t *testing.T) {
	dir, _ := prison(t)
	for aname, want := range map[string]string{"": "ok", "/": "ok", "/..": "ok", "/../..": "ok", "/sub": "ok", "sub": "no ", "/up": "ok",
		"/abs": "no ", "/magic": "no ", "/f": "no ", "#s/x": "no ", "/net": "no ", "/nosuch": "no ", "/sub/../../secret": "no "} {
		t.Run(aname, func(t *testing.T) {
			f := export(t, trees.Config{Root: dir}, aname)
			got := f.answer(t)
			if !strings.HasPrefix(got, want) {
				t.Errorf("%q", got)
			}
			if !strings.HasPrefix(got, "ok ") {
				return
			}
			m, err := yamux.Client(f.Conn, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			root := attach(t, m)
			if b, err := (client.Fsys{Root: root}).ReadFile(t.Context(), "secret"); err == nil && string(b) == "secret" {
				t.Error("the secret is there")
			}
		})
	}
}

// TestSwap has names change between a file and a link out of the tree while they are used.
func TestSwap(t *testing.T) {
	dir, _ := prison(t)
	root := attach(t, export(t, trees.Config{Root: dir}, "").mux(t))
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for _, s := range [][2]string{{"f", "rel"}, {"sub", "up"}} {
		wg.Go(func() {
			for ctx.Err() == nil {
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, s[0]), unix.AT_FDCWD, filepath.Join(dir, s[1]), unix.RENAME_EXCHANGE)
			}
		})
	}
	got := 0
	for i := 0; i < 20000 && (i < 300 || got == 0); i++ {
		for _, names := range [][]string{{"f"}, {"sub", "secret"}} {
			g, err := root.WalkOpen(t.Context(), p9.OREAD, names...)
			if err != nil {
				continue
			}
			b := make([]byte, 10)
			n, err := g.Read(t.Context(), b, 0)
			g.Clunk(t.Context())
			if err != nil {
				continue
			}
			got++
			if string(b[:n]) != "public" {
				t.Fatalf("%q is read by %q", b[:n], names)
			}
		}
	}
	cancel()
	wg.Wait()
	if got == 0 {
		t.Error("nothing was ever read")
	}
}

// TestGarbage: what is no multiplexing, or no 9P, ends the connection or the conversation.
func TestGarbage(t *testing.T) {
	dir, _ := prison(t)
	r := rand.New(rand.NewPCG(1, 2))
	t.Run("mux", func(t *testing.T) {
		for range 20 {
			f := export(t, trees.Config{Root: dir}, "")
			f.answer(t)
			b := make([]byte, 64<<10)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			f.SetDeadline(time.Now().Add(srvtest.Patience))
			f.Write(b)
			if err := f.ended(t); err == nil {
				t.Error("no error")
			}
		}
	})
	t.Run("mux slowly", func(t *testing.T) { // half a header, and then nothing: hanging up is all it takes
		f := export(t, trees.Config{Root: dir}, "")
		f.answer(t)
		f.Write([]byte{0, 0, 0, 1})
		f.Close()
		f.ended(t)
	})
	f := export(t, trees.Config{Root: dir}, "")
	m := f.mux(t)
	for name, b := range map[string][]byte{
		"size 0":      {0, 0, 0, 0},
		"size 4":      {4, 0, 0, 0, 100},
		"huge":        {255, 255, 255, 255, 100, 255, 255},
		"no version":  {11, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0},
		"long string": append([]byte{23, 0, 0, 0, 100, 255, 255, 0, 0, 1, 0, 255, 255}, "9P2000.L.."...),
		"http":        []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		x := newRaw(t, m)
		x.c.Write(b)
		// An error is answered, or the conversation ends.
		if got, err := srvtest.Recv(x.in, true); err == nil && got.Type != p9.Rlerror && got.Type != p9.Rerror && got.Type != p9.Rversion || errors.Is(err, yamux.ErrTimeout) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	x := newRaw(t, m)
	if got := x.rpc(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: "HTTP/1.1"}); got.Version != "unknown" {
		t.Errorf("version: %s", got.Text(true))
	}
	newRaw(t, m).attach() // and the others go on
}

// TestStreams: a thousand conversations are too many, and do not hinder the first.
func TestStreams(t *testing.T) {
	dir, _ := prison(t)
	f := export(t, trees.Config{Root: dir}, "")
	m := f.mux(t)
	first := newRaw(t, m)
	first.attach()
	served := 0
	for range 1000 {
		s, err := m.Open()
		if err != nil {
			break
		}
		defer s.Close()
		b, _ := (&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: p9.Version9P2000L}).Append(nil, true)
		s.SetDeadline(time.Now().Add(srvtest.Patience))
		s.Write(b)
		if _, err := srvtest.Recv(s, true); err == nil {
			served++
		}
	}
	if served < 10 || served > 300 {
		t.Errorf("%d conversations at once", served)
	}
	first.c.SetDeadline(time.Now().Add(srvtest.Patience)) // the others may have taken all of it
	if got := first.rpc(&p9.Fcall{Type: p9.Tgetattr, Fid: 0}); got.Type != p9.Rgetattr {
		t.Errorf("the first conversation: %s", got.Text(true))
	}
}

// TestNeverReads: a conversation whose client takes no replies costs a bounded lot, and is
// in nobody else's way.
func TestNeverReads(t *testing.T) {
	dir, _ := prison(t)
	if err := os.Truncate(filepath.Join(dir, "f"), 64<<20); err != nil {
		t.Fatal(err)
	}
	f := export(t, trees.Config{Root: dir}, "")
	m := f.mux(t)
	deaf := newRaw(t, m)
	deaf.attach()
	deaf.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: []string{"f"}})
	deaf.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	deaf.c.SetWriteDeadline(time.Now().Add(time.Second))
	for i := range 5000 {
		b, _ := (&p9.Fcall{Type: p9.Tread, Tag: uint16(i), Fid: 1, Count: 512 << 10}).Append(nil, true)
		if _, err := deaf.c.Write(b); err != nil {
			break
		}
	}
	other := newRaw(t, m)
	other.attach()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 128<<20 {
		t.Errorf("%d MiB are in use for it", grown>>20)
	}
}

// A hostile far side: what it does after the caller has asked.
func hostile(t *testing.T, do func(c net.Conn, line string)) (addr string) {
	t.Helper()
	srvtest.CheckGoroutines(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				line, _ := bufio.NewReaderSize(c, 1<<10).ReadString('\n')
				do(c, line)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range all {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "unix!" + path
}

// speak multiplexes, and has each conversation be do's.
func speak(do func(c net.Conn)) func(net.Conn, string) {
	return func(c net.Conn, _ string) {
		io.WriteString(c, "ok\n")
		conf := yamux.DefaultConfig()
		conf.LogOutput = io.Discard
		m, err := yamux.Server(c, conf)
		if err != nil {
			return
		}
		door.Serve(m, do)
	}
}

// TestHostileDoor: a far side that does not answer, or not as it should, is let go of when
// the caller has had enough, or at once.
func TestHostileDoor(t *testing.T) {
	silent := hostile(t, func(c net.Conn, _ string) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := exportfs.Dial(ctx, &door.Dialer{}, silent, "", "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	for _, says := range []string{"\n", "ok", strings.Repeat("x", 1<<20), "HTTP/1.1 400 Bad Request\r\n\r\n", "no \x1b[2J\n"} {
		addr := hostile(t, func(c net.Conn, _ string) { io.WriteString(c, says) })
		if i, err := exportfs.Dial(t.Context(), &door.Dialer{}, addr, "", "/"); err == nil {
			i.Close()
			t.Errorf("%.20q is an answer", says)
		}
	}
	garbage := hostile(t, func(c net.Conn, _ string) { io.WriteString(c, "ok\n"+strings.Repeat("garbage", 10000)) })
	i, err := exportfs.Dial(t.Context(), &door.Dialer{}, garbage, "", "/")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "l"))
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Serve(t.Context(), l, 0); err != exportfs.ErrLost {
		t.Errorf("garbage: %v", err)
	}
	i.Close()
	// Conversations that the far side opens are nobody's.
	opened := make(chan int, 1)
	pushy := hostile(t, func(c net.Conn, _ string) {
		io.WriteString(c, "ok\n")
		conf := yamux.DefaultConfig()
		conf.LogOutput = io.Discard
		m, err := yamux.Server(c, conf)
		if err != nil {
			return
		}
		defer m.Close()
		n := 0
		for range 300 {
			s, err := m.Open()
			if err != nil {
				break
			}
			s.SetReadDeadline(time.Now().Add(srvtest.Patience))
			if _, err := s.Read(make([]byte, 1)); err == io.EOF {
				n++
			}
		}
		opened <- n
		<-m.CloseChan()
	})
	if i, err = exportfs.Dial(t.Context(), &door.Dialer{}, pushy, "", "/"); err != nil {
		t.Fatal(err)
	}
	if n := <-opened; n != 300 {
		t.Errorf("%d of 300 conversations were closed", n)
	}
	i.Close()
}

// answers is a server of one answer for each type of request, whatever was asked.
func answers(with func(t *p9.Fcall) []byte) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			var h [4]byte
			if _, err := io.ReadFull(in, h[:]); err != nil {
				return
			}
			b := make([]byte, binary.LittleEndian.Uint32(h[:]))
			copy(b, h[:])
			if _, err := io.ReadFull(in, b[4:]); err != nil {
				return
			}
			f := new(p9.Fcall)
			if err := f.Decode(b, true); err != nil {
				return
			}
			if r := with(f); r != nil {
				if _, err := c.Write(r); err != nil {
					return
				}
			}
		}
	}
}

// honest answers what a server of a directory with one file would.
func honest(f *p9.Fcall) []byte {
	r := &p9.Fcall{Type: f.Type + 1, Tag: f.Tag}
	dir := p9.Qid{Type: p9.QTDIR, Path: 1, Vers: 1}
	switch f.Type {
	case p9.Tversion:
		r.Msize, r.Version = min(f.Msize, 64<<10), f.Version
	case p9.Tattach:
		r.Qid = dir
	case p9.Twalk:
		for range f.Wname {
			r.Wqid = append(r.Wqid, p9.Qid{Path: 2, Vers: 1})
		}
	case p9.Tlopen:
		r.Qid = dir
	case p9.Tgetattr:
		r.Attr = p9.Attr{Valid: p9.GetattrBasic, Qid: dir, Mode: 0o40755}
	}
	b, _ := r.Append(nil, true)
	return b
}

// TestHostileServer: what a far side answers in 9P is checked, and whoever waits for what
// does not come can leave.
func TestHostileServer(t *testing.T) {
	frame := func(size uint32, typ p9.Type, tag uint16, body ...byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, size)
		return append(append(b, byte(typ), byte(tag), byte(tag>>8)), body...)
	}
	n := uint64(0)
	for name, with := range map[string]func(f *p9.Fcall) []byte{
		"silent":     func(f *p9.Fcall) []byte { return nil },
		"huge":       func(f *p9.Fcall) []byte { return frame(1<<31, f.Type+1, f.Tag) },
		"short":      func(f *p9.Fcall) []byte { return frame(3, f.Type+1, f.Tag) },
		"wrong type": func(f *p9.Fcall) []byte { return frame(7, p9.Rclunk, f.Tag) },
		"wrong tag":  func(f *p9.Fcall) []byte { return frame(7, f.Type+1, f.Tag+100) },
		"too many qids": func(f *p9.Fcall) []byte {
			if f.Type == p9.Twalk {
				return frame(7+2+16*13, p9.Rwalk, f.Tag, append([]byte{16, 0}, make([]byte, 16*13)...)...)
			}
			return honest(f)
		},
		"too many bytes": func(f *p9.Fcall) []byte {
			if f.Type == p9.Tread || f.Type == p9.Treaddir {
				return frame(7+4+60000, f.Type+1, f.Tag, append(binary.LittleEndian.AppendUint32(nil, 60000), make([]byte, 60000)...)...)
			}
			return honest(f)
		},
		"lying count": func(f *p9.Fcall) []byte {
			if f.Type == p9.Tread || f.Type == p9.Treaddir {
				return frame(7+4+10, f.Type+1, f.Tag, append(binary.LittleEndian.AppendUint32(nil, 60000), make([]byte, 10)...)...)
			}
			return honest(f)
		},
		"names": func(f *p9.Fcall) []byte {
			if f.Type != p9.Treaddir || f.Offset > 0 {
				return honest(f)
			}
			r := &p9.Fcall{Type: p9.Rreaddir, Tag: f.Tag}
			for i, name := range []string{"a/b", "/etc", "..", ".", "", "a\x00b", "fine"} {
				r.Data = p9.AppendDirent(r.Data, &p9.Dirent{Name: name, Cookie: uint64(i + 1)})
			}
			b, _ := r.Append(nil, true)
			return b
		},
		"circle": func(f *p9.Fcall) []byte {
			if f.Type != p9.Treaddir {
				return honest(f)
			}
			r := &p9.Fcall{Type: p9.Rreaddir, Tag: f.Tag, Data: p9.AppendDirent(nil, &p9.Dirent{Name: "x", Cookie: 7})}
			b, _ := r.Append(nil, true)
			return b
		},
		"endless": func(f *p9.Fcall) []byte {
			if f.Type != p9.Treaddir {
				return honest(f)
			}
			n++
			r := &p9.Fcall{Type: p9.Rreaddir, Tag: f.Tag, Data: p9.AppendDirent(nil, &p9.Dirent{Name: fmt.Sprint(n), Cookie: n})}
			b, _ := r.Append(nil, true)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := exportfs.Dial(t.Context(), &door.Dialer{}, hostile(t, speak(answers(with))), "", "/")
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if name == "names" { // which come, however slowly
				ctx = t.Context()
			}
			names, err := use(ctx, i)
			switch {
			case name == "names":
				if len(names) != 1 || names[0] != "fine" {
					t.Errorf("names %q", names)
				}
			case name == "endless":
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d names, %v", len(names), err)
				}
			case err == nil:
				t.Errorf("no error: %q", names)
			}
		})
	}
}

// use does what an import's user does: it lists the root and reads a file.
func use(ctx context.Context, i *exportfs.Import) (names []string, err error) {
	s, err := i.Open()
	if err != nil {
		return nil, err
	}
	c, err := client.New(ctx, s, &client.Options{Version: p9.Version9P2000L})
	if err != nil {
		s.Close()
		return nil, err
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		return nil, err
	}
	d, err := root.WalkOpen(ctx, p9.OREAD)
	if err != nil {
		return nil, err
	}
	for e, err := range d.List(ctx, 0) {
		if err == nil {
			names = append(names, e.Name)
		} else if !errors.Is(err, p9.ErrBadName) {
			return names, err
		}
	}
	f, err := root.WalkOpen(ctx, p9.OREAD, "f")
	if err != nil {
		return names, err
	}
	_, err = f.Read(ctx, make([]byte, 100), 0)
	return names, err
}
