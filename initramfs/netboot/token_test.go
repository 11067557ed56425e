package netboot

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// scriptFor is the script of a machine, for who asks for it at an address.
func (s *Server) scriptFor(t *testing.T, ether, from string) string {
	t.Helper()
	c, own := net.Pipe()
	defer c.Close()
	s.wg.Go(func() {
		defer own.Close()
		(&web{Server: s, Conn: own, from: netip.MustParseAddr(from)}).serve()
	})
	fmt.Fprintf(c, "GET /boot/%s HTTP/1.0\r\n\r\n", ether)
	b, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(b), "\nkernel --name ") {
		t.Fatalf("%q, %v", b, err)
	}
	return string(b)
}

// waiting gives a server with an authority, that has the text for node1's address in ndb, and a
// token waiting for a machine.
func waiting(t *testing.T, ip, ether string) *Server {
	t.Helper()
	s := newServer(t, func(cfg *Config) {
		withCA(t)(cfg)
		cfg.Pool, cfg.Pools = netip.MustParseAddr("10.9.0.100"), 1
	})
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", strings.Replace(testNdb, "ip=10.9.0.11", ip, 1)+"ether=525400000005 class=worker\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	local6(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.arm(s.nodes[ether], time.Hour); err != nil {
		t.Fatal(err)
	}
	return s
}

// strange6 has a stranger of the link ask in the name of a machine.
func (s *Server) strange6(t *testing.T, mac string, mods ...dhcpv6.Modifier) {
	t.Helper()
	duid := dhcpv6.WithClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: ether(t, mac)})
	if r := s.answer6(message6(t, dhcpv6.MessageTypeRebind, append(mods, duid)...).ToBytes(), netip.MustParseAddrPort("[fe80::1234:5678]:546")); r == nil {
		t.Fatal("no answer\n", s.logText(""))
	}
}

// TestForgotten6: who asks by DHCPv6 in a machine's name, for no address, does not have the server
// forget the one that ndb has, nor get the machine's token.
func TestForgotten6(t *testing.T) {
	s := waiting(t, "ip=fd00:9::11", node1)
	s.strange6(t, node1)
	if got := s.nodeText(s.nodes[node1]); !strings.Contains(got, "ip=fd00:9::11") {
		t.Error(got)
	}
	if script := s.scriptFor(t, node1, "127.0.0.1"); strings.Contains(script, "nine.token") {
		t.Error(script)
	}
	if script := s.scriptFor(t, node1, "fd00:9::11"); !strings.Contains(script, "nine.token") {
		t.Error(script)
	}
}

// TestTokenIsFor: a token goes to the addresses that ndb has for the machine, or if there is none to
// those that DHCP gives it, and to nobody else, whatever others have asked in the machine's name.
func TestTokenIsFor(t *testing.T) {
	const leased = "525400000005"
	for _, c := range []struct {
		ip, ether, from string
		given           bool
	}{
		{"ip=10.9.0.11", node1, "10.9.0.11", true},
		{"ip=10.9.0.11", node1, "10.9.0.12", false},
		{"ip=10.9.0.11", node1, "fd00:9::5054:ff:fe12:3456", false}, // which a stranger has asked for
		{"ip=10.9.0.11 ip=fd00:9::11", node1, "fd00:9::11", true},
		{"ip=10.9.0.11 ip=fd00:9::11", node1, "10.9.0.11", true},
		{"ip=10.9.0.11 ip=fd00:9::11", node1, "10.9.0.100", false},
		{"", leased, "fd00:9::5054:ff:fe00:5", true},
		{"", leased, "fd00:9::77", false},
		{"", leased, "fd00:8::5054:ff:fe00:5", false},
		{"", leased, "10.9.0.100", false}, // which nobody has
	} {
		s := waiting(t, c.ip, c.ether)
		s.strange6(t, c.ether, dhcpv6.WithIAID([4]byte{}))
		if got := strings.Contains(s.scriptFor(t, c.ether, c.from), " nine.token="); got != c.given {
			t.Errorf("%s: of %q to %s: %v", c.ether, c.ip, c.from, got)
		}
		if !c.given {
			s.says(t, c.ether+" join: "+c.from+" is none of its addresses: its token waits")
		}
	}
	s := waiting(t, "", leased)
	if r := s.ask(t, discover, leased); r == nil || s.ask(t, request, leased, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(r.YourIPAddr))) == nil {
		t.Fatal("no lease\n", s.logText(""))
	}
	if err := s.reload(); err != nil { // which takes no lease away
		t.Fatal(err)
	}
	for _, from := range []string{"10.9.0.12", "10.9.0.100"} {
		if got := strings.Contains(s.scriptFor(t, leased, from), " nine.token="); got != (from == "10.9.0.100") {
			t.Errorf("to %s, who has 10.9.0.100: %v", from, got)
		}
	}
}
