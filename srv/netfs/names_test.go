package netfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// ask writes a question to cs or dns and gives the lines that answer it.
func (x tree) ask(f *client.Fid, question string) ([]string, error) {
	x.Helper()
	if _, err := f.Write(x.Context(), []byte(question), 0); err != nil {
		return nil, err
	}
	var lines []string
	for off := 0; ; {
		p := make([]byte, 1000)
		n, err := f.Read(x.Context(), p, int64(off))
		off += n
		if n == 0 {
			return lines, nil
		}
		if err != nil {
			x.Fatal(err)
		}
		lines = append(lines, strings.TrimSuffix(string(p[:n]), "\n"))
	}
}

const testNdb = `# a comment
database=
	file=more

sys=here dom=here.example.com ip=10.1.2.3	# where we are
	auth="a quoted value"
	ether=0123456789ab

ipnet=big ip=10.0.0.0 ipmask=/104
	auth=9.9.9.9 fs=10.0.0.9
ipnet=small ip=10.1.2.0 ipmask=255.255.255.0
	fs=10.1.2.9
	fs=$no
tcp=ours port=4711
udp=ours port=4712
`

func TestCs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ndb")
	if err := os.WriteFile(file, []byte(testNdb), 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, Config{Ndb: file}, func(x tree) {
		f := x.open("cs", p9.ORDWR)
		for _, c := range []struct{ q, a string }{
			{"tcp!1.2.3.4!80", "/net/tcp/clone 1.2.3.4!80"},
			{"net!1.2.3.4!http", "/net/tcp/clone 1.2.3.4!80"},
			{"tcp!*!564", "/net/tcp/clone *!564"},
			{"tcp!here!ours", "/net/tcp/clone 10.1.2.3!4711"},
			{"udp!here.example.com!ours", "/net/udp/clone 10.1.2.3!4712"},
			{"tls!here!https!r", "/net/tls/clone 10.1.2.3!443!r"},
			{"tcp!::1!80", "/net/tcp/clone ::1!80"},
			{"icmp!here", "/net/icmp/clone 10.1.2.3"},
			{"unix!/tmp/a!b", "/net/unix/clone /tmp/a!b"},
			{"vsock!2!80", "/net/vsock/clone 2!80"},
		} {
			got, err := x.ask(f, c.q+"\n")
			if err != nil || !slices.Equal(got, []string{c.a}) {
				x.Errorf("%s: %q, %v", c.q, got, err)
			}
		}
		got, err := x.ask(f, "tcp!localhost!9")
		if err != nil || !slices.Contains(got, "/net/tcp/clone 127.0.0.1!9") {
			x.Errorf("localhost: %q, %v", got, err)
		}
		if got, err := f.Read(x.Context(), make([]byte, 100), 0); got == 0 || err != nil {
			x.Errorf("again from 0: %d, %v", got, err)
		}
		for _, c := range []struct{ q, says string }{
			{"tcp!here!nosuch", "tcp!here!nosuch: service nosuch does not exist"},
			{"tcp!here", "tcp!here: service '' does not exist"},
			{"il!here!9", "il!here!9: network il does not exist"},
			{"here", "here: bad dial string: not net!host!service"},
			{"tcp!$none!9", "tcp!$none!9: attribute none has no value here"},
			{"tcp!a!b!c!d", "tcp!a!b!c!d: bad dial string: too many fields"},
		} {
			_, err := x.ask(f, c.q)
			if err == nil || !strings.Contains(err.Error(), c.says) && x.root.Conn() != nil && !is(err, p9.ErrNotExist) && !strings.Contains(err.Error(), "nvalid argument") {
				x.Errorf("%s: %v", c.q, err)
			}
		}
		w := x.open("ndb", p9.OWRITE|p9.OTRUNC)
		x.write(w, "sys=here ip=10.7.7.7\n")
		if got, err := x.ask(f, "tcp!here!1"); err != nil || got[0] != "/net/tcp/clone 10.7.7.7!1" {
			x.Errorf("%q, %v", got, err)
		}
		if got := x.text("ndb"); got != "sys=here ip=10.7.7.7\n" {
			x.Errorf("%q", got)
		}
	})
}

// A dnsServer answers each question with the records that it has for the type.
type dnsServer struct {
	net.PacketConn
	mu      sync.Mutex
	records map[uint16][][]byte // rdata by type
}

