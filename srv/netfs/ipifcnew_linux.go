package netfs

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Interfaces that are made by ipifc/clone, ip(3): of packets, whose other side is the file
// data, tun(4) of Linux, or ones that lead nowhere, as a further loopback.

// A packets is the other side of an interface of packets.
type packets struct {
	*sock // not a socket, but used as one
	holds int
}

// openTun makes an interface of packets, with a name or one of the kernel's.
func openTun(name string) (*packets, string, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	r, err := unix.NewIfreq(name)
	if name == "" {
		r, err = unix.NewIfreq("tun%d")
	}
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", err
	}
	return &packets{sock: ofFd(fd, false)}, r.Name(), nil
}

func (p *packets) read(ctx context.Context, b []byte) (int, error) {
	return p.recv(ctx, func() (int, error) { return unix.Read(p.fd, b) })
}

func (p *packets) write(ctx context.Context, b []byte) (int, error) {
	return p.send(ctx, func() (int, error) { return unix.Write(p.fd, b) })
}

// hold has one more file keep the packets of an interface, if it has any.
func (d *ifcDir) hold(index int) (*packets, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.tuns[index]
	if p == nil {
		return nil, p9.NewError(syscall.ENXIO, "not an interface of packets")
	}
	p.holds++
	return p, nil
}

// release lets go of the packets; with the last file the interface goes.
func (d *ifcDir) release(index int, p *packets) {
	d.mu.Lock()
	p.holds--
	last := p.holds == 0
	if last && d.tuns[index] == p {
		delete(d.tuns, index)
	}
	d.mu.Unlock()
	if last {
		p.close()
	}
}

// A packetFile is the data of an interface.
type packetFile struct {
	srv.Node
	d     *ifcDir
	index int
}

// Open opens it, where it is an interface of packets.
func (f *packetFile) Open(context.Context, p9.Mode) (srv.Handle, error) {
	p, err := f.d.hold(f.index)
	if err != nil {
		return nil, err
	}
	return &packetHandle{p, sync.OnceFunc(func() { f.d.release(f.index, p) })}, nil
}

// A packetHandle is data, open.
type packetHandle struct {
	p     *packets
	clunk func()
}

// Inline marks that reading and writing say when they would block, Ordered that they keep
// their order.
func (*packetHandle) Inline()  {}
func (*packetHandle) Ordered() {}

// Read takes a packet that is sent by the interface.
func (h *packetHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	n, err := h.p.read(ctx, p)
	return n, inWords(err)
}

// Write has the interface receive a packet.
func (h *packetHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	n, err := h.p.write(ctx, p)
	return n, inWords(err)
}

// Clunk lets the packets go.
func (h *packetHandle) Clunk() { h.clunk() }

// An ifcClone is the file clone.
type ifcClone struct {
	srv.Node
	d *ifcDir
}

// Open gives a ctl of an interface that is still to be bound.
func (f *ifcClone) Open(context.Context, p9.Mode) (srv.Handle, error) { return &ifcMaker{d: f.d}, nil }

// An ifcMaker is clone, open: after bind, the ctl of the interface.
type ifcMaker struct {
	d *ifcDir

	mu    sync.Mutex
	index int // 0: not bound
	p     *packets
}

var errNotBound = p9.NewError(syscall.ENXIO, "not bound")

// bound gives the interface's number, once it is bound.
func (h *ifcMaker) bound() (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.index == 0 {
		return 0, errNotBound
	}
	return h.index, nil
}

// Read gives the number.
func (h *ifcMaker) Read(ctx context.Context, b []byte, off int64) (int, error) {
	index, err := h.bound()
	if err != nil {
		return 0, err
	}
	return srv.Bytes(fmt.Sprintln(index)).Read(ctx, b, off)
}

// Write does commands: bind, then those of ctl.
func (h *ifcMaker) Write(ctx context.Context, b []byte, off int64) (int, error) {
	cmds := map[string]func(context.Context, []string) error{"bind": h.bind}
	for name := range ifcCmds(0) {
		cmds[name] = func(ctx context.Context, args []string) error {
			index, err := h.bound()
			if err != nil {
				return err
			}
			return ifcCmds(index)[name](ctx, args)
		}
	}
	f, err := srv.Open(ctx, table(nil, cmds), p9.OWRITE)
	if err != nil {
		return 0, err
	}
	return f.(srv.Writer).Write(ctx, b, off)
}

// bind makes or finds the interface.
func (h *ifcMaker) bind(_ context.Context, args []string) error {
	const usage = "usage: bind pkt [name], bind loopback [name] or bind ether name"
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.index != 0:
		return p9.NewError(syscall.EBUSY, "bound already")
	case len(args) < 1 || len(args) > 2:
		return invalid(usage)
	}
	name := ""
	if len(args) > 1 {
		if name = args[1]; name == "" || len(name) >= unix.IFNAMSIZ {
			return invalid("bad name %s: of 1 to %d bytes", srv.Quote(name), unix.IFNAMSIZ-1)
		}
	}
	switch {
	case args[0] == "pkt":
		p, name, err := openTun(name)
		if err != nil {
			return err
		}
		i, err := namedIfc(name)
		if err != nil {
			p.close()
			return err
		}
		h.d.mu.Lock()
		p.holds = 1
		h.d.tuns[i.index] = p
		h.d.mu.Unlock()
		h.index, h.p = i.index, p
		return nil
	case args[0] == "loopback":
		err := error(unix.EEXIST)
		if name != "" {
			err = makeDummy(name)
		}
		for n := 0; err == unix.EEXIST && len(args) == 1; n++ {
			name = fmt.Sprintf("dummy%d", n)
			err = makeDummy(name)
		}
		if err != nil {
			return err
		}
		i, err := namedIfc(name)
		h.index = i.index
		return err
	case args[0] == "ether" && name != "":
		i, err := namedIfc(name)
		h.index = i.index
		return err
	}
	return invalid(usage)
}

// makeDummy makes an interface that drops what is sent by it.
func makeDummy(name string) error {
	kind := (&request{}).attr(unix.IFLA_INFO_KIND, []byte("dummy"))
	return newRequest(unix.IfInfomsg{}).attr(unix.IFLA_IFNAME, append([]byte(name), 0)).attr(unix.IFLA_LINKINFO, kind.b).
		do(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
}

// namedIfc finds an interface by its name.
func namedIfc(name string) (ifc, error) {
	list, err := interfaces()
	for _, i := range list {
		if i.name == name {
			return i, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("interface %s: %w", srv.Quote(name), p9.ErrNotExist)
	}
	return ifc{}, err
}

// Clunk lets go of an interface of packets; others stay.
func (h *ifcMaker) Clunk() {
	if h.p != nil {
		h.d.release(h.index, h.p)
	}
}
