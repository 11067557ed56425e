package main

import (
	"bufio"
	"bytes"
	"context"
	be "encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A caller is one of a cpud's that keeps to nothing.
type caller struct {
	*testing.T
	net.Conn
}

// call connects to the node's cpud.
func (n *node) call() *caller {
	n.Helper()
	c, err := net.Dial("unix", filepath.Join(n.dir, "cpu"))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { c.Close() })
	n.calls = append(n.calls, c)
	c.SetDeadline(time.Now().Add(srvtest.Patience))
	return &caller{n.T, c}
}

// want says what is wanted and gives the answer.
func (c *caller) want(line string) string {
	c.Helper()
	io.WriteString(c, line)
	var got []byte
	for b := make([]byte, 1); len(got) < 10000; got = append(got, b[0]) {
		if _, err := c.Read(b); err != nil || b[0] == '\n' {
			break
		}
	}
	return string(got)
}

const wantCpu = "ninespace 1 cpu '' ''\n"

// mux goes on as an honest caller does.
func (c *caller) mux() *yamux.Session {
	c.Helper()
	if a := c.want(wantCpu); !strings.HasPrefix(a, "ok ") {
		c.Fatalf("answer %q", a)
	}
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	cfg.EnableKeepAlive = false
	m, err := yamux.Client(c.Conn, cfg)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { m.Close() })
	go func() { // for the name space
		for {
			s, err := m.Accept()
			if err != nil {
				return
			}
			go srv.New(srv.NewDir()).ServeConn(context.Background(), s)
		}
	}()
	return m
}

// A talk is a conversation of 9P2000.L, message by message.
type talk struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func (c *caller) talk(m *yamux.Session) *talk {
	c.Helper()
	s, err := m.Open()
	if err != nil {
		c.Fatal(err)
	}
	s.SetDeadline(time.Now().Add(srvtest.Patience))
	t := &talk{c.T, s, bufio.NewReader(s)}
	t.must(&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: p9.MaxMsize, Version: p9.Version9P2000L})
	return t
}

func (t *talk) send(f *p9.Fcall) {
	t.Helper()
	b, err := f.Append(nil, true)
	if err == nil {
		_, err = t.Write(b)
	}
	if err != nil {
		t.Fatalf("%s: %v", f.Text(true), err)
	}
}

func (t *talk) rpc(f *p9.Fcall) *p9.Fcall {
	t.Helper()
	t.send(f)
	got, err := srvtest.Recv(t.in, true)
	if err != nil {
		t.Fatalf("%s: %v", f.Text(true), err)
	}
	return got
}

func (t *talk) must(f *p9.Fcall) *p9.Fcall {
	t.Helper()
	got := t.rpc(f)
	if got.Type != f.Type+1 {
		t.Fatalf("%s: %s", f.Text(true), got.Text(true))
	}
	return got
}

// clone attaches as somebody, and makes a conversation, with its ctl at fid 1; it gives its
// number.
func (t *talk) clone(uid uint32, uname, aname string) string {
	t.Helper()
	t.must(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Uname: uname, Aname: aname, Nuname: uid})
	t.must(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"clone"}})
	t.must(&p9.Fcall{Type: p9.Tlopen, Fid: 1, Flags: 2})
	return strings.TrimSpace(string(t.must(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 100}).Data))
}

func (t *talk) ctl(line string) *p9.Fcall {
	t.Helper()
	return t.rpc(&p9.Fcall{Type: p9.Twrite, Fid: 1, Data: []byte(line)})
}

// open opens a file of a conversation.
func (t *talk) open(fid, flags uint32, names ...string) *p9.Fcall {
	t.Helper()
	if got := t.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: fid, Wname: names}); got.Type != p9.Rwalk || len(got.Wqid) != len(names) {
		return got
	}
	return t.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: fid, Flags: flags})
}

