package netboot

import (
	"os/exec"
	"strings"
	"testing"
)

// TestStrangers6: files are for who is of the network, or of one that ndb has. Everybody else has more
// addresses than there are transfers, and may have written another's into what he sends.
func TestStrangers6(t *testing.T) {
	c, s, _ := lan6(t, func(cfg *Config) {
		put(t, cfg.Dir+"/..", "ndb", testNdb+"ipnet=far ip=fd00:7:: ipmask=/64\nether=020000000077 ip=fd00:6::77\n")
	})
	if c == nil {
		return
	}
	ip(t, "-6 route add default dev br0")
	for _, own := range []struct {
		addr   string
		served bool
	}{
		{"fd00:9::77", true},
		{"fd00:7::77", true},
		{"fd00:6::77", true},
		{"fd00:6::78", false},
		{"2001:db8::1", false},
	} {
		c.in(func() {
			ip(t, "addr flush dev c0 scope global", "-6 addr add "+own.addr+"/128 dev c0 nodad", "-6 route replace fd00:9::/64 dev c0")
		})
		var tftp string
		c.in(func() {
			out, _ := exec.Command("curl", "-s", "-g", "--connect-timeout", "2", "tftp://[fd00:9::1]/ipxe.efi").Output()
			tftp = string(out)
		})
		if got := len(tftp) == 40000; got != own.served {
			t.Errorf("%s: %d bytes by TFTP", own.addr, len(tftp))
		}
		if got := c.get("http://[fd00:9::1]/f/image"); (got == strings.Repeat("i", 512*3)) != own.served {
			t.Errorf("%s: %.200q by HTTP", own.addr, got)
		}
	}
	s.says(t, "http: from 2001:db8::1: of no network here", "tftp: from 2001:db8::1: of no network here")
}
