package netboot

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/nclient6"
	"github.com/insomniacslk/dhcp/iana"

	"ninespace/initramfs/dhcp6"
	"ninespace/srv/srvtest"
)

// asks6 are the options of who asks: its class and architecture.
func asks6(class string, arch iana.Arch) []dhcpv6.Modifier {
	return []dhcpv6.Modifier{dhcpv6.WithArchType(arch), dhcpv6.WithOption(&dhcpv6.OptVendorClass{EnterpriseNumber: 343, Data: [][]byte{[]byte(class)}})}
}

func iPXE6() []dhcpv6.Modifier {
	return append(asks6("PXEClient:Arch:00000:UNDI:002001", iana.INTEL_X86PC), dhcpv6.WithUserClass([]byte("iPXE")))
}

// local6 gives a server that serves no network the address of IPv6 that it would have.
func local6(s *Server) *Server {
	local(s).addr6, s.net6 = netip.MustParseAddr("fd00:9::1"), netip.MustParsePrefix("fd00:9::/64")
	s.duid = dhcp6.DUID(net.HardwareAddr{2, 0, 0, 0, 0, 1})
	return s
}

// linkOf is the address of the link that the machine's Ethernet address makes.
func linkOf(ether string) netip.AddrPort {
	return netip.AddrPortFrom(withEther(netip.MustParsePrefix("fe80::/64"), ether), 546)
}

// ask6 has the server answer a message.
func (s *Server) ask6(t testing.TB, kind dhcpv6.MessageType, ether string, mods ...dhcpv6.Modifier) *dhcpv6.Message {
	t.Helper()
	m := message6(t, kind, append([]dhcpv6.Modifier{dhcpv6.WithClientID(&dhcpv6.DUIDEN{EnterpriseNumber: 1, EnterpriseIdentifier: []byte("x")})}, mods...)...)
	b := s.answer6(m.ToBytes(), linkOf(ether))
	if b == nil {
		return nil
	}
	r, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if r.TransactionID != m.TransactionID || r.Options.ClientID() == nil || !bytes.Equal(r.Options.ServerID().ToBytes(), s.duid) {
		t.Errorf("%v is answered %v", m, r)
	}
	return r
}

func message6(t testing.TB, kind dhcpv6.MessageType, mods ...dhcpv6.Modifier) *dhcpv6.Message {
	t.Helper()
	m, err := dhcpv6.NewMessage(mods...)
	if err != nil {
		t.Fatal(err)
	}
	m.MessageType = kind
	return m
}

// leased is the address that an answer gives, and for how long.
func leased(m *dhcpv6.Message) (string, time.Duration) {
	if m == nil || m.Options.OneIANA() == nil || m.Options.OneIANA().Options.OneAddress() == nil {
		return "", 0
	}
	a := m.Options.OneIANA().Options.OneAddress()
	return a.IPv6Addr.String(), a.ValidLifetime
}

