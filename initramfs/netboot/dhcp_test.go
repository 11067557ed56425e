package netboot

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Who asks, by the options that firmware sends.
func asks(class string, arch byte) []dhcpv4.Modifier {
	return []dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptClassIdentifier(class)),
		dhcpv4.WithGeneric(dhcpv4.OptionClientSystemArchitectureType, []byte{0, arch}),
		dhcpv4.WithGeneric(dhcpv4.OptionClientMachineIdentifier, append([]byte{0}, bytes.Repeat([]byte{1, 2}, 8)...))}
}

func iPXE() []dhcpv4.Modifier {
	return append(asks("PXEClient:Arch:00000:UNDI:002001", 0), dhcpv4.WithGeneric(dhcpv4.OptionUserClassInformation, []byte("iPXE")))
}

func ether(t testing.TB, text string) net.HardwareAddr {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// local gives a server that serves no network the address that it would have.
func local(s *Server) *Server {
	s.addr, s.net = netip.MustParseAddr("10.9.0.1"), netip.MustParsePrefix("10.9.0.0/24")
	return s
}

var anybody = netip.MustParseAddrPort("0.0.0.0:68")

// ask has the server answer a message.
func (s *Server) ask(t testing.TB, kind dhcpv4.MessageType, addr string, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(ether(t, addr)), dhcpv4.WithMessageType(kind)}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	r := s.answer(m.ToBytes(), anybody, false)
	if r == nil {
		return nil
	}
	got, err := dhcpv4.FromBytes(r.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.TransactionID != m.TransactionID || !bytes.Equal(got.ClientHWAddr, m.ClientHWAddr) || got.OpCode != dhcpv4.OpcodeBootReply {
		t.Errorf("%v is answered %v", m, got)
	}
	return got
}

func TestOffers(t *testing.T) {
	s := local(newServer(t, nil))
	for _, c := range []struct {
		name, ether, file string
		mods              []dhcpv4.Modifier
	}{
		{"BIOS", "525400123456", "undionly.kpxe", asks("PXEClient:Arch:00000", 0)},
		{"UEFI", "525400123456", "ipxe.efi", asks("PXEClient:Arch:00007", 7)},
		{"UEFI of arm64", "525400123456", "ipxe-arm64.efi", asks("PXEClient:Arch:00011", 11)},
		{"UEFI by HTTP", "525400123456", "http://10.9.0.1/f/ipxe.efi", asks("HTTPClient:Arch:00016", 16)},
		{"its own file", "525400000002", "node2.efi", asks("PXEClient:Arch:00007", 7)},
		{"its own file by HTTP", "525400000002", "http://10.9.0.1/f/node2.efi", asks("HTTPClient:Arch:00016", 16)},
		{"iPXE", "525400123456", "http://10.9.0.1/boot/525400123456", iPXE()},
		{"a system", "525400123456", "", nil},
	} {
		r := s.ask(t, discover, c.ether, c.mods...)
		if r == nil {
			t.Errorf("%s: no answer\n%s", c.name, s.logText(""))
			continue
		}
		if r.MessageType() != offer || string(r.Options.Get(dhcpv4.OptionBootfileName)) != c.file || r.BootFileName != c.file {
			t.Errorf("%s: %v", c.name, r.Summary())
		}
		class := ""
		if c.mods != nil && c.name != "iPXE" {
			m, err := dhcpv4.New(c.mods...)
			if err != nil {
				t.Fatal(err)
			}
			class, _, _ = strings.Cut(m.ClassIdentifier(), ":")
		}
		if r.ClassIdentifier() != class { // firmware wants its own
			t.Errorf("%s: class %q, want %q", c.name, r.ClassIdentifier(), class)
		}
	}
	r := s.ask(t, request, "525400123456", dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 9, 0, 11))), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 0, 1))))
	if r == nil || r.MessageType() != ack || r.YourIPAddr.String() != "10.9.0.11" || r.SubnetMask().String() != "ffffff00" || r.HostName() != "node1" ||
		r.Router()[0].String() != "10.9.0.254" || r.DNS()[0].String() != "10.9.0.253" || r.DomainName() != "lab.example" || r.IPAddressLeaseTime(0) != leaseTime {
		t.Errorf("%v", r)
	}
	if r := s.ask(t, request, "525400123456", dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 9, 0, 77)))); r == nil || r.MessageType() != nak {
		t.Errorf("another's address: %v", r)
	}
	if r := s.ask(t, request, "525400123456", dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 0, 7)))); r != nil {
		t.Errorf("to another server: %v", r)
	}
	s.says(t, "525400123456 dhcp: offer 10.9.0.11 boot undionly.kpxe", "wants 10.9.0.77, which is not its own: refused", "takes the offer of another server, 10.9.0.7")
}

