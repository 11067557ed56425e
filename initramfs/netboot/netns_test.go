package netboot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// inNetns is srvtest's Netns, for tests with the programs ip and curl.
func inNetns(t *testing.T) bool {
	t.Helper()
	for _, name := range []string{"ip", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("missing: ", err)
		}
	}
	return srvtest.Netns(t, 5*time.Minute)
}

func ip(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
}

// A client is a machine: a thread in a network of its own, whose card c0 is at the
// server's bridge.
type clientNet struct {
	*testing.T
	do chan func()
}

// lan makes a bridge for the server, with a machine at it.
func lan(t *testing.T, ether string) *clientNet {
	t.Helper()
	ip(t, "link set lo up", "link add br0 type bridge forward_delay 0", "addr add 10.9.0.1/24 dev br0", "link set br0 up",
		"link add c0 type veth peer name c0p", "link set c0p master br0 up")
	c := &clientNet{t, make(chan func())}
	tid, done := make(chan int), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends here
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		tid <- unix.Gettid()
		for f := range c.do {
			f()
		}
	}()
	t.Cleanup(func() { close(c.do); <-done })
	ip(t, fmt.Sprintf("link set c0 netns %d", <-tid))
	c.in(func() { ip(t, "link set lo up", "link set c0 address "+ether, "link set c0 up") })
	return c
}

// in runs a function in the machine's network: the sockets that it opens are there.
func (c *clientNet) in(f func()) {
	done := make(chan struct{})
	c.do <- func() { defer close(done); f() }
	<-done
}

// lease has the machine ask for an address.
func (c *clientNet) lease(mods ...dhcpv4.Modifier) (got *dhcpv4.DHCPv4, err error) {
	c.in(func() {
		var cl *nclient4.Client
		if cl, err = nclient4.New("c0", nclient4.WithTimeout(time.Second), nclient4.WithRetry(3)); err != nil {
			return
		}
		defer cl.Close()
		var l *nclient4.Lease
		if l, err = cl.Request(c.Context(), mods...); err == nil {
			got = l.ACK
		}
	})
	return got, err
}

// get fetches a file over HTTP.
func (c *clientNet) get(url string) string {
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		c.in(func() { conn, err = new(net.Dialer).DialContext(ctx, network, addr) })
		return conn, err
	}}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr, Timeout: srvtest.Patience}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b) + fmt.Sprint(map[bool]any{true: "", false: err}[err == nil])
}

// TestNetwork boots, as far as firmware and iPXE go, a machine of each kind over a
// network: what it asks is what they ask, by nclient4's raw packets, curl's TFTP and
// net/http.
func TestNetwork(t *testing.T) {
	if !inNetns(t) {
		return
	}
	c := lan(t, "52:54:00:12:34:56")
	s := newServer(t, nil)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		name, loader string
		mods         []dhcpv4.Modifier
	}{
		{"BIOS", "undionly.kpxe", asks("PXEClient:Arch:00000:UNDI:002001", 0)},
		{"UEFI x86_64", "ipxe.efi", asks("PXEClient:Arch:00007:UNDI:003016", 7)},
		{"UEFI arm64", "ipxe-arm64.efi", asks("PXEClient:Arch:00011:UNDI:003016", 11)},
		{"UEFI x86_64 by HTTP", "http://10.9.0.1/f/ipxe.efi", asks("HTTPClient:Arch:00016:UNDI:003016", 16)},
		{"UEFI arm64 by HTTP", "http://10.9.0.1/f/ipxe-arm64.efi", asks("HTTPClient:Arch:00019:UNDI:003016", 19)},
		{"iPXE", "http://10.9.0.1/boot/525400123456", iPXE()},
	} {
		t.Run(k.name, func(t *testing.T) {
			r, err := c.lease(k.mods...)
			if err != nil {
				t.Fatalf("%v\n%s", err, s.logText(""))
			}
			if r.YourIPAddr.String() != "10.9.0.11" || r.BootFileName != k.loader || r.ServerIPAddr.String() != "10.9.0.1" {
				t.Fatalf("%v", r.Summary())
			}
			c.in(func() { ip(t, "addr replace 10.9.0.11/24 dev c0") })
			var got string
			switch {
			case k.name == "iPXE":
				script := c.get(k.loader)
				for _, file := range []string{"kernel", "image"} {
					url := "http://10.9.0.1/f/" + file
					want, _ := os.ReadFile(s.cfg.Dir + "/" + file)
					if !strings.Contains(script, url+" ") || c.get(url) != string(want) {
						t.Errorf("%s of\n%s", file, script)
					}
				}
				return
			case strings.HasPrefix(k.loader, "http:"):
				got = c.get(k.loader)
			default:
				c.in(func() {
					out, err := exec.Command("curl", "-s", "tftp://10.9.0.1/"+k.loader).Output()
					if err != nil {
						t.Error(err)
					}
					got = string(out)
				})
			}
			want, err := os.ReadFile(s.cfg.Loaders + "/" + k.loader[strings.LastIndex(k.loader, "/")+1:])
			if err != nil || got != string(want) {
				t.Errorf("%d bytes, want %d: %v", len(got), len(want), err)
			}
		})
	}
	c.in(func() {
		ip(t, "addr flush dev c0", "link set c0 down", "link set c0 address 02:00:00:00:00:09", "link set c0 up")
	})
	if r, err := c.lease(iPXE()...); !errors.Is(err, nclient4.ErrNoResponse) && !strings.Contains(fmt.Sprint(err), "deadline") {
		t.Errorf("unknown: %v, %v", r, err)
	}
	s.says(t, "525400123456 tftp: \"undionly.kpxe\" to 10.9.0.11: ", "525400123456 http: script to 10.9.0.11", "525400123456 http: \"image\" to 10.9.0.11: 1536 bytes",
		"020000000009 dhcp: unknown node: not in ndb: not answered")
	if got := s.nodeText(s.nodes[node1]); !strings.Contains(got, "ip=10.9.0.11") || !strings.Contains(got, "state=image") {
		t.Error(got)
	}
	// A proxy and a pool are not what this server is; it says what it can't be.
	for _, bad := range []func(*Config){
		func(c *Config) { c.Ether = "nosuch" },
		func(c *Config) { c.Pool, c.Pools = netip.MustParseAddr("192.0.2.1"), 1 },
		nil, // another has the ports
	} {
		if err := newServer(t, bad).Start(); err == nil {
			t.Error("no error")
		}
	}
}

