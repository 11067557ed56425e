package netfs

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestUDPCalls has datagrams of three who were not heard of make a conversation each, in
// order, of which none is lost.
func TestUDPCalls(t *testing.T) {
	for _, addr := range []string{"127.0.0.1!0", "*!0"} {
		t.Run(addr, func(t *testing.T) {
			each(t, Config{}, func(x tree) {
				l := x.clone("udp")
				l.must("announce " + addr)
				to := "127.0.0.1!" + port(l.file("local"))
				callers := map[string]string{}
				for _, name := range []string{"a", "b", "c"} {
					c := x.clone("udp")
					c.must("connect " + to)
					d := c.data()
					x.Write(d, name+"1")
					x.Write(d, name+"2")
					callers[c.file("local")] = name
					t.Cleanup(func() { d.Clunk(t.Context()) })
				}
				for range 3 {
					n := l.listen()
					name := callers[n.file("remote")]
					delete(callers, n.file("remote"))
					d := n.data()
					for _, want := range []string{name + "1", name + "2"} {
						if got := x.Read(d); got != want {
							x.Errorf("%s: read %q, want %q", name, got, want)
						}
					}
					if n.file("local") != to {
						x.Errorf("local %s, not %s", n.file("local"), to)
					}
					if !strings.HasPrefix(n.file("status"), "Open qin 0 ") {
						x.Error(n.file("status"))
					}
				}
				second := x.clone("udp")
				if err := second.cmd("announce 127.0.0.1!" + port(to)); err == nil {
					x.Error("announced twice")
				}
			})
		})
	}
}

// TestUDPHeaders has one conversation speak with any.
func TestUDPHeaders(t *testing.T) {
	each(t, Config{}, func(x tree) {
		s := x.clone("udp")
		s.must("headers")
		s.must("announce *!0")
		c := x.clone("udp")
		c.must("connect 127.0.0.1!" + port(s.file("local")))
		cd, sd := c.data(), s.data()
		x.Write(cd, "ask")
		got := x.Read(sd)
		if len(got) != 52+3 || got[52:] != "ask" {
			x.Fatalf("%q", got)
		}
		near, _ := netip.ParseAddr("127.0.0.1")
		b := near.As16()
		if got[:16] != string(b[:]) || got[16:32] != string(b[:]) {
			x.Errorf("addresses %x", got[:48])
		}
		if p := binary.BigEndian.Uint16([]byte(got[48:])); x.textOf(p) != port(c.file("local")) {
			x.Errorf("port %d, not %s", p, c.file("local"))
		}
		x.Write(sd, got[:52]+"answer")
		if got := x.Read(cd); got != "answer" {
			x.Errorf("%q", got)
		}
		if _, err := sd.Write(x.Context(), []byte("short"), 0); err == nil {
			x.Error("wrote 5 bytes")
		}
		if _, err := sd.Read(x.Context(), make([]byte, 10), 0); err == nil {
			x.Error("read 10 bytes")
		}
	})
}

func (x tree) textOf(port uint16) string { return portText(uint32(port)) }

func TestUnix(t *testing.T) {
	each(t, Config{}, func(x tree) {
		dir, err := os.MkdirTemp("", "u.")
		if err != nil {
			x.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "s")
		l, a, b := x.pair("unix", path, func(talk) string { return path })
		fi, err := os.Lstat(path)
		if err != nil || fi.Mode().Perm() != 0o600 {
			x.Errorf("%v, %v", fi, err)
		}
		x.Write(a.data(), "hello")
		if got := x.Read(b.data()); got != "hello" {
			x.Errorf("%q", got)
		}
		if a.file("remote") != path || b.file("local") != path || b.file("remote") != "" {
			x.Errorf("remote %q, local %q, remote %q", a.file("remote"), b.file("local"), b.file("remote"))
		}
		if got := a.file("status"); !strings.HasPrefix(got, "Established ") {
			x.Error(got)
		}
		if err := a.cmd("connect " + path); err == nil {
			x.Error("connected twice")
		}
		l.end()
		if !srvtest.Until(func() bool { _, err := os.Lstat(path); return err != nil }) {
			x.Error("the socket is still there")
		}
		c := x.clone("unix")
		if err := c.cmd("connect " + path); !is(err, p9.ErrNotExist) {
			x.Errorf("%v", err)
		}
		if err := c.cmd("connect " + strings.Repeat("x", 108)); err == nil {
			x.Error("long path")
		}
		c.must("announce @netfs" + c.dir + path)
	})
}

