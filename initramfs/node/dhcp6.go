package node

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// What a network of IPv6 says beside the address, which the kernel makes of a router
// advertisement: by options of that one, RFC 8106, or by DHCPv6 without state, RFC 8415.
type news6 struct {
	dns     []netip.Addr
	domains []string
	ntp     []string
}

// Messages and options of DHCPv6, and options of router advertisements.
const (
	dhcp6Reply, dhcp6Inform = 7, 11

	opt6Client, opt6Server, opt6Ask, opt6Elapsed, opt6DNS, opt6Domains, opt6SNTP = 1, 2, 6, 8, 23, 24, 31

	raDNS, raDomains = 25, 31
)

var errDHCP6 = errors.New("malformed answer of DHCPv6")

// inform6 makes an information-request, with a number that its answer has too, of the
// machine with the card.
func inform6(number [3]byte, card net.HardwareAddr) []byte {
	b := append([]byte{dhcp6Inform}, number[:]...)
	opt := func(code int, data ...byte) {
		b = binary.BigEndian.AppendUint16(b, uint16(code))
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
	}
	opt(opt6Client, append([]byte{0, 3, 0, 1}, card...)...) // a DUID of a link-layer address, of Ethernet
	opt(opt6Ask, 0, opt6DNS, 0, opt6Domains, 0, opt6SNTP)
	opt(opt6Elapsed, 0, 0)
	return b
}

// answer6 takes an answer apart. ok is whether it is one to the request with the number.
func answer6(b []byte, number [3]byte) (news news6, ok bool, err error) {
	if len(b) < 4 || b[0] != dhcp6Reply || [3]byte(b[1:4]) != number {
		return news, false, nil
	}
	server := false
	for b = b[4:]; len(b) > 0; {
		if len(b) < 4 || len(b)-4 < int(binary.BigEndian.Uint16(b[2:])) {
			return news, true, errDHCP6
		}
		code, n := binary.BigEndian.Uint16(b), 4+int(binary.BigEndian.Uint16(b[2:]))
		data := b[4:n]
		switch b = b[n:]; code {
		case opt6Server:
			server = true
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
	if !server {
		err = errDHCP6
	}
	return news, true, err
}

// options6 takes options of a router advertisement: each has its kind, its length in eight
// bytes, two or four more bytes and then what it says.
func (w *news6) options6(b []byte) {
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
