package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"net"
	"net/netip"
	"strings"
	"time"
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

// Messages and options of DHCPv6, and options of router advertisements.
const (
	dhcp6Solicit, dhcp6Advertise, dhcp6Request, dhcp6Renew, dhcp6Rebind, dhcp6Reply, dhcp6Inform = 1, 2, 3, 5, 6, 7, 11

	opt6Client, opt6Server, opt6Addresses, opt6Address, opt6Ask, opt6Elapsed, opt6Status, opt6DNS, opt6Domains, opt6SNTP = 1, 2, 3, 5, 6, 8, 13, 23, 24, 31

	raDNS, raDomains = 25, 31
)

var (
	errDHCP6   = errors.New("malformed answer of DHCPv6")
	errRefused = errors.New("the server of DHCPv6 has no address for this node")
)

// ask6 makes a message, with a number that its answer has too, of the machine with the card. With l
// it is about an address: any, or the one that l has, by the server that l has.
func ask6(kind byte, number [3]byte, card net.HardwareAddr, l *lease6) []byte {
	b := append([]byte{kind}, number[:]...)
	b = option6(b, opt6Client, client6(card))
	b = option6(b, opt6Ask, []byte{0, opt6DNS, 0, opt6Domains, 0, opt6SNTP})
	b = option6(b, opt6Elapsed, []byte{0, 0})
	if l == nil {
		return b
	}
	if l.server != nil {
		b = option6(b, opt6Server, l.server)
	}
	all := make([]byte, 12) // one association, its number and times 0
	if l.addr.IsValid() {
		all = option6(all, opt6Address, append(l.addr.AsSlice(), make([]byte, 8)...))
	}
	return option6(b, opt6Addresses, all)
}

// client6 is the DUID by which the machine with the card is known: of a link-layer address, of Ethernet.
func client6(card net.HardwareAddr) []byte { return append([]byte{0, 3, 0, 1}, card...) }

func option6(b []byte, code uint16, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// options6 gives the options in b, and malformed6 behind them where what follows is none.
func options6(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 && len(b)-4 >= int(binary.BigEndian.Uint16(b[2:])) {
			n := 4 + int(binary.BigEndian.Uint16(b[2:]))
			if !yield(binary.BigEndian.Uint16(b), b[4:n]) {
				return
			}
			b = b[n:]
		}
		if len(b) > 0 {
			yield(malformed6, nil)
		}
	}
}

const malformed6 = 0xffff // an option that there is not

// answer6 takes an answer apart. ok is whether it is one of the kind, to the message with the
// number, and for the client; where that was about an address, one without is errRefused.
func answer6(b []byte, kind byte, number [3]byte, client []byte, addressed bool) (news news6, ok bool, err error) {
	if len(b) < 4 || b[0] != kind || [3]byte(b[1:4]) != number {
		return news, false, nil
	}
	for code, data := range options6(b[4:]) {
		switch code {
		case malformed6:
			return news, ok, errDHCP6
		case opt6Client:
			ok = bytes.Equal(data, client)
		case opt6Server:
			news.lease.server = bytes.Clone(data)
		case opt6Addresses:
			news.lease.addresses(data)
		case opt6DNS:
			news.dns = append(news.dns, addrs6(data)...)
		case opt6Domains:
			news.domains = append(news.domains, domains(data)...)
		case opt6SNTP:
			for _, a := range addrs6(data) {
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
	for code, data := range options6(b[12:]) {
		if code != opt6Address || len(data) < 24 || l.addr.IsValid() || seconds(data[20:]) == 0 {
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
			w.dns = addrs6(b[8:n])
		case raDomains:
			w.domains = domains(b[8:n])
		}
		b = b[n:]
	}
}

// addrs6 are addresses one behind the other.
func addrs6(b []byte) (list []netip.Addr) {
	for ; len(b) >= 16; b = b[16:] {
		list = append(list, netip.AddrFrom16([16]byte(b)))
	}
	return list
}

// domains are names as DNS has them, without compression, RFC 1035. What is no name of letters,
// digits, - and _ is left out, for it is going to be in a file.
func domains(b []byte) (list []string) {
	var labels []string
	for len(b) > 0 {
		n := int(b[0])
		if n >= len(b) || n > 63 {
			return list
		}
		if n == 0 {
			if name := strings.Join(labels, "."); name != "" && len(name) < 256 && !strings.ContainsFunc(name, func(r rune) bool {
				return !(r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
			}) {
				list = append(list, name)
			}
			labels = nil
		} else {
			labels = append(labels, string(b[1:n+1]))
		}
		b = b[n+1:]
	}
	return list
}
