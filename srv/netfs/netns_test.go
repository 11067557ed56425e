package netfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// served gives the tree as one client has it.
func served(t *testing.T) tree {
	f := New(Config{})
	root := srvtest.Mount(t, f, true)
	t.Cleanup(f.Close)
	return tree{srvtest.Tree{T: t, Root: root}, f}
}

func (x tree) say(f *client.Fid, line string) {
	x.Helper()
	if _, err := f.Write(x.Context(), []byte(line), 0); err != nil {
		x.Errorf("%s: %v", line, err)
	}
}

// ifc gives the directory of an interface.
func (x tree) ifc(name string) string {
	x.Helper()
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		if _, err := x.Root.Walk(x.Context(), "ipifc", n); err != nil {
			continue
		}
		if strings.HasPrefix(x.Text("ipifc/"+n+"/status"), "device "+name+" ") {
			return "ipifc/" + n
		}
	}
	x.Fatalf("no interface %s", name)
	return ""
}

func TestInterfaces(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	x := served(t)
	lo := x.ifc("lo")
	if got := x.Text(lo + "/status"); !strings.HasPrefix(got, "device lo maxtu 65536 down pktin 0 pktout 0 ") {
		t.Error(got)
	}
	ctl := x.Open(lo+"/ctl", p9.ORDWR)
	if got := x.Read(ctl); got != strings.TrimPrefix(lo, "ipifc/")+"\n" {
		t.Errorf("%q", got)
	}
	x.say(ctl, "up\nmtu 1400\nadd 10.1.0.1 255.255.255.0\nadd 10.2.0.1 /112\nadd 10.3.0.1 /30 10.3.0.2\nadd fd00::1 /64\n")
	got := x.Text(lo + "/status")
	for _, want := range []string{"device lo maxtu 1400 up ", "\t10.1.0.1 ", " /120 ", " 10.1.0.0 ", "\t10.2.0.1 ", " /112 ", "\tfd00::1 ", " /64 ", " fd00:: "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := x.Text(lo + "/local"); !strings.Contains(got, "10.1.0.1\n10.2.0.1\n10.3.0.1\n") {
		t.Error(got)
	}
	if got := x.Text("ipselftab"); !strings.Contains(got, "10.2.0.1                                    01    u\n") || !strings.Contains(got, "fd00::1                                     01   6u\n") {
		t.Errorf("%s", got)
	}
	x.say(ctl, "remove 10.2.0.1\nremove 10.1.0.1 /24")
	if got := x.Text(lo + "/local"); strings.Contains(got, "10.2.0.1") || strings.Contains(got, "10.1.0.1") {
		t.Error(got)
	}
	for _, bad := range []string{"add", "add x", "add 1.2.3.4 /33", "add 1.2.3.4 255.0.255.0", "remove 1.2.3.4", "mtu x", "mtu", "up 1", "nosuch", "add fd00::1 /64"} {
		if _, err := ctl.Write(t.Context(), []byte(bad), 0); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	x.say(ctl, "iprouting 1")
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); err != nil || string(b) != "1\n" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPackets is the far side of an interface, by its data: it sends back what comes.
func TestPackets(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	x := served(t)
	ctl := x.Open("ipifc/clone", p9.ORDWR)
	p := make([]byte, 100)
	if _, err := ctl.Read(t.Context(), p, 0); err == nil {
		t.Error("the number of an interface that is not bound")
	}
	for _, bad := range []string{"up", "bind", "bind disk", "bind ether", "bind ether nosuch", "bind pkt name-that-is-too-long", "bind pkt a b"} {
		if _, err := ctl.Write(t.Context(), []byte(bad), 0); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	x.say(ctl, "bind pkt far")
	x.say(ctl, "up\nadd 10.5.0.1 /24")
	dir := "ipifc/" + strings.TrimSpace(x.Read(ctl))
	if got := x.Text(dir + "/status"); !strings.HasPrefix(got, "device far maxtu 1500 up ") {
		t.Error(got)
	}
	same := x.Open("ipifc/clone", p9.ORDWR)
	x.say(same, "bind ether far\nmtu 1400")
	if got := "ipifc/" + strings.TrimSpace(x.Read(same)); got != dir {
		t.Errorf("%s is %s too", dir, got)
	}
	data := x.Open(dir+"/data", p9.ORDWR)
	ctl.Clunk(t.Context())
	c := x.clone("udp")
	c.must("connect 10.5.0.2!7")
	d := c.data()
	x.Write(d, "hello")
	for { // an IPv6 router solicitation may be before it
		if n, err := data.Read(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		} else if p = p[:n]; p[0] == 0x45 {
			break
		}
		p = p[:cap(p)]
	}
	swap := func(i, j, n int) {
		for k := range n {
			p[i+k], p[j+k] = p[j+k], p[i+k]
		}
	}
	swap(12, 16, 4) // the addresses
	swap(20, 22, 2) // the ports; no sum changes
	x.Write(data, string(p))
	if got := x.Read(d); got != "hello" {
		t.Errorf("read %q", got)
	}
	data.Clunk(t.Context())
	if _, err := x.Root.Walk(t.Context(), strings.Split(dir, "/")...); err == nil {
		t.Error("the interface is there without its last file")
	}
	if _, err := srvtest.Open(t.Context(), x.Root, x.ifc("lo")+"/data", p9.ORDWR); err == nil {
		t.Error("lo has data")
	}
	other := x.Open("ipifc/clone", p9.ORDWR)
	if _, err := other.Write(t.Context(), []byte("bind loopback"), 0); err != nil {
		t.Logf("no dummy in this kernel: %v", err)
		return
	}
	n := "ipifc/" + strings.TrimSpace(x.Read(other))
	other.Clunk(t.Context())
	if got := x.Text(n + "/status"); !strings.HasPrefix(got, "device dummy0 ") {
		t.Error(got)
	}
	x.say(x.Open(n+"/ctl", p9.OWRITE), "unbind")
	if _, err := x.Root.Walk(t.Context(), strings.Split(n, "/")...); err == nil {
		t.Error("the interface is there after unbind")
	}
}

// TestAddress: an address of IPv6 that was added can be announced on, and one that another has
// is refused.
func TestAddress(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	if out, err := exec.Command("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x := served(t)
	ctl := [2]*client.Fid{x.Open(x.ifc("veth0")+"/ctl", p9.OWRITE), x.Open(x.ifc("veth1")+"/ctl", p9.OWRITE)}
	x.say(ctl[0], "up\nadd fd00:1::1 /64") // nobody can be asked yet
	x.say(ctl[1], "up")
	x.say(ctl[0], "add fd00::1 /64")
	x.clone("tcp").must("announce fd00::1!0")
	if _, err := ctl[1].Write(t.Context(), []byte("add fd00::1 /64"), 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address that is taken: %v", err)
	}
	if got := x.Text(x.ifc("veth1") + "/local"); strings.Contains(got, "fd00::1\n") {
		t.Errorf("veth1 has %q", got)
	}
}

// TestAddressWait: while it is not known that an IPv6 address is free, its file can be read; who gives
// up does not have it, and who has waited long is told.
func TestAddressWait(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	if out, err := exec.Command("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/veth0/dad_transmits", []byte("100"), 0); err != nil {
		t.Skip("no IPv6: ", err)
	}
	defer func(d time.Duration) { dadTime = d }(dadTime)
	dadTime = time.Hour
	x := served(t)
	dir := x.ifc("veth0")
	has := func() bool { return strings.Contains(x.Text(dir+"/local"), "fd00::1\n") }
	x.say(x.Open(x.ifc("veth1")+"/ctl", p9.OWRITE), "up")
	ctl := x.Open("ipifc/clone", p9.ORDWR)
	x.say(ctl, "bind ether veth0\nup")
	if !srvtest.Until(func() bool { i, err := namedIfc("veth0"); return err == nil && i.carrier }) {
		t.Fatal("no carrier")
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		added := make(chan error, 1)
		go func() {
			_, err := ctl.Write(ctx, []byte("add fd00::1 /64"), 0)
			added <- err
		}()
		if !srvtest.Until(has) {
			t.Fatal("no address")
		}
		if got := x.Read(ctl); "ipifc/"+got != dir+"\n" {
			t.Errorf("clone reads %q", got)
		}
		select {
		case err := <-added:
			t.Errorf("add did not wait: %v", err)
		default:
		}
		cancel()
		if err := <-added; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if has() {
			t.Error("who gave up has the address")
		}
	}
	dadTime = time.Millisecond
	if _, err := ctl.Write(t.Context(), []byte("add fd00::1 /64"), 0); !errors.Is(err, syscall.ETIMEDOUT) || !has() {
		t.Errorf("%v; there: %v", err, has())
	}
}

func TestRoutes(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	if out, err := exec.Command("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x := served(t)
	v := x.ifc("veth0")
	n := strings.TrimPrefix(v, "ipifc/")
	x.say(x.Open(v+"/ctl", p9.OWRITE), "up\nadd 10.1.0.1 /24\nadd fd00::1 /64")
	x.say(x.Open(x.ifc("veth1")+"/ctl", p9.OWRITE), "up")
	f := x.Open("iproute", p9.OWRITE)
	x.say(f, "add 10.9.0.0 255.255.0.0 10.1.0.7\nadd default /0 10.1.0.8\nadd 10.8.0.0 /120 0.0.0.0 "+n+"\nadd fd09:: /16 fd00::7")
	has := func(line string, want bool) {
		t.Helper()
		got := strings.Join(strings.Fields(x.Text("iproute")), " ")
		if strings.Contains(got, line+" none "+n) != want {
			t.Errorf("%q is %v of\n%s", line, !want, got)
		}
	}
	has("10.9.0.0 /112 10.1.0.7 4", true)
	has("0.0.0.0 /96 10.1.0.8 4", true)
	has("10.8.0.0 /120 10.8.0.0 4i", true)
	has("10.1.0.0 /120 10.1.0.0 4i", true)
	has("fd09:: /16 fd00::7 6", true)
	if got := x.Text("ndb"); !strings.HasPrefix(got, "ip=10.1.0.1 ipmask=/120 ipgw=10.1.0.8\n\tsys=") {
		t.Error(got)
	}
	x.say(f, "remove 10.9.0.0 /16")
	has("10.9.0.0 /112 10.1.0.7 4", false)
	x.say(f, "flush")
	has("0.0.0.0 /96 10.1.0.8 4", false)
	has("fd09:: /16 fd00::7 6", false)
	has("10.1.0.0 /120 10.1.0.0 4i", true)
	for _, bad := range []string{"add", "add x /1 1.2.3.4", "add 10.0.0.0 /8 fd00::1", "add 10.0.0.0 /8 192.0.2.1", "remove 10.77.0.0 /16", "add 10.0.0.0 /8 10.1.0.9 nosuch"} {
		if _, err := f.Write(t.Context(), []byte(bad), 0); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	a := x.Open("arp", p9.OWRITE)
	x.say(a, "add ether 10.1.0.5 0123456789ab\nadd 10.1.0.6 00:11:22:33:44:55 "+n)
	if got := strings.Join(strings.Fields(x.Text("arp")), " "); !strings.Contains(got, "ether PERM 10.1.0.5 0123456789ab") || !strings.Contains(got, "ether PERM 10.1.0.6 001122334455") {
		t.Error(got)
	}
	x.say(a, "del 10.1.0.5")
	if got := x.Text("arp"); strings.Contains(got, "10.1.0.5") {
		t.Error(got)
	}
	for _, bad := range []string{"add 10.1.0.5", "add 10.1.0.5 xyz", "add 192.0.2.1 0123456789ab", "del 10.1.0.77", "flush 1"} {
		if _, err := a.Write(t.Context(), []byte(bad), 0); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	x.say(a, "flush")
}

func TestPing(t *testing.T) {
	if !srvtest.Netns(t, time.Minute) {
		return
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0); err != nil {
		t.Fatal(err)
	}
	x := served(t)
	x.say(x.Open(x.ifc("lo")+"/ctl", p9.OWRITE), "up")
	for addr, types := range map[string]string{"127.0.0.1": "\x08\x00", "::1": "\x80\x81"} {
		c := x.clone("icmp")
		c.must("connect " + addr)
		d := c.data()
		x.Write(d, types[:1]+"\x00\x00\x00\x00\x00\x00\x07hello")
		if got := x.Read(d); len(got) != 13 || got[0] != types[1] || got[7] != 7 || got[8:] != "hello" {
			t.Errorf("%q", got)
		}
		if got := c.file("remote"); got != addr+"!1" {
			t.Error(got)
		}
		if got := c.file("status"); got != "Open qin 0 qout 0" {
			t.Error(got)
		}
	}
	if err := x.clone("icmp").cmd("connect 1.2.3"); err == nil {
		t.Error("connected to 1.2.3")
	}
}
