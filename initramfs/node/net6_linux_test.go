package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/initramfs/dhcp6"
	"ninespace/srv/srvtest"
)

// TestSix has a card in a network that has nobody but a router of IPv6, which names its server
// of names or leaves that to DHCPv6, and the address too.
func TestSix(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("missing: ", err)
	}
	for name, test := range map[string]struct {
		flags byte
		opts  []byte
		want  string
		how   string
		deaf  bool // the server does not answer who would have its address renewed by it alone
	}{
		"RDNSS":   {0, append(rdnss("fd00:9::53"), dnssl("lab", "example")...), "search lab.example\nnameserver fd00:9::53\n", "/64 by router advertisement", false},
		"DHCPv6":  {ifOther >> 1, nil, "search six.example\nnameserver fd00:9::54\n", "/64 by router advertisement", false},
		"managed": {ifManaged << 1, nil, "search six.example\nnameserver fd00:9::54\n", "77/128 by DHCPv6", false},
		"rebound": {ifManaged << 1, nil, "search six.example\nnameserver fd00:9::54\n", "77/128 by DHCPv6", true},
	} {
		t.Run(name, func(t *testing.T) {
			if !srvtest.Netns(t, 5*time.Minute) {
				return
			}
			srvtest.CheckGoroutines(t)
			dhcp6First = 500 * time.Millisecond // this process is the test's alone; the answer may be late
			if test.deaf {
				dhcp6First = 150 * time.Millisecond // what is not answered is to be given up within the lease
			}
			six := network6(t, test.flags, test.opts, test.deaf)
			n := &node{log: NewLog(os.Stderr), params: Params{IP: IP{DHCP: true, Device: "c0"}, Wait: time.Minute}}
			if err := n.network(six); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(resolvConf); string(b) != test.want || err != nil {
				t.Errorf("%q, %v", b, err)
			}
			if log := n.log.String(); !strings.Contains(log, "init: c0 is fd00:9::") || !strings.Contains(log, test.how) {
				t.Errorf("it says:\n%s", log)
			}
			if n.card() == "" {
				t.Error("no card")
			}
			if test.flags == ifManaged<<1 { // it is renewed, and gone when the server will have no more of it
				until6(t, n, func() bool { return strings.Contains(n.log.String(), "fd00:9::77 is no longer to be had") })
				if _, addr := address6([]net.Interface{{Name: "c0"}}); addr.IsValid() {
					t.Errorf("it still has %s", addr)
				}
				if n := rebinds.Load(); (n > 1) != test.deaf {
					t.Errorf("%d times any server was asked to renew it", n)
				}
			}
		})
	}
}

// TestDnsmasq has the address come from a server of others.
func TestDnsmasq(t *testing.T) {
	if !wired(t) {
		return
	}
	srvtest.CheckGoroutines(t)
	dnsmasq(t, "fd00:9::1/64", "--enable-ra", "--ra-param=r0,1", "--dhcp-range=fd00:9::100,fd00:9::1ff,64,120", "--dhcp-option=option6:dns-server,[fd00:9::54]",
		"--dhcp-option=option6:domain-search,six.example")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := &node{log: NewLog(os.Stderr), params: Params{IP: IP{DHCP: true, Device: "c0"}, Wait: time.Minute}}
	if err := n.network(ctx); err != nil {
		t.Fatal(err)
	}
	if log := n.log.String(); !strings.Contains(log, "init: c0 is fd00:9::1") || !strings.Contains(log, "/128 by DHCPv6") {
		t.Errorf("it says:\n%s", log)
	}
	if b, err := os.ReadFile(resolvConf); string(b) != "search six.example\nnameserver fd00:9::54\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// wired has a test go on in a network of its own, with the cards, where dnsmasq can serve that.
func wired(t *testing.T) bool {
	t.Helper()
	for _, name := range []string{"ip", "dnsmasq"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("missing: ", err)
		}
	}
	if !srvtest.Netns(t, 5*time.Minute) {
		return false
	}
	cards6(t)
	return true
}

