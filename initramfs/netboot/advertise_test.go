package netboot

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// lan6 is lan with addresses of both kinds, a server of both there, and a socket for the machine's
// messages about routers; nil where this process is not the one that tests.
func lan6(t *testing.T, change func(*Config)) (*clientNet, *Server, *net.IPConn) {
	t.Helper()
	if !inNetns(t) {
		return nil, nil, nil
	}
	noDAD := func() {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0); err != nil {
			t.Skip("no IPv6: ", err)
		}
	}
	noDAD()
	c := lan(t, "52:54:00:12:34:56")
	ip(t, "addr add fd00:9::1/64 dev br0 nodad")
	var icmp *net.IPConn
	c.in(func() {
		noDAD()
		ip(t, "link set c0 down")
		os.WriteFile("/proc/sys/net/ipv6/conf/c0/accept_dad", []byte("0"), 0)
		os.WriteFile("/proc/sys/net/ipv6/conf/c0/router_solicitations", []byte("0"), 0) // the test's alone
		ip(t, "link set c0 up")
		var err error
		if icmp, err = net.ListenIP("ip6:ipv6-icmp", nil); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() { icmp.Close() })
	s := newServer(t, func(cfg *Config) {
		cfg.IPv6 = true
		change(cfg)
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return c, s, icmp
}

// nextAdvertised is the next advertisement that the machine gets within a time, nil for none.
func nextAdvertised(c *net.IPConn, wait time.Duration) []byte {
	c.SetReadDeadline(time.Now().Add(wait))
	p := make([]byte, 1500)
	for {
		n, _, err := c.ReadFrom(p)
		if err != nil {
			return nil
		}
		if p[0] == advertised {
			return p[:n]
		}
	}
}

// TestProxyAdvertises: beside another DHCP server nothing says that addresses are had by DHCPv6, nor
// which network is on the link, when one asks by DHCPv4.
func TestProxyAdvertises(t *testing.T) {
	c, _, icmp := lan6(t, func(cfg *Config) { cfg.Proxy = true })
	if c == nil {
		return
	}
	c.in(func() {
		cl, err := nclient4.NewWithConn(raw(t), ether(t, node1), nclient4.WithTimeout(time.Second), nclient4.WithRetry(3))
		if err != nil {
			t.Error(err)
			return
		}
		defer cl.Close()
		m, err := dhcpv4.NewDiscovery(ether(t, node1), asks("PXEClient:Arch:00007:UNDI:003016", 7)...)
		if err == nil {
			_, err = cl.SendAndRead(t.Context(), nclient4.DefaultServers, m, nclient4.IsMessageType(offer))
		}
		if err != nil {
			t.Error(err)
		}
	})
	if b := nextAdvertised(icmp, srvtest.Patience); len(b) != 16 || b[5] != 0 {
		t.Errorf("% x", b)
	}
}

// TestSolicited: who asks for a router is answered if he is of the link: no router has sent that on.
func TestSolicited(t *testing.T) {
	c, _, icmp := lan6(t, func(*Config) {})
	if c == nil {
		return
	}
	quiet := func() (n int) {
		for nextAdvertised(icmp, 4*raLeast) != nil {
			n++
		}
		return n
	}
	solicit := func(hops int) {
		raw, err := icmp.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hops)
		})
		if err == nil {
			c.in(func() { // whose names the cards have
				_, err = icmp.WriteTo([]byte{solicitation, 0, 0, 0, 0, 0, 0, 0}, &net.IPAddr{IP: net.IPv6linklocalallrouters, Zone: "c0"})
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	answered := func() bool {
		solicit(255)
		return nextAdvertised(icmp, 4*raLeast) != nil
	}
	if !srvtest.Until(answered) {
		t.Fatal("none for who is of the link")
	}
	quiet()
	for range 8 {
		solicit(64)
	}
	if n := quiet(); n > 1 { // one before may have been late
		t.Errorf("%d advertisements for who is not of the link", n)
	}
	if !srvtest.Until(answered) {
		t.Error("none for who is, any more")
	}
}
