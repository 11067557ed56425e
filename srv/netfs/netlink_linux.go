package netfs

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's tables of interfaces, addresses, routes and neighbours, by messages of
// rtnetlink(7), in the few words that netfs needs.

// A message is one of the kernel's: a fixed part and attributes.
type message struct {
	typ   uint16
	body  []byte
	attrs map[uint16][]byte
}

// bodies are the lengths of the fixed parts, by what the message is about.
var bodies = map[uint16]int{
	unix.RTM_NEWLINK: unix.SizeofIfInfomsg, unix.RTM_NEWADDR: unix.SizeofIfAddrmsg,
	unix.RTM_NEWROUTE: unix.SizeofRtMsg, unix.RTM_NEWNEIGH: unix.SizeofNdMsg,
}

// dump gives a table: all that a request of type get for it is answered with.
func dump(get uint16) ([]message, error) {
	b, err := syscall.NetlinkRIB(int(get), unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	raw, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, err
	}
	var all []message
	for _, r := range raw {
		n, ok := bodies[r.Header.Type]
		if !ok || len(r.Data) < n {
			continue
		}
		m := message{r.Header.Type, r.Data[:n], map[uint16][]byte{}}
		for rest := r.Data[(n+3)&^3:]; len(rest) >= unix.SizeofRtAttr; {
			size := int(binary.NativeEndian.Uint16(rest))
			if size < unix.SizeofRtAttr || size > len(rest) {
				break
			}
			m.attrs[binary.NativeEndian.Uint16(rest[2:])&^unix.NLA_F_NESTED] = rest[unix.SizeofRtAttr:size]
			rest = rest[min((size+3)&^3, len(rest)):]
		}
		all = append(all, m)
	}
	return all, nil
}

// addr gives the attribute as an address.
func (m *message) addr(attr uint16) netip.Addr {
	a, _ := netip.AddrFromSlice(m.attrs[attr])
	return a.Unmap()
}

// number gives the attribute as a number of 32 bits.
func (m *message) number(attr uint16) uint32 {
	if b := m.attrs[attr]; len(b) >= 4 {
		return binary.NativeEndian.Uint32(b)
	}
	return 0
}

// fixed gives a message's fixed part.
func fixed[T any](m *message) T {
	var v T
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)), m.body)
	return v
}

// A request is a change of a table that is being put together.
type request struct{ b []byte }

func newRequest[T any](body T) *request {
	return &request{append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&body)), unsafe.Sizeof(body))...)}
}

// attr adds an attribute.
func (r *request) attr(typ uint16, val []byte) *request {
	for len(r.b)%4 != 0 {
		r.b = append(r.b, 0)
	}
	r.b = binary.NativeEndian.AppendUint16(r.b, uint16(unix.SizeofRtAttr+len(val)))
	r.b = binary.NativeEndian.AppendUint16(r.b, typ)
	r.b = append(r.b, val...)
	return r
}

func (r *request) number(typ uint16, n uint32) *request {
	return r.attr(typ, binary.NativeEndian.AppendUint32(nil, n))
}

// do has the kernel make the change.
func (r *request) do(typ uint16, flags uint16) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for len(r.b)%4 != 0 {
		r.b = append(r.b, 0)
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(r.b)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence
	b = binary.NativeEndian.AppendUint32(b, 0) // port: the kernel's to give
	b = append(b, r.b...)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 8<<10)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(buf[4:]) != unix.NLMSG_ERROR {
		return unix.EPROTO
	}
	if e := int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr:])); e != 0 {
		return syscall.Errno(-e)
	}
	return nil
}

// family is the kernel's number for an address's.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