// dnsmasq serves the network from r0, which gets the address.
func dnsmasq(t *testing.T, addr string, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", "addr", "add", addr, "dev", "r0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command("dnsmasq", append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--port=0", "--interface=r0", "--leasefile-ro"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// TestNobody has a network where nobody answers, until somebody does: the node says so and
// asks again.
func TestNobody(t *testing.T) {
	if !wired(t) {
		return
	}
	dhcpFirst = 50 * time.Millisecond // this process is the test's alone
	ctx, cancel := context.WithCancel(t.Context())
	n := &node{log: NewLog(os.Stderr), params: Params{IP: IP{DHCP: true, Device: "c0"}, Name: "none", Wait: time.Minute}}
	done := make(chan error)
	go func() { done <- n.do(ctx, "network", n.network) }()
	until6(t, n, func() bool { return strings.Contains(n.log.String(), "init: network: c0: no answer to DHCP: ") })
	dnsmasq(t, "10.9.0.1/24", "--dhcp-range=10.9.0.100,10.9.0.199,120")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if log := n.log.String(); !strings.Contains(log, "; again in 1s") || !strings.Contains(log, "init: c0 is 10.9.0.1") {
		t.Errorf("it says:\n%s", log)
	}
	cancel()
}

// TestOdd has a server that says what clouds do, a router that is in no network of the card's, and what
// is no host's name: the node has its network all the same.
func TestOdd(t *testing.T) {
	if !wired(t) {
		return
	}
	dnsmasq(t, "10.9.0.1/24", "--dhcp-range=10.9.0.100,10.9.0.199,120", "--dhcp-option-force=option:netmask,255.255.255.255", "--dhcp-option-force=option:router,10.77.0.1",
		"--dhcp-option-force=12,"+strings.Repeat("long", 20))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := &node{log: NewLog(os.Stderr), params: Params{IP: IP{DHCP: true, Device: "c0"}, Wait: time.Minute}}
	was, _ := os.Hostname()
	if err := n.do(ctx, "network", n.network); err != nil {
		t.Error(err)
	}
	if now, _ := os.Hostname(); now != was {
		t.Errorf("its name is %q", now)
	}
	if out, err := exec.Command("ip", "route", "get", "10.200.0.1").CombinedOutput(); err != nil || !strings.Contains(string(out), "via 10.77.0.1 dev c0") {
		t.Errorf("the way out: %v: %s", err, out)
	}
}

// until6 waits for what a node is to say.
func until6(t *testing.T, n *node, holds func() bool) {
	t.Helper()
	if !srvtest.Until(holds) {
		t.Errorf("it says:\n%s", n.log)
	}
}

// network6 makes a network of the card c0 and a router that says the flags and options, and a
// server of DHCPv6. Its context ends with the test.
func network6(t *testing.T, flags byte, opts []byte, deaf bool) context.Context {
	t.Helper()
	cards6(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { advertise(ctx, t, "r0", flags, opts); done <- struct{}{} }()
	go func() { serve6(ctx, t, "r0", deaf); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return ctx
}

// cards6 makes the cards, at the two ends of a wire.
func cards6(t *testing.T) {
	t.Helper()
	resolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	for _, line := range []string{"link add r0 type veth peer name c0", "link set r0 up", "link set lo up"} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v: %s", line, err, out)
		}
	}
	for _, card := range []string{"r0", "c0"} { // whose addresses are nobody else's here
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+card+"/accept_dad", []byte("0"), 0); err != nil {
			t.Skip("no IPv6: ", err)
		}
	}
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
	b = append(b, 3, 4, 64, 0xc0&^(flags&(ifManaged<<1)>>1)) // a prefix, for addresses if they are not managed
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

// serve6 answers the messages of DHCPv6, until ctx ends: it gives an address for 8 s, which it
// renews once; deaf, only where any server is asked.
func serve6(ctx context.Context, t *testing.T, card string, deaf bool) {
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
	renewed := false
	for {
		k, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if k < 4 {
			continue
		}
		number := [3]byte(b[1:4])
		options := map[uint16][]byte{}
		for code, data := range dhcp6.Options(b[4:k]) {
			options[code] = data
		}
		own := bytes.Equal(options[dhcp6.OptServer], server6)
		kind, seconds := byte(dhcp6.Reply), byte(8)
		switch b[0] {
		case dhcp6.Inform:
			seconds = 0
		case dhcp6.Solicit:
			if kind = dhcp6.Advertise; renewed { // nobody but the test of the end comes back
				return
			}
		case dhcp6.Request, dhcp6.Renew, dhcp6.Rebind:
			if deaf && b[0] == dhcp6.Renew {
				continue
			}
			if own == (b[0] == dhcp6.Rebind) || (b[0] == dhcp6.Rebind) != (deaf && b[0] != dhcp6.Request) || !bytes.Contains(options[dhcp6.OptAddresses], leased6[:]) {
				t.Errorf("message %d: %v", b[0], options)
			}
			if b[0] == dhcp6.Rebind {
				rebinds.Add(1)
			}
			if b[0] != dhcp6.Request && renewed {
				seconds = 0
			}
			renewed = b[0] != dhcp6.Request
		default:
			t.Errorf("message %d", b[0])
		}
		c.WriteToUDPAddrPort([]byte{kind, 0, 0, 0}, from)                // to another's question
		c.WriteToUDPAddrPort(reply6(kind, number, nil, 100), from)       // to another client
		if elsewhere, err := net.Dial("udp6", "[::1]:546"); err != nil { // from no address of the network
			t.Error(err)
		} else {
			elsewhere.Write(reply6(kind, number, options[dhcp6.OptClient], 100))
			elsewhere.Close()
		}
		c.WriteToUDPAddrPort(reply6(kind, number, options[dhcp6.OptClient], seconds), from)
	}
}

var (
	rebinds atomic.Int32
	server6 = []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}
	leased6 = netip.MustParseAddr("fd00:9::77").As16()
)

// reply6 is a server's answer to a client, with an address for some seconds.
func reply6(kind byte, number [3]byte, client []byte, seconds byte) []byte {
	b := append([]byte{kind}, number[:]...)
	dns, ntp := netip.MustParseAddr("fd00:9::54").As16(), netip.MustParseAddr("fd00:9::123").As16()
	b = dhcp6.Append(b, dhcp6.OptServer, server6)
	b = dhcp6.Append(b, dhcp6.OptClient, client)
	b = dhcp6.Append(b, dhcp6.OptDNS, dns[:])
	b = dhcp6.Append(b, dhcp6.OptDomains, []byte("\x03six\x07example\x00"))
	b = dhcp6.Append(b, dhcp6.OptSNTP, ntp[:])
	lease := append(slices.Clone(leased6[:]), 0, 0, 0, seconds, 0, 0, 0, seconds)
	return dhcp6.Append(b, dhcp6.OptAddresses, dhcp6.Append([]byte{0, 0, 0, 0, 0, 0, 0, seconds / 4, 0, 0, 0, seconds / 2}, dhcp6.OptAddress, lease))
}

// TestAnswer6: what is cut off anywhere is malformed, or has less.
func TestAnswer6(t *testing.T) {
	number, client := [3]byte{1, 2, 3}, dhcp6.DUID(net.HardwareAddr{2, 0, 0, 0, 0, 7})
	whole := reply6(dhcp6.Reply, number, client, 200)
	news, ok, err := answer6(whole, dhcp6.Reply, number, client, true)
	if !ok || err != nil || len(news.dns) != 1 || len(news.domains) != 1 || len(news.ntp) != 1 || news.ntp[0] != "fd00:9::123" ||
		news.lease.addr != netip.AddrFrom16(leased6) || news.lease.ends != 200*time.Second || news.lease.renew != 50*time.Second {
		t.Errorf("%+v, %v, %v", news, ok, err)
	}
	for n := range whole {
		if cut, ok, err := answer6(whole[:n], dhcp6.Reply, number, client, false); ok && err == nil && len(cut.ntp) > 0 && cut.lease.addr.IsValid() {
			t.Errorf("%d bytes: %+v", n, cut)
		}
	}
	if _, ok, _ := answer6(whole, dhcp6.Reply, [3]byte{}, client, true); ok {
		t.Error("an answer to another's question")
	}
	if _, ok, _ := answer6(whole, dhcp6.Advertise, number, client, true); ok {
		t.Error("an answer to another kind of question")
	}
	if _, ok, _ := answer6(whole, dhcp6.Reply, number, dhcp6.DUID(net.HardwareAddr{2, 0, 0, 0, 0, 8}), true); ok {
		t.Error("an answer to another client")
	}
	nobody := dhcp6.Append(append([]byte{dhcp6.Reply}, number[:]...), dhcp6.OptServer, server6)
	if _, ok, _ := answer6(nobody, dhcp6.Reply, number, client, false); ok {
		t.Error("an answer to no client")
	}
	var l lease6 // an endless one, to be renewed after a second
	l.addresses(dhcp6.Append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, dhcp6.OptAddress, append(slices.Clone(leased6[:]), bytes.Repeat([]byte{0xff}, 8)...)))
	if l.renew != time.Second || l.rebind <= l.renew || l.rebind > l.ends {
		t.Errorf("%+v", l)
	}
	if _, ok, err := answer6(reply6(dhcp6.Reply, number, client, 0), dhcp6.Reply, number, client, true); !ok || err != errRefused {
		t.Errorf("no address: %v, %v", ok, err)
	}
}

// FuzzAnswer6 has nothing that a network sends end the program.
func FuzzAnswer6(f *testing.F) {
	f.Add(reply6(dhcp6.Reply, [3]byte{}, dhcp6.DUID(nil), 100))
	f.Add(append(rdnss("::1"), dnssl("a", "b")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer6(b, dhcp6.Reply, [3]byte{}, dhcp6.DUID(nil), true)
		new(news6).routerOptions(b)
		for _, m := range messages(b) {
			m.routerFlags()
			m.routerOptions()
		}
	})
}