// TestRefused: nobody unknown, malformed or doubled is answered.
func TestRefused(t *testing.T) {
	s := local(newServer(t, nil))
	if r := s.ask(t, discover, "020000000001", iPXE()...); r != nil {
		t.Errorf("unknown: %v", r)
	}
	good, err := dhcpv4.NewDiscovery(ether(t, "525400123456"), iPXE()...)
	if err != nil {
		t.Fatal(err)
	}
	p := good.ToBytes()
	for name, bad := range map[string][]byte{
		"empty":       nil,
		"short":       p[:200],
		"options cut": append(bytes.Clone(p[:240]), 53, 9, 1),
		"a reply":     append([]byte{2}, p[1:]...),
		"token ring":  append([]byte{1, 6}, p[2:]...),
		"no address":  append(append(bytes.Clone(p[:28]), make([]byte, 6)...), p[34:]...),
		"a group":     append(append(bytes.Clone(p[:28]), 0xff), p[29:]...),
		"oversized":   append(bytes.Clone(p), make([]byte, 1500)...),
	} {
		if r := s.answer(bad, anybody, false); r != nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	s.ask(t, discover, "525400123456", iPXE()...)
	other := append(iPXE(), dhcpv4.WithGeneric(dhcpv4.OptionClientMachineIdentifier, append([]byte{0}, bytes.Repeat([]byte{3, 4}, 8)...)))
	if r := s.ask(t, discover, "525400123456", other...); r != nil {
		t.Errorf("a second machine with its address: %v", r)
	}
	if r := s.ask(t, discover, "525400123456", dhcpv4.WithRelay(net.IPv4(192, 0, 2, 1))); r != nil {
		t.Errorf("by a stranger's relay: %v", r)
	}
	s.says(t, "020000000001 dhcp: unknown node: not in ndb: not answered", ": oversized: ", "not a request of an Ethernet machine",
		"dhcp: duplicate address: the machine 02010201-0201-0201-0102-010201020102 has it and 04030403-", "by the relay 192.0.2.1, which is in no ipnet= of ndb")
	at(t, badTime+time.Minute)
	if r := s.ask(t, discover, "525400123456", other...); r == nil {
		t.Error("a new machine with the address of one that is gone: no answer")
	}
}

// TestPool: addresses are given to those without one, given back, and used up.
func TestPool(t *testing.T) {
	s := local(newServer(t, func(cfg *Config) { cfg.Pool, cfg.Pools = netip.MustParseAddr("10.9.0.10"), 4 })) // .11 to .13 are others'
	want := func(ether, addr string) {
		t.Helper()
		r := s.ask(t, discover, ether)
		switch {
		case r == nil && addr != "":
			t.Errorf("%s: no answer", ether)
		case r != nil && r.YourIPAddr.String() != addr:
			t.Errorf("%s: %s", ether, r.YourIPAddr)
		}
	}
	want("020000000001", "10.9.0.10")
	want("020000000001", "10.9.0.10")
	if s.ask(t, request, "020000000001", dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 9, 0, 10)))).MessageType() != ack {
		t.Error("no ack")
	}
	s.cfg.Pools = 5
	s.db.fixed[netip.MustParseAddr("10.9.0.13")] = "x" // it has no ether, so that it was free
	want("020000000002", "10.9.0.14")
	want("020000000003", "")
	s.says(t, "020000000003 dhcp: no address: ndb has none for it and the pool is used up")
	s.ask(t, dhcpv4.MessageTypeRelease, "020000000001", dhcpv4.WithClientIP(net.IPv4(10, 9, 0, 10)))
	want("020000000003", "10.9.0.10")
	s.ask(t, dhcpv4.MessageTypeDecline, "020000000003", dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 9, 0, 10))))
	want("020000000003", "")
	at(t, badTime+time.Second)
	want("020000000003", "10.9.0.10")
	if r := s.ask(t, discover, "020000000003", iPXE()...); r == nil || r.BootFileName != "" {
		t.Errorf("unknown, of the pool: %v", r)
	}
}

func TestProxy(t *testing.T) {
	s := local(newServer(t, func(cfg *Config) { cfg.Proxy = true }))
	r := s.ask(t, discover, "525400123456", asks("PXEClient:Arch:00000", 0)...)
	if r == nil || r.MessageType() != offer || !r.YourIPAddr.IsUnspecified() || r.BootFileName != "undionly.kpxe" || r.ClassIdentifier() != "PXEClient" ||
		!bytes.Equal(r.Options.Get(dhcpv4.OptionVendorSpecificInformation), []byte{6, 1, 8, 255}) || r.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
		t.Errorf("%v", r)
	}
	if r := s.ask(t, discover, "525400123456", iPXE()...); r == nil || r.ClassIdentifier() != "PXEClient" || r.BootFileName != "http://10.9.0.1/boot/525400123456" {
		t.Errorf("iPXE: %v", r)
	}
	if r := s.ask(t, discover, "525400123456"); r != nil {
		t.Errorf("who does not boot: %v", r)
	}
	if r := s.ask(t, request, "525400123456", append(iPXE(), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 0, 7))))...); r != nil {
		t.Errorf("what is asked of the other server: %v", r)
	}
	m, err := dhcpv4.New(append(asks("PXEClient:Arch:00007", 7), dhcpv4.WithHwAddr(ether(t, "525400123456")), dhcpv4.WithMessageType(request), dhcpv4.WithClientIP(net.IPv4(10, 9, 0, 50)))...)
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddrPort("10.9.0.50:4011")
	if r := s.answer(m.ToBytes(), from, true); r == nil || r.MessageType() != ack || r.BootFileName != "ipxe.efi" || r.to != from {
		t.Errorf("at port 4011: %v", r)
	}
}

