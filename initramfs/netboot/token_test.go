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
