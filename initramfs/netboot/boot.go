package netboot

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// bootOptions tells firmware what to load, and returns that for the log. It is nothing
// for who does not boot. s.mu is held.
func (s *Server) bootOptions(a *asking, n *node, p plan, r *dhcpv4.DHCPv4) string {
	var file string
	switch a.by {
	case ipxe: // has what is next told by a script
		file = s.url(s.addr, false) + "/boot/" + n.ether
		if s.cfg.Proxy { // it heeds no other beside the one that gives the address
			r.UpdateOption(dhcpv4.OptClassIdentifier("PXEClient"))
		} else {
			// Its own option no-pxedhcp: it need not wait, for three seconds, for another
			// server that knows what to boot.
			r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(175), []byte{176, 1, 1}))
		}
	case uefi:
		r.UpdateOption(dhcpv4.OptClassIdentifier("HTTPClient"))
		file = s.url(s.addr, true) + "/f/" + escape(s.firstFile(n, p))
	case pxe:
		r.UpdateOption(dhcpv4.OptClassIdentifier("PXEClient"))
		if id := a.Options.Get(dhcpv4.OptionClientMachineIdentifier); id != nil {
			r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientMachineIdentifier, id))
		}
		// Control of discovery, RFC 4578 and Intel's PXE 2.1: take the file that is here.
		r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionVendorSpecificInformation, []byte{6, 1, 8, 255}))
		file = s.firstFile(n, p)
		r.UpdateOption(dhcpv4.OptTFTPServerName(s.addr.String()))
	default:
		return ""
	}
	if len(file) > 255 {
		s.sayLocked(n, "dhcp: the boot file's name is longer than 255 bytes: not sent")
		return ""
	}
	r.ServerIPAddr = s.addr.AsSlice()
	r.UpdateOption(dhcpv4.OptBootFileName(file))
	if len(file) < 128 {
		r.BootFileName = file
	}
	return " boot " + file
}

// firstFile is what firmware loads.
func (s *Server) firstFile(n *node, p plan) string {
	if p.bootf != "" {
		return p.bootf
	}
	return loaderOf(n.machine)
}

// url is where HTTP is served, at an address of our own.
func (s *Server) url(own netip.Addr, secure bool) string {
	host, _ := strings.CutSuffix(netip.AddrPortFrom(own, 0).String(), ":0") // of IPv6 in brackets
	switch {
	case secure && s.cfg.TLS != nil:
		return "https://" + host
	case s.cfg.HTTP == 0 || s.cfg.HTTP == 80:
		return "http://" + host
	}
	return fmt.Sprintf("http://%s:%d", host, s.cfg.HTTP)
}

// near is our own address of the kind that another's is.
func (s *Server) near(a netip.Addr) netip.Addr {
	if a.Is6() || !s.addr.IsValid() {
		return s.addr6
	}
	return s.addr
}

func escape(file string) string { return (&url.URL{Path: file}).EscapedPath() }

// script is what iPXE is to do for a node that asks at an address of our own; with give it has the
// token that waits for it. It is an error if there is nothing to boot.
func (s *Server) script(n *node, own netip.Addr, give bool) (string, error) {
	s.mu.Lock()
	p, known := s.db.find(n.machine)
	m, asks := n.machine, s.db.asks()
	base := s.url(own, false)
	s.mu.Unlock()
	here := base + "/boot/" + m.ether
	var b strings.Builder
	b.WriteString("#!ipxe\n")
	if asks && m.serial == "" && m.product == "" {
		// Names are as iPXE's settings have them.
		fmt.Fprintf(&b, "chain --replace %s?uuid=${uuid}&serial=${serial:uristring}&product=${product:uristring}&arch=${buildarch}&platform=${platform} || goto again\n", here)
		return b.String() + again(here), nil
	}
	if !known {
		return "", errUnknown
	}
	name := p.sys
	if name == "" {
		name = m.ether
	}
	switch {
	case p.kernel != "":
		manifest, err := s.checkPlan(p)
		if err != nil {
			return "", err
		}
		args := p.cmdline
		if manifest != nil { // so that the node starts nothing older later
			args += fmt.Sprintf(" nine.serial=%d", manifest.Serial)
		}
		for i := range p.images {
			if m.efi { // the kernel's own loader is told by name
				args += fmt.Sprintf(" initrd=image%d", i)
			}
		}
		args += s.joinArgs(n, p, own, give)
		fmt.Fprintf(&b, "echo netboot: %s (%s)\nimgfree\nkernel --name kernel %s/f/%s %s || goto again\n", name, m.ether, base, escape(p.kernel), strings.TrimSpace(args))
		for i, image := range p.images {
			fmt.Fprintf(&b, "initrd --name image%d %s/f/%s || goto again\n", i, base, escape(image))
		}
		b.WriteString("boot || goto again\n")
	case p.bootf != "":
		fmt.Fprintf(&b, "chain %s/f/%s || goto again\n", base, escape(p.bootf))
	default:
		return "", fmt.Errorf("%s: ndb has neither kernel= nor bootf= for it", name)
	}
	return b.String() + again(here), nil
}

// again is the end of a script, where iPXE asks for it anew until there is one: at the end of a script it
// would give up.
func again(script string) string {
	return ":again\necho netboot: that did not work, once more in 10 seconds\nsleep 10\nchain --replace " + script + " || goto again\n"
}

// excuse is the script of a machine that there is nothing for: its console says so, and
// it asks again.
func (s *Server) excuse(ether string, own netip.Addr, err error) string {
	why := strings.NewReplacer("$", "", "&", "", "|", "").Replace(clean(err.Error(), 200))
	return fmt.Sprintf("#!ipxe\necho netboot: %s: %s\n", ether, why) + again(s.url(own, false)+"/boot/"+ether)
}
