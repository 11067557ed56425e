package node

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// TestSix has a card in a network that has nobody but a router of IPv6, which names its server
// of names or leaves that to DHCPv6.
func TestSix(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("missing: ", err)
	}
	for name, test := range map[string]struct {
		flags byte
		opts  []byte
		want  string
	}{
		"RDNSS":  {0, append(rdnss("fd00:9::53"), dnssl("lab", "example")...), "search lab.example\nnameserver fd00:9::53\n"},
		"DHCPv6": {ifOther >> 1, nil, "search six.example\nnameserver fd00:9::54\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if !srvtest.Netns(t, time.Minute) {
				return
			}
			srvtest.CheckGoroutines(t)
			six := network6(t, test.flags, test.opts)
			n := &node{log: NewLog(os.Stderr), params: Params{IP: IP{DHCP: true, Device: "c0"}, Wait: time.Minute}}
			if err := n.network(six); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(resolvConf); string(b) != test.want || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			if log := n.log.String(); !strings.Contains(log, "init: c0 is fd00:9::") || !strings.Contains(log, "/64 by router advertisement") {
				t.Errorf("it says:\n%s", log)
			}
			if n.card() == "" {
				t.Error("no card")
			}
		})
	}
}

// network6 makes a network of the card c0 and a router that says the flags and options, and a
// server of DHCPv6. Its context ends with the test.
func network6(t *testing.T, flags byte, opts []byte) context.Context {
	t.Helper()
	resolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	for _, line := range []string{"link add r0 type veth peer name c0", "link set r0 up"} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v: %s", line, err, out)
		}
	}
	for _, card := range []string{"r0", "c0"} { // whose addresses are nobody else's here
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+card+"/accept_dad", []byte("0"), 0); err != nil {
			t.Skip("no IPv6: ", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { advertise(ctx, t, "r0", flags, opts); done <- struct{}{} }()
	go func() { inform(ctx, t, "r0"); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return ctx
}

// advertise sends router advertisements, RFC 4861, until ctx ends.
func advertise(ctx context.Context, t *testing.T, card string, flags byte, opts []byte) {
	s, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(s)
	r0, err := net.InterfaceByName(card)
	if err != nil {
		t.Error(err)
		return
	}
	unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255)
	unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, r0.Index)
	b := []byte{134, 0, 0, 0, 64, flags, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	b = append(b, 3, 4, 64, 0xc0) // a prefix, for addresses
	b = binary.BigEndian.AppendUint32(b, 3600)
	b = binary.BigEndian.AppendUint32(b, 3600)
	prefix := netip.MustParseAddr("fd00:9::").As16()
	b = append(append(b, 0, 0, 0, 0), prefix[:]...)
	b = append(b, opts...)
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for ctx.Err() == nil {
		unix.Sendto(s, b, 0, &unix.SockaddrInet6{ZoneId: uint32(r0.Index), Addr: [16]byte{0: 0xff, 1: 2, 15: 1}})
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
}

func rdnss(addr string) []byte {
	a := netip.MustParseAddr(addr).As16()
	return append([]byte{raDNS, 3, 0, 0, 0, 0, 14, 16}, a[:]...)
}

func dnssl(labels ...string) []byte {
	b := []byte{raDomains, 0, 0, 0, 0, 0, 14, 16}
	for _, l := range labels {
		b = append(append(b, byte(len(l))), l...)
	}
	b = append(b, make([]byte, 8-len(b)%8)...)
	b[1] = byte(len(b) / 8)
	return b
}

// inform answers information-requests, until ctx ends.
func inform(ctx context.Context, t *testing.T, card string) {
	r0, err := net.InterfaceByName(card)
	if err != nil {
		t.Error(err)
		return
	}
	c, err := net.ListenMulticastUDP("udp6", r0, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547})
	if err != nil {
		t.Error(err)
		return
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	b := make([]byte, 1500)
	for {
		k, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if k < 4 || b[0] != dhcp6Inform {
			continue
		}
		number := [3]byte(b[1:4])
		c.WriteToUDPAddrPort([]byte{dhcp6Reply, 0, 0, 0}, from) // to another's question
		c.WriteToUDPAddrPort(reply6(number), from)
	}
}

// reply6 is a server's answer.
func reply6(number [3]byte) []byte {
	b := append([]byte{dhcp6Reply}, number[:]...)
	dns, ntp := netip.MustParseAddr("fd00:9::54").As16(), netip.MustParseAddr("fd00:9::123").As16()
	for _, o := range []struct {
		code byte
		data []byte
	}{{opt6Server, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}}, {opt6DNS, dns[:]}, {opt6Domains, []byte("\x03six\x07example\x00")}, {opt6SNTP, ntp[:]}} {
		b = append(append(b, 0, o.code, 0, byte(len(o.data))), o.data...)
	}
	return b
}

// TestAnswer6: what is cut off anywhere is malformed, or has less; names that could be lines
// of a file are left out.
func TestAnswer6(t *testing.T) {
	number := [3]byte{1, 2, 3}
	whole := reply6(number)
	news, ok, err := answer6(whole, number)
	if !ok || err != nil || len(news.dns) != 1 || len(news.domains) != 1 || len(news.ntp) != 1 || news.ntp[0] != "fd00:9::123" {
		t.Errorf("%+v, %v, %v", news, ok, err)
	}
	for n := range whole {
		if cut, ok, err := answer6(whole[:n], number); ok && err == nil && len(cut.ntp) > 0 {
			t.Errorf("%d bytes: %+v", n, cut)
		}
	}
	if _, ok, _ := answer6(whole, [3]byte{}); ok {
		t.Error("an answer to another's question")
	}
	if got := domains([]byte("\x05a\nb c\x00\x01x\x00\x3fshort")); len(got) != 1 || got[0] != "x" {
		t.Errorf("%q", got)
	}
}

// FuzzAnswer6 has nothing that a network sends end the program.
func FuzzAnswer6(f *testing.F) {
	f.Add(reply6([3]byte{}))
	f.Add(append(rdnss("::1"), dnssl("a", "b")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer6(b, [3]byte{})
		new(news6).options6(b)
		for _, m := range messages(b) {
			m.routerFlags()
			m.routerOptions()
		}
	})
}
