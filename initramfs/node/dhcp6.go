package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"ninespace/initramfs/dhcp6"
)

// What a network of IPv6 says beside the address, which the kernel makes of a router
// advertisement: by options of that one, RFC 8106, or by DHCPv6, RFC 8415; and the address
// where a server of DHCPv6 gives it.
type news6 struct {
	dns     []netip.Addr
	domains []string
	ntp     []string
	lease   lease6
}

// A lease6 is an address that a server gives, or offers.
type lease6 struct {
	server              []byte // who that is, its DUID
	addr                netip.Addr
	renew, rebind, ends time.Duration // from when it was given: to be asked for of this server, of any, no longer to be used
}

// Options of router advertisements.
const raDNS, raDomains = 25, 31

var (
	errDHCP6   = errors.New("malformed answer of DHCPv6")
	errRefused = errors.New("the server of DHCPv6 has no address for this node")
)

// ask6 makes a message, with a number that its answer has too, of the machine with the card. With l
// it is about an address: any, or the one that l has, by the server that l has.
func ask6(kind byte, number [3]byte, card net.HardwareAddr, l *lease6) []byte {
	b := append([]byte{kind}, number[:]...)
	b = dhcp6.Append(b, dhcp6.OptClient, dhcp6.DUID(card))
	b = dhcp6.Append(b, dhcp6.OptAsk, []byte{0, dhcp6.OptDNS, 0, dhcp6.OptDomains, 0, dhcp6.OptSNTP})
	b = dhcp6.Append(b, dhcp6.OptElapsed, []byte{0, 0})
	if l == nil {
		return b
	}
	if l.server != nil {
		b = dhcp6.Append(b, dhcp6.OptServer, l.server)
	}
	all := make([]byte, 12) // one association, its number and times 0
	if l.addr.IsValid() {
		all = dhcp6.Append(all, dhcp6.OptAddress, append(l.addr.AsSlice(), make([]byte, 8)...))
	}
	return dhcp6.Append(b, dhcp6.OptAddresses, all)
}

// answer6 takes an answer apart. ok is whether it is one of the kind, to the message with the
// number, and for the client; where that was about an address, one without is errRefused.
func answer6(b []byte, kind byte, number [3]byte, client []byte, addressed bool) (news news6, ok bool, err error) {
	if len(b) < 4 || b[0] != kind || [3]byte(b[1:4]) != number {
		return news, false, nil
	}
	for code, data := range dhcp6.Options(b[4:]) {
		switch code {
		case dhcp6.Malformed:
			return news, ok, errDHCP6
		case dhcp6.OptClient:
			ok = bytes.Equal(data, client)
		case dhcp6.OptServer:
			news.lease.server = bytes.Clone(data)
		case dhcp6.OptAddresses:
			news.lease.addresses(data)
		case dhcp6.OptDNS:
			news.dns = append(news.dns, dhcp6.Addrs(data)...)
		case dhcp6.OptDomains:
			news.domains = append(news.domains, dhcp6.Domains(data)...)
		case dhcp6.OptSNTP:
			for _, a := range dhcp6.Addrs(data) {
				news.ntp = append(news.ntp, a.String())
			}
		}
	}
	switch {
	case news.lease.server == nil:
		err = errDHCP6
	case addressed && !news.lease.addr.IsValid():
		err = errRefused
	}
	return news, ok, err // RFC 8415, 16.10: of another client's or nobody's nothing is taken
}

// addresses takes the first address that may be used out of an association's option. Times that
// are 0 are the client's to choose.
func (l *lease6) addresses(b []byte) {
	if len(b) < 12 {
		return
	}
	seconds := func(b []byte) time.Duration { return time.Duration(binary.BigEndian.Uint32(b)) * time.Second }
	for code, data := range dhcp6.Options(b[12:]) {
		if code != dhcp6.OptAddress || len(data) < 24 || l.addr.IsValid() || seconds(data[20:]) == 0 {
			continue
		}
		l.addr, l.ends = netip.AddrFrom16([16]byte(data)), seconds(data[20:])
		if l.renew, l.rebind = seconds(b[4:]), seconds(b[8:]); l.renew == 0 || l.renew > l.ends {
			l.renew = l.ends / 2
		}
		if l.rebind < l.renew || l.rebind > l.ends {
			l.rebind = l.renew + (l.ends-l.renew)/4*3 // in this order: of an endless lease, 136 years, three times as long is too much
		}
	}
}

// routerOptions takes options of a router advertisement: each has its kind, its length in eight
// bytes, two or four more bytes and then what it says.
func (w *news6) routerOptions(b []byte) {
	for len(b) >= 8 && b[1] > 0 && len(b) >= 8*int(b[1]) {
		n := 8 * int(b[1])
		switch b[0] {
		case raDNS:
			w.dns = dhcp6.Addrs(b[8:n])
		case raDomains:
			w.domains = dhcp6.Domains(b[8:n])
		}
		b = b[n:]
	}
}
