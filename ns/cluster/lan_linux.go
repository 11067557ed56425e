package cluster

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/osthread"
)

// A lan is a bridge in a network namespace that only a thread of this process is in: with
// the thread it is gone, and so are all links to it.
type lan struct {
	do   chan func()
	done chan struct{}
}

// bridge is its name, where nobody sees it.
const bridge = "lan"

func newLan() (*lan, error) {
	l := &lan{do: make(chan func()), done: make(chan struct{})}
	failed := make(chan error)
	osthread.Go(func() {
		defer close(l.done)
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = addBridge()
		}
		if failed <- err; err != nil {
			return
		}
		for f := range l.do {
			f()
		}
	})
	if err := <-failed; err != nil {
		return nil, err
	}
	return l, nil
}

// join links the network namespace of a process, whose card is eth0 then.
func (l *lan) join(name string, pid int) error {
	failed := make(chan error)
	l.do <- func() { failed <- addPair(name, "eth0", pid) }
	return <-failed
}

func (l *lan) close() {
	close(l.do)
	<-l.done
}

func addBridge() error {
	err := withSocket(func(fd int) error {
		name, err := unix.BytePtrFromString(bridge)
		if err != nil {
			return err
		}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCBRADDBR, uintptr(unsafe.Pointer(name))); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	return up(bridge)
}

// addPair makes a pair of network cards, veth(4): one here, at the bridge, and one where
// the process is.
func addPair(name, peer string, pid int) error {
	if err := newPair(name, peer, pid); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	card, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	err = withSocket(func(fd int) error {
		r, err := unix.NewIfreq(bridge)
		if err != nil {
			return err
		}
		r.SetUint32(uint32(card.Index))
		return unix.IoctlIfreq(fd, unix.SIOCBRADDIF, r)
	})
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	return up(name)
}

// up turns a card on.
func up(name string) error {
	return withSocket(func(fd int) error {
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
			return err
		}
		r.SetUint16(r.Uint16() | unix.IFF_UP)
		return os.NewSyscallError(name+" up", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r))
	})
}

// number gives a card an address in a network of 255 others.
func number(name, addr string) error {
	return withSocket(func(fd int) error {
		for _, set := range []struct {
			call uint
			to   string
		}{{unix.SIOCSIFADDR, addr}, {unix.SIOCSIFNETMASK, "255.255.255.0"}} {
			r, err := unix.NewIfreq(name)
			if err != nil {
				return err
			}
			if err := r.SetInet4Addr(net.ParseIP(set.to).To4()); err != nil {
				return err
			}
			if err := unix.IoctlIfreq(fd, set.call, r); err != nil {
				return os.NewSyscallError(name+" "+addr, err)
			}
		}
		return nil
	})
}

// withSocket lends a socket of the network namespace of this thread.
func withSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// Of a veth's peer, include/uapi/linux/veth.h.
const vethInfoPeer = 1

// newPair asks for the pair by a message of rtnetlink(7).
func newPair(name, peer string, pid int) error {
	info := make([]byte, unix.SizeofIfInfomsg)
	other := attr(append([]byte(nil), info...), unix.IFLA_IFNAME, []byte(peer+"\x00"))
	other = attr(other, unix.IFLA_NET_NS_PID, binary.NativeEndian.AppendUint32(nil, uint32(pid)))
	link := attr(nil, unix.IFLA_INFO_KIND, []byte("veth"))
	link = attr(link, unix.IFLA_INFO_DATA|unix.NLA_F_NESTED, attr(nil, vethInfoPeer|unix.NLA_F_NESTED, other))
	body := attr(info, unix.IFLA_IFNAME, []byte(name+"\x00"))
	body = attr(body, unix.IFLA_LINKINFO|unix.NLA_F_NESTED, link)
	return request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

// attr appends an attribute, to a length that 4 divides.
func attr(b []byte, typ int, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// request has the kernel do something, netlink(7), and gives the error of its answer.
func request(typ, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = append(b, make([]byte, 8)...) // neither sequence nor sender
	if err := unix.Sendto(fd, append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	p := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(fd, p, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(p[4:]) != unix.NLMSG_ERROR {
		return unix.EBADMSG
	}
	if errno := -int32(binary.NativeEndian.Uint32(p[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}