// TestCpudHostile: callers of whom one keeps to nothing; the others are served, and nothing
// of it is left.
func TestCpudHostile(t *testing.T) {
	n := newNode(t)
	cpud := n.cpud()
	honest := func() {
		t.Helper()
		if out, err := n.command("cpu", "echo", "honest").CombinedOutput(); err != nil || string(out) != "honest\n" {
			t.Errorf("somebody else: %v: %s", err, out)
		}
	}
	honest()
	n.gone(cpud.Process.Pid)
	before := state(t, cpud.Process.Pid, n.dir)

	t.Run("want", func(t *testing.T) {
		for line, says := range map[string]string{
			"ninespace 99 cpu '' ''\n":                          "no the caller's nine speaks version \"99\" of the door, the far side's version 1",
			"ninespace " + strings.Repeat("9", 3000) + " cpu\n": "no the caller's nine speaks version ",
			"ninespace 1 rcpu '' ''\n":                          "no that is for another door",
			"ninespace 1 cpu nobody ''\n":                       "no user root cannot be ",
			"ninespace 1 cpu '' '' more\n":                      "no malformed request",
			"ninespace 1 cpu 'open\n":                           "no this is a door of ninespace, and that is not its language",
			"ninespace 1 c\x00u '' ''\n":                        "no ",
			"ninespace 1 export '' '#s/../x'\n":                 "no ",
			"GET / HTTP/1.1\r\n":                                "no this is a door of ninespace",
			strings.Repeat("x", 1<<20):                          "",
			"\n":                                                "no this is a door",
		} {
			if got := n.call().want(line); !strings.HasPrefix(got, says) || len(got) > 4096 || strings.HasPrefix(got, "ok") {
				t.Errorf("%.60q: %.100q", line, got)
			}
		}
		honest()
	})

	t.Run("mux", func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		frame := func(typ byte, flags uint16, id, size uint32) []byte {
			return be.BigEndian.AppendUint32(be.BigEndian.AppendUint32([]byte{0, typ, byte(flags >> 8), byte(flags)}, id), size)
		}
		garbage := make([]byte, 64<<10)
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
		for name, b := range map[string][]byte{
			"random":  garbage,
			"huge":    append(append(frame(1, 1, 1, 0), frame(0, 0, 1, 1<<31)...), garbage...),
			"window":  append(append(frame(1, 1, 1, 0), frame(1, 0, 1, 0xffffffff)...), frame(1, 0, 1, 0xffffffff)...),
			"go away": frame(3, 0, 0, 1),
			"even":    frame(1, 1, 2, 0),
			"twice":   append(frame(1, 1, 1, 0), frame(1, 1, 1, 0)...),
		} {
			c := n.call()
			if a := c.want(wantCpu); !strings.HasPrefix(a, "ok ") {
				t.Fatalf("%s: %q", name, a)
			}
			c.Write(b)
			c.Conn.(*net.UnixConn).CloseWrite()
			if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: the session goes on", name)
			}
		}
		honest()
	})

	t.Run("9P", func(t *testing.T) {
		c := n.call()
		m := c.mux()
		for _, b := range [][]byte{{0xff, 0xff, 0xff, 0xff, 100, 0xff, 0xff}, {4, 0, 0, 0}, bytes.Repeat([]byte{9}, 1000)} {
			s, err := m.Open()
			if err != nil {
				t.Fatal(err)
			}
			s.SetDeadline(time.Now().Add(srvtest.Patience))
			s.Write(b)
			if _, err := io.Copy(io.Discard, s); err != nil && err != yamux.ErrConnectionReset {
				t.Errorf("%x is waited for: %v", b[:4], err)
			}
		}
		// The session goes on, and is of the same user whoever one says to be.
		tk := c.talk(m)
		if got := tk.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Aname: "/etc"}); got.Type != p9.Rlerror {
			t.Errorf("/etc for commands: %s", got.Text(true))
		}
		num := tk.clone(12345, "eve", "")
		if got := tk.ctl("exec id -u\n"); got.Type != p9.Rwrite {
			t.Fatal(got.Text(true))
		}
		tk.open(2, 0, num, "1")
		if got := tk.rpc(&p9.Fcall{Type: p9.Tread, Fid: 2, Count: 100}); string(got.Data) != "0\n" {
			t.Errorf("%s", got.Text(true))
		}
		for _, names := range [][]string{{"..", "..", "etc", "passwd"}, {num, "..", "..", ".."}, {num + "/ctl"}, {"99", "ctl"}} {
			if got := tk.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 9, Wname: names}); got.Type == p9.Rwalk && len(got.Wqid) == len(names) && names[0] != ".." && names[len(names)-1] != ".." {
				t.Errorf("%q: %s", names, got.Text(true))
			}
			tk.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 9})
		}
	})

	t.Run("others", func(t *testing.T) {
		// A conversation is its connection's: nobody else's has it, by number or by fid.
		a, b := n.call(), n.call()
		ta := a.talk(a.mux())
		num := ta.clone(0, "", "")
		if got := ta.ctl("exec sleep 1000\n"); got.Type != p9.Rwrite {
			t.Fatal(got.Text(true))
		}
		tb := b.talk(b.mux())
		tb.must(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Nuname: 0})
		if got := tb.open(5, 1, num, "ctl"); got.Type == p9.Rlopen {
			t.Errorf("%s of another session: %s", num, got.Text(true))
		}
		for _, f := range []*p9.Fcall{{Type: p9.Tread, Fid: 1, Count: 10}, {Type: p9.Twrite, Fid: 1, Data: []byte("kill\n")}, {Type: p9.Tclunk, Fid: 1}} {
			if got := tb.rpc(f); got.Type != p9.Rlerror {
				t.Errorf("%s: %s", f.Text(true), got.Text(true))
			}
		}
		if got := ta.open(3, 0, num, "status"); got.Type != p9.Rlopen {
			t.Errorf("%s", got.Text(true))
		}
	})

	t.Run("streams", func(t *testing.T) {
		// More streams than anybody has, and of those that are served none that is read.
		c := n.call()
		m := c.mux()
		tk := c.talk(m)
		num := tk.clone(0, "", "")
		if got := tk.ctl("exec sh -c 'exec cat /dev/zero'\n"); got.Type != p9.Rwrite {
			t.Fatal(got.Text(true))
		}
		tk.open(2, 0, num, "1")
		for i := range 2000 {
			tk.send(&p9.Fcall{Type: p9.Tread, Tag: uint16(i + 1), Fid: 2, Count: 1 << 20})
		}
		for range 3000 {
			s, err := m.Open()
			if err != nil {
				break
			}
			s.SetDeadline(time.Now().Add(time.Second))
			s.Write([]byte{19, 0, 0, 0, 100})
		}
		honest()
		session := n.find("nine cpud -i")
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", session))
		for line := range strings.Lines(string(status)) {
			var kib int
			if k, _ := fmt.Sscanf(line, "VmRSS: %d", &kib); k == 1 && kib > 256<<10 {
				t.Errorf("the session has %d KiB", kib)
			}
		}
		c.Close()
	})
	honest()
	for _, c := range n.calls {
		c.Close()
	}
	n.gone(cpud.Process.Pid)
	after := before
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("before:\n%s\nafter:\n%s", before, after)
		}
	})
	waitFor(t, n.ctx, func() bool {
		after = state(t, cpud.Process.Pid, n.dir)
		return strings.Count(after, "\n") <= strings.Count(before, "\n")
	})
}
