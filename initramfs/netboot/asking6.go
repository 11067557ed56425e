package netboot

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ninespace/initramfs/dhcp6"
)

// An asking6 is a message of DHCPv6, taken apart.
type asking6 struct {
	machine
	by     firmware
	kind   byte
	number []byte // the message's
	client []byte // its DUID, and of the server that is asked, nil for any
	server []byte
	vendor []byte     // the enterprise whose class it is of
	wants  []wanting6 // addresses
}

// A wanting6 is an association for which addresses are asked: its number, and those it has.
type wanting6 struct {
	number []byte
	addrs  []netip.Addr
}

const (
	maxWants = 4 // associations of one message, and addresses of one
	minDUID  = 3 // bytes, RFC 8415, 11.1
	maxDUID  = 130
)

var (
	errShort   = errors.New("malformed")
	errKind    = errors.New("no message of a client")
	errRelay   = errors.New("by a relay, which IPv6 has no support for here")
	errNobody  = errors.New("neither its address nor its DUID says an Ethernet address")
	errOutside = errors.New("from no address of the link")
)

// parse6 takes a message apart. What is no request of a machine is an error.
func parse6(p []byte, from netip.Addr) (*asking6, error) {
	switch {
	case len(p) > maxDHCP:
		return nil, errLong
	case len(p) < 4:
		return nil, errShort
	case p[0] == dhcp6.RelayForward:
		return nil, errRelay
	case !from.IsLinkLocalUnicast():
		return nil, errOutside
	}
	switch p[0] {
	case dhcp6.Solicit, dhcp6.Request, dhcp6.Confirm, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release, dhcp6.Decline, dhcp6.Inform:
	default:
		return nil, errKind
	}
	a := &asking6{kind: p[0], number: p[1:4]}
	class := ""
	for code, data := range dhcp6.Options(p[4:]) {
		switch code {
		case dhcp6.Malformed:
			return nil, errShort
		case dhcp6.OptClient:
			a.client = data
		case dhcp6.OptServer:
			a.server = data
		case dhcp6.OptAddresses:
			w, ok := parseWanting(data)
			if a.wants = append(a.wants, w); !ok || len(a.wants) > maxWants {
				return nil, errShort
			}
		case dhcp6.OptUser:
			if slices.Contains(dhcp6.Strings(data), "iPXE") {
				a.by = ipxe
			}
		case dhcp6.OptVendor:
			if len(data) < 4 {
				return nil, errShort
			}
			a.vendor = data[:4]
			class = strings.Join(dhcp6.Strings(data[4:]), "")
		case dhcp6.OptArch:
			if len(data) >= 2 {
				a.arch, a.efi = archOf(binary.BigEndian.Uint16(data))
			}
		}
	}
	if a.client != nil && (len(a.client) < minDUID || len(a.client) > maxDUID) || a.client == nil && a.kind != dhcp6.Inform {
		return nil, errShort
	}
	switch {
	case a.by == ipxe:
	case strings.HasPrefix(class, "HTTPClient"):
		a.by = uefi
	case strings.HasPrefix(class, "PXEClient"):
		a.by = pxe
	default:
		a.arch, a.efi = "", false
	}
	return a, a.identify(from)
}

// parseWanting takes an association apart. What is wrong in it is not ok.
func parseWanting(b []byte) (w wanting6, ok bool) {
	if len(b) < 12 {
		return w, false
	}
	w.number = b[:4]
	for code, data := range dhcp6.Options(b[12:]) {
		switch code {
		case dhcp6.Malformed:
			return w, false
		case dhcp6.OptAddress:
			if len(data) < 24 || len(w.addrs) == maxWants {
				return w, false
			}
			w.addrs = append(w.addrs, netip.AddrFrom16([16]byte(data)))
		}
	}
	return w, true
}

// identify tells which machine it is: by the address of the link, which firmware makes of the
// Ethernet address, or else by the DUID, which may be of another card of the same machine.
func (a *asking6) identify(from netip.Addr) error {
	if d := a.client; len(d) == 18 && d[0] == 0 && d[1] == 4 {
		if a.uuid = uuidText(d[2:]); a.by == ipxe && a.uuid != "" { // which has it in the order of networks, and UEFI as SMBIOS does
			a.uuid = fmt.Sprintf("%x-%x-%x-%x-%x", d[2:6], d[6:8], d[8:10], d[10:12], d[12:])
		}
	}
	ether, ok := etherOf(from)
	if d := a.client; !ok && len(d) >= 4 && d[0] == 0 && d[2] == 0 && d[3] == 1 { // a hardware address of Ethernet
		switch {
		case d[1] == 1 && len(d) == 14: // behind a time
			ether, ok = hex.EncodeToString(d[8:]), true
		case d[1] == 3 && len(d) == 10:
			ether, ok = hex.EncodeToString(d[4:]), true
		}
	}
	if !ok {
		return errNobody
	}
	b, _ := hex.DecodeString(ether)
	if b[0]&1 != 0 || ether == "000000000000" {
		return errShape
	}
	a.ether = ether
	return nil
}

// etherOf is the Ethernet address that the last 64 bits of an address are made of, RFC 4291's
// modified EUI-64, if they are; and withEther is the address of a network that is made so.
func etherOf(a netip.Addr) (ether string, ok bool) {
	if !a.Is6() {
		return "", false
	}
	b := a.As16()
	if b[11] != 0xff || b[12] != 0xfe {
		return "", false
	}
	return hex.EncodeToString([]byte{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}), true
}

func withEther(net netip.Prefix, ether string) netip.Addr {
	e, err := hex.DecodeString(ether)
	if err != nil || len(e) != 6 || net.Bits() > 64 {
		return netip.Addr{}
	}
	b := net.Masked().Addr().As16()
	copy(b[8:], []byte{e[0] ^ 2, e[1], e[2], 0xff, 0xfe, e[3], e[4], e[5]})
	return netip.AddrFrom16(b)
}
