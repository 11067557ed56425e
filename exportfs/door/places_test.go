package door

import (
	"net"
	"strings"
	"testing"
)

// TestPlaces: one address that calls and says nothing does not keep the others out.
func TestPlaces(t *testing.T) {
	p := newGuarded(t, "none").place
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range maxStrangers + 10 {
		c, err := from.Dial("tcp", strings.Replace(strings.TrimPrefix(p.addr, "tcp!"), "!", ":", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	c, err := new(Dialer).Dial(t.Context(), p.addr, Want{Service: CPU})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestSource: who counts as one caller.
func TestSource(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1":            "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":   "192.0.2.7/32",
		"[2001:db8:1:2:3::4]:17": "2001:db8:1:2::/64",
		"[fe80::1%lo]:17":        "fe80::/64",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := source(a); !ok || p.String() != want {
			t.Errorf("%s: %v, %v, want %s", addr, p, ok, want)
		}
	}
	if _, ok := source(&net.UnixAddr{Name: "/s", Net: "unix"}); ok {
		t.Error("a Unix socket has an address")
	}
	var p places
	a := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1}
	for range 2 {
		var leave []func()
		for range maxOfSource {
			l, err := p.enter(a)
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, l)
		}
		if _, err := p.enter(a); err != errSource {
			t.Error(err)
		}
		for _, l := range leave {
			l()
			l()
		}
	}
	if p.n != 0 || len(p.of) != 0 {
		t.Errorf("%+v", &p)
	}
}