// TestTwoServers: beside another DHCP server, the machine has an address of that one and
// its boot file of ours.
func TestTwoServers(t *testing.T) {
	if !inNetns(t) {
		return
	}
	c := lan(t, "52:54:00:12:34:56")
	s := newServer(t, func(cfg *Config) { cfg.Proxy = true })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	var offers []*dhcpv4.DHCPv4
	c.in(func() {
		cl, err := nclient4.NewWithConn(raw(t), ether(t, node1), nclient4.WithTimeout(time.Second), nclient4.WithRetry(3))
		if err != nil {
			t.Error(err)
			return
		}
		defer cl.Close()
		m, err := dhcpv4.NewDiscovery(ether(t, node1), asks("PXEClient:Arch:00007:UNDI:003016", 7)...)
		if err != nil {
			t.Error(err)
			return
		}
		o, err := cl.SendAndRead(t.Context(), nclient4.DefaultServers, m, nclient4.IsMessageType(offer))
		if err != nil {
			t.Error(err)
			return
		}
		offers = append(offers, o)
	})
	if len(offers) != 1 || !offers[0].YourIPAddr.IsUnspecified() || offers[0].BootFileName != "ipxe.efi" {
		t.Fatalf("%v\n%s", offers, s.logText(""))
	}
	// With the other's address it asks at port 4011.
	c.in(func() {
		ip(t, "addr add 10.9.0.77/24 dev c0")
		u, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: 4011})
		if err != nil {
			t.Error(err)
			return
		}
		defer u.Close()
		m, err := dhcpv4.New(slices.Concat(asks("PXEClient:Arch:00007:UNDI:003016", 7), []dhcpv4.Modifier{dhcpv4.WithHwAddr(ether(t, node1)),
			dhcpv4.WithMessageType(request), dhcpv4.WithClientIP(net.IPv4(10, 9, 0, 77))})...)
		if err != nil {
			t.Error(err)
			return
		}
		u.Write(m.ToBytes())
		u.SetReadDeadline(time.Now().Add(srvtest.Patience))
		p := make([]byte, 1500)
		n, err := u.Read(p)
		if err != nil {
			t.Errorf("%v\n%s", err, s.logText(""))
			return
		}
		if r, err := dhcpv4.FromBytes(p[:n]); err != nil || r.MessageType() != ack || !bytes.Equal(r.Options.Get(dhcpv4.OptionBootfileName), []byte("ipxe.efi")) {
			t.Errorf("%v, %v", r, err)
		}
	})
}

func raw(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := nclient4.NewRawUDPConn("c0", nclient4.ClientPort)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
