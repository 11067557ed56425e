package netfs

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newUDP makes the directory udp.
func newUDP(f *FS) {
	verbs := append([]verb{
		{"connect", " addr!port[!r] [localport]", 1, 2, udpSocket.connect},
		{"announce", " [addr!]port", 1, 1, udpAnnounce},
		{"bind", " [addr!]port", 1, 1, udpSocket.bind},
		{"headers", "", 0, 0, headers},
	}, multiVerbs...)
	p := newProto(f, "udp", append(append(verbs, inetVerbs...), allVerbs...))
	p.status = openStatus
	p.Add("stats", statsFile("Udp"))
}

// openStatus is the status of what is no connection: there is a socket or not.
func openStatus(c *conv) string {
	s := c.sock()
	if s == nil || c.end == nil {
		return "Closed qin 0 qout 0"
	}
	qin, qout := s.queued()
	return fmt.Sprintf("Open qin %d qout %d", qin, qout)
}

// headers has each datagram of data begin with its addresses.
func headers(_ context.Context, c *conv, _ []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil && c.state != listening {
		return invalid("the conversation is connected")
	}
	c.headers = true
	return nil
}

func udpAnnounce(ctx context.Context, c *conv, args []string) error {
	return c.begin(ctx, connecting, func(_ context.Context, s *sock) (end, string, error) {
		if s != nil {
			s.close()
		}
		s, err := udpSocket.announced(c.user, args[0])
		if err != nil {
			return nil, "", err
		}
		// With callers their sockets share the address.
		unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		return &udpEnd{sock: s}, listening, nil
	})
}

// A datagram is one with its addresses.
type datagram struct {
	far, near netip.AddrPort
	data      []byte
}

// maxDatagram is the longest one, with room.
const maxDatagram = 1 << 16

// A udpEnd is the end of a conversation that was announced: with headers it is read and
// written, without it is listened to for those who were not heard of.
type udpEnd struct {
	*sock
	calls []datagram // of others, that came with a caller's; of who has sock.rd
}

// get takes the next datagram off the socket, or says EAGAIN.
func (e *udpEnd) get(p []byte) (d datagram, err error) {
	var oob [128]byte
	n, oobn, _, from, err := unix.RecvmsgBuffers(e.fd, [][]byte{p}, oob[:], unix.MSG_DONTWAIT)
	if err != nil {
		return d, err
	}
	d.data = p[:n]
	d.far, _ = addrPort(from)
	if sa, err := unix.Getsockname(e.fd); err == nil {
		d.near, _ = addrPort(sa)
	}
	cmsgs, _ := unix.ParseSocketControlMessage(oob[:oobn])
	for _, m := range cmsgs {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&m.Data[0]))
			d.near = netip.AddrPortFrom(netip.AddrFrom4(info.Addr), d.near.Port())
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&m.Data[0]))
			d.near = netip.AddrPortFrom(netip.AddrFrom16(info.Addr).Unmap(), d.near.Port())
		}
	}
	return d, nil
}

// accept waits for a datagram of one who has no conversation, and makes him a socket
// that gets what he sends from now on, as the kernel prefers one that is connected. What
// he and others have sent meanwhile is taken off the shared one.
func (e *udpEnd) accept(ctx context.Context, c *conv) (end, error) {
	var s *sock
	buf := make([]byte, maxDatagram)
	_, err := e.recv(ctx, func() (int, error) {
		var d datagram
		if len(e.calls) > 0 {
			d, e.calls = e.calls[0], e.calls[1:]
		} else {
			var err error
			if d, err = e.get(buf); err != nil {
				return 0, err
			}
			d.data = append([]byte(nil), d.data...)
		}
		var err error
		if s, err = e.caller(d); err != nil {
			return 0, err
		}
		e.drain(s, d.far, buf)
		return 0, nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// caller makes a caller's socket.
func (e *udpEnd) caller(d datagram) (*sock, error) {
	dom := domain(d.far.Addr())
	s, err := udpSocket.open(dom)
	if err != nil {
		return nil, err
	}
	unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err = unix.Bind(s.fd, sockaddr(d.near, dom)); err == nil {
		err = unix.Connect(s.fd, sockaddr(d.far, dom))
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.first = [][]byte{d.data}
	return s, nil
}

// maxCalls is how many datagrams of others wait for a listen.
const maxCalls = 1024

// drain gives s what its caller has sent to the shared socket before it was there.
func (e *udpEnd) drain(s *sock, far netip.AddrPort, buf []byte) {
	kept := e.calls[:0]
	for _, d := range e.calls {
		if d.far == far {
			s.first = append(s.first, d.data)
		} else {
			kept = append(kept, d)
		}
	}
	e.calls = kept
	for range maxCalls {
		d, err := e.get(buf)
		if err != nil {
			return
		}
		d.data = append([]byte(nil), d.data...)
		switch {
		case d.far == far:
			s.first = append(s.first, d.data)
		case len(e.calls) < maxCalls:
			e.calls = append(e.calls, d)
		}
	}
}

// headLen is the length of what is before a datagram: the far address, ours, the
// interface's, each of 16 bytes, and the two ports.
const headLen = 52

func (e *udpEnd) read(ctx context.Context, p []byte) (int, error) {
	if len(p) < headLen {
		return 0, invalid("a count of %d has no room for a header of %d", len(p), headLen)
	}
	return e.recv(ctx, func() (int, error) {
		d, err := e.get(p[headLen:])
		if err != nil {
			return 0, err
		}
		for i, a := range []netip.Addr{d.far.Addr(), d.near.Addr(), d.near.Addr()} {
			b := a.As16()
			copy(p[16*i:], b[:])
		}
		binary.BigEndian.PutUint16(p[48:], d.far.Port())
		binary.BigEndian.PutUint16(p[50:], d.near.Port())
		return headLen + len(d.data), nil
	})
}

func (e *udpEnd) write(ctx context.Context, p []byte) (int, error) {
	if len(p) < headLen {
		return 0, invalid("%d bytes are no header of %d", len(p), headLen)
	}
	addr := func(i int) netip.Addr { return netip.AddrFrom16([16]byte(p[16*i:])).Unmap() }
	far := netip.AddrPortFrom(addr(0), binary.BigEndian.Uint16(p[48:]))
	dom := unix.AF_INET6
	if sa, err := unix.Getsockname(e.fd); err == nil {
		if _, ok := sa.(*unix.SockaddrInet4); ok {
			dom = unix.AF_INET
		}
	}
	if dom == unix.AF_INET && !far.Addr().Is4() {
		return 0, unix.EAFNOSUPPORT
	}
	var oob []byte
	switch near := addr(1); {
	case near.IsUnspecified(), near.IsMulticast(): // as of who answers what came to a group
	case near.Is4() && far.Addr().Is4():
		oob = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: near.As4()})
	case near.Is6() && far.Addr().Is6():
		oob = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: near.As16()})
	}
	_, err := e.send(ctx, func() (int, error) {
		return unix.SendmsgN(e.fd, p[headLen:], oob, sockaddr(far, dom), unix.MSG_NOSIGNAL)
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}