func six(t testing.TB, change func(*Config)) *Server {
	s := newServer(t, change)
	put(t, s.cfg.Dir+"/..", "ndb", strings.Replace(testNdb, "ip=10.9.0.11", "ip=10.9.0.11 ip=fd00:9::11", 1)+"ipnet=six ip=fd00:9:: ipmask=/64\n\tdns=fd00:9::53 ntp=fd00:9::123 dnsdomain=six.example\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	return local6(s)
}

// TestOffers6: each kind of firmware is told what to load, and a system its address.
func TestOffers6(t *testing.T) {
	s := six(t, nil)
	addr := dhcpv6.WithIAID([4]byte{0, 0, 0, 7})
	for _, c := range []struct {
		name, ether, url string
		mods             []dhcpv6.Modifier
	}{
		{"UEFI", node1, "tftp://[fd00:9::1]/ipxe.efi", asks6("PXEClient:Arch:00007", iana.EFI_BC)},
		{"UEFI of arm64", node1, "tftp://[fd00:9::1]/ipxe-arm64.efi", asks6("PXEClient:Arch:00011", iana.EFI_ARM64)},
		{"UEFI by HTTP", node1, "http://[fd00:9::1]/f/ipxe.efi", asks6("HTTPClient:Arch:00016", iana.EFI_X86_64_HTTP)},
		{"its own file", "525400000002", "tftp://[fd00:9::1]/node2.efi", asks6("PXEClient:Arch:00007", iana.EFI_BC)},
		{"iPXE", node1, "http://[fd00:9::1]/boot/" + node1, iPXE6()},
		{"a system", node1, "", nil},
	} {
		r := s.ask6(t, dhcpv6.MessageTypeSolicit, c.ether, append(c.mods, addr)...)
		want := map[bool]string{true: "fd00:9::11", false: "fd00:9::5054:ff:fe00:2"}[c.ether == node1]
		if got, _ := leased(r); r == nil || r.Type() != dhcpv6.MessageTypeAdvertise || r.Options.BootFileURL() != c.url || got != want {
			t.Errorf("%s: %v\n%s", c.name, r, s.logText(""))
			continue
		}
		var class string
		if v := r.Options.VendorClass(343); len(v) > 0 {
			class = string(v[0])
		}
		if asked, _, _ := strings.Cut(c.name, " "); (asked == "UEFI" || asked == "its") != (class != "") || class != "" && strings.HasPrefix(class, "HTTP") != strings.HasPrefix(c.url, "http") {
			t.Errorf("%s: class %q", c.name, class)
		}
	}
	named := dhcpv6.WithOption(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: s.duid[4:]}))
	wrong := dhcpv6.WithIANA(dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP("fd00:9::77")})
	for _, c := range []struct {
		kind dhcpv6.MessageType
		mods []dhcpv6.Modifier
		addr string
	}{
		{dhcpv6.MessageTypeRequest, []dhcpv6.Modifier{named, addr}, "fd00:9::11"},
		{dhcpv6.MessageTypeRenew, []dhcpv6.Modifier{named, addr}, "fd00:9::11"},
		{dhcpv6.MessageTypeRebind, []dhcpv6.Modifier{addr}, "fd00:9::11"},
		{dhcpv6.MessageTypeInformationRequest, nil, ""},
		{dhcpv6.MessageTypeRelease, []dhcpv6.Modifier{named, addr}, ""},
		{dhcpv6.MessageTypeDecline, []dhcpv6.Modifier{named, addr}, ""},
		{dhcpv6.MessageTypeConfirm, []dhcpv6.Modifier{addr}, ""},
	} {
		r := s.ask6(t, c.kind, node1, c.mods...)
		if got, d := leased(r); r == nil || r.Type() != dhcpv6.MessageTypeReply || got != c.addr || got != "" && d != leaseTime {
			t.Errorf("%s: %v", c.kind, r)
		}
		if r != nil && (c.addr != "" || c.kind == dhcpv6.MessageTypeInformationRequest) && (len(r.Options.DNS()) != 1 || r.Options.DNS()[0].String() != "fd00:9::53" || r.Options.DomainSearchList().Labels[0] != "six.example") {
			t.Errorf("%s: %v", c.kind, r)
		}
	}
	if r := s.ask6(t, dhcpv6.MessageTypeConfirm, node1, wrong); r == nil || r.Options.Status().StatusCode != iana.StatusNotOnLink {
		t.Errorf("another's address: %v", r)
	}
	r := s.ask6(t, dhcpv6.MessageTypeRequest, node1, named, wrong)
	if all := r.Options.OneIANA().Options.Addresses(); len(all) != 2 || all[0].IPv6Addr.String() != "fd00:9::11" || all[1].ValidLifetime != 0 {
		t.Errorf("another's address: %v", r)
	}
	if r := s.ask6(t, dhcpv6.MessageTypeRequest, node1, dhcpv6.WithServerID(&dhcpv6.DUIDEN{EnterpriseNumber: 2}), addr); r != nil {
		t.Errorf("to another server: %v", r)
	}
	s.says(t, node1+" dhcp: offer fd00:9::11 boot tftp://[fd00:9::1]/ipxe.efi", node1+" dhcp: ack fd00:9::11", "takes the offer of another server", "another machine has fd00:9::11")
}

