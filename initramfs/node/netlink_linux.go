package node

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// A message is one of netlink's: its type and what follows.
type message struct {
	kind uint16
	body []byte
}

// messages takes what was read apart, rtnetlink(7).
func messages(b []byte) (list []message) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return list
		}
		list = append(list, message{binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:n]})
		b = b[min(len(b), (n+3)&^3):]
	}
	return list
}

// What a router advertisement has said of DHCPv6: linux/if.h of the kernel's net/.
const (
	ifOther   = 0x80
	ifManaged = 0x40
)

// routerFlags gives a card's flags that its routers have set.
func (m message) routerFlags() (index int, flags uint32, ok bool) {
	const inet6Flags = 1
	if m.kind != unix.RTM_NEWLINK || len(m.body) < unix.SizeofIfInfomsg {
		return 0, 0, false
	}
	for kind, info := range attributes(m.body[unix.SizeofIfInfomsg:]) {
		if kind == unix.IFLA_PROTINFO {
			for kind, v := range attributes(info) {
				if kind == inet6Flags && len(v) >= 4 {
					return int(int32(binary.NativeEndian.Uint32(m.body[4:]))), binary.NativeEndian.Uint32(v), true
				}
			}
		}
	}
	return 0, 0, false
}

// routerOptions gives options of a router advertisement that are no matter of the kernel's,
// and the card.
func (m message) routerOptions() (index int, opts []byte) {
	const head, advertisement = 16, 134 // struct nduseroptmsg; ICMPv6's type
	if m.kind != unix.RTM_NEWNDUSEROPT || len(m.body) < head || m.body[8] != advertisement {
		return 0, nil
	}
	n := int(binary.NativeEndian.Uint16(m.body[2:]))
	if n > len(m.body)-head {
		return 0, nil
	}
	return int(int32(binary.NativeEndian.Uint32(m.body[4:]))), m.body[head : head+n]
}

// attributes gives a message's attributes by kind.
func attributes(b []byte) map[uint16][]byte {
	all := map[uint16][]byte{}
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		all[binary.NativeEndian.Uint16(b[2:])&0x3fff] = b[4:n]
		b = b[min(len(b), (n+3)&^3):]
	}
	return all
}