func newDNSServer(t *testing.T) (*dnsServer, *net.Resolver) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dnsServer{PacketConn: pc, records: map[uint16][][]byte{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() {
		pc.Close()
		<-done
	})
	return s, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func (s *dnsServer) serve() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.ReadFrom(buf)
		if err != nil {
			return
		}
		q := buf[:n]
		end := bytes.IndexByte(q[12:], 0) + 12 + 5 // name, type, class
		typ := binary.BigEndian.Uint16(q[end-4:])
		s.mu.Lock()
		all, none := s.records[typ], len(s.records) == 0
		s.mu.Unlock()
		a := append([]byte(nil), q[:2]...)
		flags := uint16(0x8180)
		if none {
			flags |= 3 // there is no such name
		}
		for _, v := range []uint16{flags, 1, uint16(len(all)), 0, 0} {
			a = binary.BigEndian.AppendUint16(a, v)
		}
		a = append(a, q[12:end]...)
		for _, data := range all {
			a = append(a, 0xc0, 12)
			a = binary.BigEndian.AppendUint16(a, typ)
			a = append(a, 0, 1, 0, 0, 0, 60)
			a = binary.BigEndian.AppendUint16(a, uint16(len(data)))
			a = append(a, data...)
		}
		s.WriteTo(a, from)
	}
}

func dnsName(s string) (b []byte) {
	for label := range strings.SplitSeq(s, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

func TestDns(t *testing.T) {
	s, r := newDNSServer(t)
	records := map[uint16][][]byte{
		1:  {{192, 0, 2, 1}, {192, 0, 2, 2}},
		28: {netip.MustParseAddr("2001:db8::1").AsSlice()},
		15: {append([]byte{0, 10}, dnsName("mail.example.com")...)},
		2:  {dnsName("ns.example.com")},
		16: {append([]byte{9}, "some text"...)},
		12: {dnsName("host.example.com")},
		33: {append([]byte{0, 1, 0, 2, 0, 80}, dnsName("www.example.com")...)},
	}
	each(t, Config{Resolver: r}, func(x tree) {
		s.mu.Lock()
		s.records = records
		s.mu.Unlock()
		f := x.open("dns", p9.ORDWR)
		for _, c := range []struct{ q, a string }{
			{"example.com", "example.com ip 192.0.2.1,example.com ip 192.0.2.2"},
			{"example.com ip", "example.com ip 192.0.2.1,example.com ip 192.0.2.2"},
			{"example.com ipv6", "example.com ipv6 2001:db8::1"},
			{"example.com mx", "example.com mx 10 mail.example.com"},
			{"example.com ns", "example.com ns ns.example.com"},
			{"example.com txt", "example.com txt 'some text'"},
			{"example.com srv", "example.com srv 1 2 80 www.example.com"},
			{"1.2.0.192.in-addr.arpa ptr", "1.2.0.192.in-addr.arpa ptr host.example.com"},
			{"192.0.2.1 ptr", "192.0.2.1 ptr host.example.com"},
		} {
			got, err := x.ask(f, c.q)
			slices.Sort(got)
			if err != nil || strings.Join(got, ",") != c.a {
				x.Errorf("%s: %q, %v", c.q, got, err)
			}
		}
		cs := x.open("cs", p9.ORDWR)
		got, err := x.ask(cs, "tcp!example.com!80")
		slices.Sort(got)
		if want := []string{"/net/tcp/clone 192.0.2.1!80", "/net/tcp/clone 192.0.2.2!80", "/net/tcp/clone 2001:db8::1!80"}; err != nil || !slices.Equal(got, want) {
			x.Errorf("%q, %v", got, err)
		}
		for _, bad := range []string{"", "a b c", "example.com nosuch", "x ptr", "1.2.in-addr.arpa ptr"} {
			if got, err := x.ask(f, bad); err == nil {
				x.Errorf("%q: %q", bad, got)
			}
		}
		s.mu.Lock()
		s.records = nil
		s.mu.Unlock()
		if got, err := x.ask(f, "nosuch.example.com"); !is(err, errNoHost) {
			x.Errorf("%q, %v", got, err)
		}
		if got, err := x.ask(cs, "tcp!nosuch.example.com!80"); !is(err, errNoHost) {
			x.Errorf("%q, %v", got, err)
		}
	})
}

func TestReversed(t *testing.T) {
	for name, want := range map[string]string{
		"4.3.2.1.in-addr.arpa": "1.2.3.4",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": "2001:db8::1",
		"::1": "::1",
	} {
		if got, err := reversed(name); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestLog(t *testing.T) {
	each(t, Config{}, func(x tree) {
		l := x.open("log", p9.ORDWR)
		if _, err := l.Write(x.Context(), []byte("set tcp nosuch"), 0); err == nil {
			x.Error("set a protocol that is none")
		}
		x.write(l, "set tcp")
		_, a, _ := x.tcpPair()
		var got string
		for strings.Count(got, "\n") < 3 {
			got += x.read(l)
		}
		if want := "tcp/1 Established at " + a.file("local") + ", other side " + a.file("remote") + "\n"; !strings.Contains(got, want) || !strings.Contains(got, "tcp/0 call 2 from "+a.file("local")+"\n") {
			x.Errorf("%s\nwant %s", got, want)
		}
		x.write(l, "clear")
		a.end()
	})
}