// TestRefused6: nobody unknown, malformed or doubled is answered, and what is wrong is said.
func TestRefused6(t *testing.T) {
	s := six(t, nil)
	addr := dhcpv6.WithIAID([4]byte{})
	uuid := func(b byte) dhcpv6.Modifier {
		return dhcpv6.WithClientID(&dhcpv6.DUIDUUID{UUID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, b}})
	}
	if r := s.ask6(t, dhcpv6.MessageTypeSolicit, "020000000001", iPXE6()...); r != nil {
		t.Errorf("unknown: %v", r)
	}
	good := message6(t, dhcpv6.MessageTypeSolicit, append(iPXE6(), addr, uuid(0))...).ToBytes()
	elsewhere := netip.MustParseAddrPort("[fd00:9::77]:546")
	private := netip.MustParseAddrPort("[fe80::1234:5678]:546")
	for _, c := range []struct {
		name string
		p    []byte
		from netip.AddrPort
	}{
		{"empty", nil, linkOf(node1)},
		{"short", good[:3], linkOf(node1)},
		{"cut", good[:len(good)-1], linkOf(node1)},
		{"an answer", append([]byte{dhcp6.Reply}, good[1:]...), linkOf(node1)},
		{"of no kind", append([]byte{77}, good[1:]...), linkOf(node1)},
		{"by a relay", append([]byte{dhcp6.RelayForward}, good[1:]...), linkOf(node1)},
		{"oversized", append(bytes.Clone(good), make([]byte, 1500)...), linkOf(node1)},
		{"without a client", append([]byte{dhcp6.Solicit}, good[1:4]...), linkOf(node1)},
		{"with a short name", dhcp6.Append([]byte{dhcp6.Solicit, 0, 0, 0}, dhcp6.OptClient, make([]byte, 2)), linkOf(node1)},
		{"with a long name", dhcp6.Append([]byte{dhcp6.Solicit, 0, 0, 0}, dhcp6.OptClient, make([]byte, 131)), linkOf(node1)},
		{"a short association", dhcp6.Append(bytes.Clone(good), dhcp6.OptAddresses, make([]byte, 11)), linkOf(node1)},
		{"of a group", good, linkOf("010000000001")},
		{"from elsewhere", good, elsewhere},
		{"from nobody", good, private},
		{"to nobody", append([]byte{dhcp6.Request}, good[1:]...), linkOf(node1)},
		{"to one, and to all", dhcp6.Append(bytes.Clone(good), dhcp6.OptServer, s.duid), linkOf(node1)},
	} {
		if r := s.answer6(c.p, c.from); r != nil {
			t.Errorf("%s: %x", c.name, r)
		}
	}
	at(t, time.Hour)
	if r := s.ask6(t, dhcpv6.MessageTypeSolicit, node1, append(iPXE6(), addr, uuid(1))...); r == nil {
		t.Errorf("no answer\n%s", s.logText(""))
	}
	// Firmware has the same number in the order of SMBIOS, as in DHCPv4.
	swapped := dhcpv6.WithClientID(&dhcpv6.DUIDUUID{UUID: [16]byte{4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 1}})
	if r := s.ask6(t, dhcpv6.MessageTypeSolicit, node1, append(asks6("PXEClient", iana.EFI_BC), addr, swapped)...); r == nil {
		t.Errorf("the same machine: no answer\n%s", s.logText(""))
	}
	if r := s.ask6(t, dhcpv6.MessageTypeSolicit, node1, append(iPXE6(), addr, uuid(2))...); r != nil {
		t.Errorf("a second machine with its address: %v", r)
	}
	// One whose address of the link is of no Ethernet address is known by its DUID.
	duid := dhcpv6.WithClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: ether(t, node1)})
	if r := s.answer6(message6(t, dhcpv6.MessageTypeSolicit, addr, duid).ToBytes(), private); r == nil {
		t.Error("by DUID: no answer")
	}
	s.says(t, "020000000001 dhcp: unknown node: not in ndb: not answered", ": oversized: ", ": malformed: ", ": by a relay, ", "from fd00:9::77: from no address of the link",
		"from fe80::1234:5678: neither its address nor its DUID says", "dhcp: duplicate address: the machine 01020304-0506-0708-090a-0b0c0d0e0f01 has it and 01020304-", ": no message of a client: ")
	for range 50 {
		s.ask6(t, dhcpv6.MessageTypeSolicit, node1, addr)
	}
	s.says(t, node1+" dhcp: flood: packets are dropped")
}

// FuzzDHCP6: whatever comes, what is answered is an answer to that question of a size that a
// frame carries, and the tables are bounded.
func FuzzDHCP6(f *testing.F) {
	duid := dhcpv6.WithClientID(&dhcpv6.DUIDUUID{UUID: [16]byte{1}})
	for _, mods := range [][]dhcpv6.Modifier{asks6("PXEClient:Arch:00007", iana.EFI_BC), asks6("HTTPClient", iana.EFI_X86_64_HTTP), iPXE6(), nil} {
		for kind := dhcpv6.MessageTypeSolicit; kind <= dhcpv6.MessageTypeRelayForward; kind++ {
			f.Add(message6(f, kind, append(mods, duid, dhcpv6.WithIANA(dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP("fd00:9::11")}))...).ToBytes())
		}
	}
	s := six(f, func(cfg *Config) { cfg.Pool, cfg.Pools = netip.MustParseAddr("10.9.0.100"), 10 })
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, from := range []netip.AddrPort{linkOf(node1), netip.MustParseAddrPort("[fe80::1]:546")} {
			s.packets, s.strange = bucket{}, bucket{} // not what is tried here
			for _, n := range s.nodes {
				n.packets = bucket{}
			}
			b := s.answer6(p, from)
			if len(s.nodes) > 100 {
				s.nodes = map[string]*node{}
			}
			if len(s.leases) > 0 {
				t.Fatalf("%d leases", len(s.leases))
			}
			if b == nil {
				continue
			}
			if a, err := parse6(p, from.Addr()); err != nil {
				t.Fatal(err)
			} else if _, err := dhcpv6.DUIDFromBytes(a.client); a.client != nil && err != nil {
				continue // a name that the library has no reader for goes back as it came
			}
			m, err := dhcpv6.MessageFromBytes(b)
			if err != nil || len(b) > maxDHCP {
				t.Fatalf("%d bytes: %v", len(b), err)
			}
			if (m.Type() == dhcpv6.MessageTypeAdvertise) != (p[0] == dhcp6.Solicit) || !bytes.Equal(p[1:4], m.TransactionID[:]) {
				t.Fatalf("% x is answered %v", p, m)
			}
		}
	})
}

