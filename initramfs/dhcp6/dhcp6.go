// Package dhcp6 has what both ends of DHCPv6, RFC 8415, need to read and write messages: a kind,
// a number of three bytes and then options. It makes nothing before main, as every command of nine pays for that.
package dhcp6

import (
	"encoding/binary"
	"iter"
	"net"
	"net/netip"
	"strings"
)

// Kinds of messages.
const (
	Solicit   = 1
	Advertise = 2
	Request   = 3
	Confirm   = 4
	Renew     = 5
	Rebind    = 6
	Reply     = 7
	Release   = 8
	Decline   = 9
	Inform    = 11

	RelayForward = 12
)

// Options.
const (
	OptClient    = 1 // a DUID
	OptServer    = 2 // a DUID
	OptAddresses = 3 // an association: its number, two times, and options
	OptAddress   = 5 // in that: an address, how long it is preferred and how long valid, and options
	OptAsk       = 6
	OptElapsed   = 8
	OptStatus    = 13 // one of the numbers of states, and a text
	OptUser      = 15 // classes: see Strings
	OptVendor    = 16 // the number of an enterprise, and its classes
	OptDNS       = 23
	OptDomains   = 24
	OptSNTP      = 31 // RFC 4075
	OptBootFile  = 59 // a URL, RFC 5970
	OptArch      = 61 // of a machine: numbers of two bytes

	Malformed = 0xffff // an option that there is not
)

// States of OptStatus.
const (
	Success   = 0
	NoAddress = 2
	NotOnLink = 4
)

// Append puts an option behind b.
func Append(b []byte, code uint16, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// Options gives the options in b, and Malformed behind them where what follows is none.
func Options(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 && len(b)-4 >= int(binary.BigEndian.Uint16(b[2:])) {
			n := 4 + int(binary.BigEndian.Uint16(b[2:]))
			if !yield(binary.BigEndian.Uint16(b), b[4:n]) {
				return
			}
			b = b[n:]
		}
		if len(b) > 0 {
			yield(Malformed, nil)
		}
	}
}

// DUID is the one by which the machine with a card of Ethernet is known: of kind 3, a link-layer
// address.
func DUID(card net.HardwareAddr) []byte { return append([]byte{0, 3, 0, 1}, card...) }

// Addrs are addresses one behind the other.
func Addrs(b []byte) (list []netip.Addr) {
	for ; len(b) >= 16; b = b[16:] {
		list = append(list, netip.AddrFrom16([16]byte(b)))
	}
	return list
}

// Strings are texts, each behind its length in two bytes, as classes are.
func Strings(b []byte) (list []string) {
	for len(b) >= 2 && len(b)-2 >= int(binary.BigEndian.Uint16(b)) {
		n := 2 + int(binary.BigEndian.Uint16(b))
		list = append(list, string(b[2:n]))
		b = b[n:]
	}
	return list
}

// Domains are names as DNS has them, without compression, RFC 1035. What is no name of letters,
// digits, - and _ is left out, for it is going to be in a file.
func Domains(b []byte) (list []string) {
	var labels []string
	for len(b) > 0 {
		n := int(b[0])
		if n >= len(b) || n > 63 {
			return list
		}
		if n == 0 {
			if name := strings.Join(labels, "."); name != "" && len(name) <= 253 && strings.Count(name, ".") == len(labels)-1 && !strings.ContainsFunc(name, func(r rune) bool {
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

// AppendDomain puts a name behind b, as DNS has it; none that DNS could not have.
func AppendDomain(b []byte, name string) []byte {
	if name == "" || len(name) > 253 {
		return b
	}
	all := b
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return b
		}
		all = append(append(all, byte(len(label))), label...)
	}
	return append(all, 0)
}