func TestVsock(t *testing.T) {
	each(t, Config{}, func(x tree) {
		c := x.clone("vsock")
		for _, bad := range []string{"connect 1", "connect x!1", "connect 1!x", "announce x!1"} {
			if err := c.cmd(bad); err == nil {
				x.Errorf("%s: no error", bad)
			}
		}
		s, err := newSock(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Bind(s.fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_LOCAL, Port: unix.VMADDR_PORT_ANY})
			s.close()
		}
		if err != nil {
			x.Skipf("no vsock within this machine: %v", err)
		}
		_, a, b := x.pair("vsock", "local!7777", func(talk) string { return "local!7777" })
		x.Write(a.data(), "hello")
		if got := x.Read(b.data()); got != "hello" {
			x.Errorf("%q", got)
		}
		if a.file("remote") != "1!7777" {
			x.Error(a.file("remote"))
		}
	})
}

// TestWaitError: an error that a read hears of while it waits is the conversation's last one, as that
// of any read.
func TestWaitError(t *testing.T) {
	f := New(Config{})
	defer f.Close()
	s, err := newSock(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.protos["udp"].converse(nil, s, established)
	if err != nil {
		t.Fatal(err)
	}
	h := &dataHandle{c: c}
	defer h.Clunk()
	s.close()
	if err := h.Wait(t.Context()); err == nil || c.errText() != err.Error()+"\n" {
		t.Errorf("%v; err has %q", err, c.errText())
	}
}

// TestStats has the counts that ip(3) has, each on a line with its name.
func TestStats(t *testing.T) {
	each(t, Config{}, func(x tree) {
		for name, least := range map[string]int{"ipifc": 19, "tcp": 11, "udp": 4, "icmp": 26} {
			lines := strings.Split(strings.TrimSuffix(x.Text(name+"/stats"), "\n"), "\n")
			if len(lines) < least || !strings.Contains(lines[0], ": ") {
				x.Errorf("%s: %d lines, %q", name, len(lines), lines)
			}
		}
	})
}

// TestUDPGroups has two conversations in a group hear what is said to it, until they have left.
func TestUDPGroups(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	f.Close()
	x := served(t)
	x.say(x.Open(x.ifc("lo")+"/ctl", p9.ORDWR), "up")
	x.say(x.Open("ipifc/clone", p9.ORDWR), "bind pkt d0\nup\nadd 10.1.0.1 /120\nadd fd00::1 /64\n")
	x.say(x.Open("iproute", p9.OWRITE), "add 239.0.0.0 /104 0.0.0.0 d0")
	for near, group := range map[string]string{"10.1.0.1": "239.1.2.3", "fd00::1": "ff0e::7"} {
		s := x.clone("udp")
		s.must("headers\naddmulti " + near + " " + group)
		s.must("announce *!0")
		sd := s.data()
		c := x.clone("udp")
		// Linux says who has an address of IPv6 by a job of its own, some time after add.
		if !srvtest.Until(func() bool { return c.cmd("bind "+near+"!0") == nil }) {
			t.Fatalf("bind %s!0 is refused", near)
		}
		c.must("connect " + group + "!" + port(s.file("local")))
		cd := c.data()
		x.Write(cd, "all")
		got := x.Read(sd)
		to := netip.MustParseAddr(group).As16()
		if len(got) != 52+3 || got[52:] != "all" || got[16:32] != string(to[:]) {
			t.Fatalf("%q", got)
		}
		for _, bad := range []string{"addmulti", "addmulti 10.9.9.9 " + group, "addmulti " + near + " " + near, "remmulti 239.9.9.9", "remmulti x"} {
			if err := s.cmd(bad); err == nil {
				t.Errorf("%s: no error", bad)
			}
		}
		s.must("remmulti " + group)
		x.Write(cd, "nobody")
		c2 := x.clone("udp")
		c2.must("connect " + near + "!" + port(s.file("local")))
		x.Write(c2.data(), "one")
		if got := x.Read(sd); got[52:] != "one" {
			t.Errorf("after remmulti: %q", got)
		}
		x.Write(sd, got[:52]+"answer to a group is ours")
	}
}

// TestUDPAdvice speaks to a port where nobody is, which ICMP says.
func TestUDPAdvice(t *testing.T) {
	each(t, Config{}, func(x tree) {
		closed, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			x.Fatal(err)
		}
		nobody := strings.Replace(closed.LocalAddr().String(), ":", "!", 1)
		closed.Close()
		for _, deaf := range []bool{false, true} {
			c := x.clone("udp")
			c.must("bind 127.0.0.1!0")
			if deaf {
				c.must("ignoreadvice")
			}
			c.must("connect " + nobody)
			d := c.data()
			x.Write(d, "ask")
			_, err := d.Write(x.Context(), []byte("ask"), 0)
			if deaf && err != nil || !deaf && err == nil {
				x.Errorf("ignored %v: %v", deaf, err)
			}
		}
	})
}