// TestNetwork6 boots, as far as firmware and iPXE go, a machine over a network that has IPv6
// alone: router advertisements for the kernel, DHCPv6 by another's client, TFTP by curl, HTTP.
func TestNetwork6(t *testing.T) {
	if !inNetns(t) {
		return
	}
	noDAD := func() {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0); err != nil {
			t.Skip("no IPv6: ", err)
		}
	}
	noDAD()
	c := lan(t, "52:54:00:12:34:56")
	ip(t, "addr flush dev br0", "addr add fd00:9::1/64 dev br0 nodad", "link set br0 down", "link set br0 up", "addr replace fd00:9::1/64 dev br0 nodad")
	s := six(t, func(cfg *Config) { cfg.IPv6 = true })
	s.addr, s.addr6 = netip.Addr{}, netip.Addr{}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	c.in(func() { // the card comes up anew, and asks for routers
		noDAD()
		ip(t, "link set c0 down")
		os.WriteFile("/proc/sys/net/ipv6/conf/c0/accept_dad", []byte("0"), 0)
		ip(t, "link set c0 up")
	})
	onLink := func() (is bool) {
		c.in(func() {
			out, _ := exec.Command("ip", "-6", "route", "show", "dev", "c0").Output()
			is = strings.Contains(string(out), "fd00:9::/64 proto kernel")
		})
		return is
	}
	if !srvtest.Until(onLink) {
		t.Fatal("the machine was not told which network it is in")
	}
	for _, k := range []struct {
		name, url, file string
		mods            []dhcpv6.Modifier
	}{
		{"UEFI", "tftp://[fd00:9::1]/ipxe.efi", "ipxe.efi", asks6("PXEClient:Arch:00007:UNDI:003016", iana.EFI_BC)},
		{"UEFI by HTTP", "http://[fd00:9::1]/f/ipxe.efi", "ipxe.efi", asks6("HTTPClient:Arch:00016:UNDI:003016", iana.EFI_X86_64_HTTP)},
		{"iPXE", "http://[fd00:9::1]/boot/" + node1, "", iPXE6()},
	} {
		t.Run(k.name, func(t *testing.T) {
			r, err := c.lease6(k.mods...)
			if err != nil {
				t.Fatalf("%v\n%s", err, s.logText(""))
			}
			if addr, _ := leased(r); addr != "fd00:9::11" || r.Options.BootFileURL() != k.url {
				t.Fatalf("%v", r)
			}
			c.in(func() { ip(t, "addr replace fd00:9::11/128 dev c0 nodad") })
			if k.file == "" {
				script := c.get(k.url)
				if !strings.Contains(script, "kernel --name kernel http://[fd00:9::1]/f/kernel ") || c.get("http://[fd00:9::1]/f/image") != strings.Repeat("i", 512*3) {
					t.Error(script)
				}
				return
			}
			var got string
			if strings.HasPrefix(k.url, "http:") {
				got = c.get(k.url)
			} else {
				c.in(func() {
					out, err := exec.Command("curl", "-s", "-g", k.url).Output()
					if err != nil {
						t.Error(err)
					}
					got = string(out)
				})
			}
			if got != strings.Repeat("boot.efi", 5000) {
				t.Errorf("%d bytes", len(got))
			}
		})
	}
	s.says(t, node1+` tftp: "ipxe.efi" to fd00:9::11: 40000 bytes`, node1+" http: script to fd00:9::11", node1+` http: "image" to fd00:9::11: 1536 bytes`)
	if got := s.nodeText(s.nodes[node1]); !strings.Contains(got, "ip=fd00:9::11") || !strings.Contains(got, "state=image") {
		t.Error(got)
	}
}

// lease6 has the machine ask for an address.
func (c *clientNet) lease6(mods ...dhcpv6.Modifier) (got *dhcpv6.Message, err error) {
	c.in(func() {
		var cl *nclient6.Client
		if cl, err = nclient6.New("c0", nclient6.WithTimeout(time.Second), nclient6.WithRetry(5)); err != nil {
			return
		}
		defer cl.Close()
		offer, err1 := cl.Solicit(c.Context(), mods...)
		if err1 != nil {
			err = errors.Join(errors.New("solicit"), err1)
			return
		}
		got, err = cl.Request(c.Context(), offer, mods...)
	})
	return got, err
}
