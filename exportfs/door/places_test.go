package door

import (
	"net"
	"strings"
	"testing"
)

// TestPlaces: one address that calls and says nothing does not keep the others out, at a door
// of one process and at a guarded one.
func TestPlaces(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *place{
		"alone":   func(t *testing.T) *place { return newPlace(t, Options{}) },
		"guarded": func(t *testing.T) *place { return newGuarded(t, "none").place },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
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
		})
	}
}