// TestFlood: a flood of machines leaves a bounded table, and ndb's own are not driven out
// of it; one that floods is not heard, and the others are.
func TestFlood(t *testing.T) {
	s := local(newServer(t, func(cfg *Config) { cfg.Pool, cfg.Pools = netip.MustParseAddr("10.9.0.100"), 100 }))
	var d time.Duration
	now = func() time.Time { return time.Unix(1e9, 0).Add(d) }
	t.Cleanup(func() { now = time.Now })
	for range 1000 {
		s.ask(t, discover, "525400000002")
	}
	if r := s.ask(t, discover, "525400123456"); r != nil {
		t.Error("there is no bound on all")
	}
	d += 2 * time.Second
	if r := s.ask(t, discover, "525400123456"); r == nil {
		t.Error("no answer after the flood")
	}
	offers := s.count.offers
	for range 100 {
		s.ask(t, discover, "525400000002")
	}
	if got := s.count.offers - offers; got != 2*maxPackets1 {
		t.Errorf("%d offers to one machine at once", got)
	}
	for i := range maxNodes + 200 { // the last of whom have no room
		d += time.Second / maxPackets
		s.ask(t, discover, hex.EncodeToString([]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}))
	}
	if len(s.nodes) != maxNodes || len(s.leases) > 100 || s.nodes["525400123456"] == nil || s.nodes["525400000002"] == nil {
		t.Errorf("%d nodes, %d leases", len(s.nodes), len(s.leases))
	}
	if log := s.logText(""); len(log) > maxLines*(maxLine+60) || !strings.Contains(log, "lines not kept: too many") || !strings.Contains(log, "dhcp: flood") {
		t.Errorf("%d bytes of log", len(log))
	}
}

// FuzzDHCP: whatever comes, what is answered is a reply to that machine of a size that a
// frame carries, and the tables are bounded.
func FuzzDHCP(f *testing.F) {
	for _, mods := range [][]dhcpv4.Modifier{asks("PXEClient:Arch:00000", 0), asks("HTTPClient", 16), iPXE(), nil} {
		for _, kind := range []dhcpv4.MessageType{discover, request, dhcpv4.MessageTypeInform, dhcpv4.MessageTypeDecline, dhcpv4.MessageTypeRelease} {
			m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(net.HardwareAddr{0x52, 0x54, 0, 0x12, 0x34, 0x56}), dhcpv4.WithMessageType(kind),
				dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 9, 0, 11)))}, mods...)...)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(m.ToBytes(), kind == request)
		}
	}
	servers := map[bool]*Server{}
	for _, proxy := range []bool{false, true} {
		servers[proxy] = local(newServer(f, func(cfg *Config) {
			if cfg.Proxy = proxy; !proxy {
				cfg.Pool, cfg.Pools = netip.MustParseAddr("10.9.0.100"), 10
			}
		}))
	}
	f.Fuzz(func(t *testing.T, p []byte, bound bool) {
		for _, s := range servers {
			s.packets, s.strange = bucket{}, bucket{} // not what is tried here
			for _, n := range s.nodes {
				n.packets = bucket{}
			}
			r := s.answer(p, anybody, bound)
			if len(s.nodes) > maxNodes || len(s.leases) > 10 {
				t.Fatalf("%d nodes, %d leases", len(s.nodes), len(s.leases))
			}
			if len(s.nodes) > 100 {
				s.nodes = map[string]*node{}
			}
			if r == nil {
				continue
			}
			b := r.ToBytes()
			m, err := dhcpv4.FromBytes(b)
			if err != nil || len(b) > maxDHCP {
				t.Fatalf("%d bytes: %v", len(b), err)
			}
			if p[0] != 1 || m.OpCode != dhcpv4.OpcodeBootReply || !bytes.Equal(p[4:8], m.TransactionID[:]) || !bytes.Equal(p[28:34], m.ClientHWAddr) {
				t.Fatalf("% x is answered %v", p, m)
			}
			if s.cfg.Proxy && !m.YourIPAddr.IsUnspecified() {
				t.Fatalf("an address: %v", m)
			}
		}
	})
}
