package netfs

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An ifc is an interface of the machine.
type ifc struct {
	index    int
	name     string
	mtu      uint32
	up       bool
	carrier  bool // a cable, or what stands for one
	loopback bool
	stats    []byte // struct rtnl_link_stats64
	addrs    []ifaddr
}

// An ifaddr is an address of an interface.
type ifaddr struct {
	ip     netip.Addr
	prefix netip.Prefix // of the network, or the far end's
	valid  uint32       // seconds; all ones: for ever
	pref   uint32
	flags  uint8 // IFA_F_
}

// interfaces gives those that there are, by number.
func interfaces() ([]ifc, error) {
	links, err := dump(unix.RTM_GETLINK)
	if err != nil {
		return nil, err
	}
	addrs, err := dump(unix.RTM_GETADDR)
	if err != nil {
		return nil, err
	}
	var list []ifc
	for i := range links {
		m := &links[i]
		info := fixed[unix.IfInfomsg](m)
		list = append(list, ifc{index: int(info.Index), name: strings.TrimRight(string(m.attrs[unix.IFLA_IFNAME]), "\x00"), mtu: m.number(unix.IFLA_MTU),
			up: info.Flags&unix.IFF_UP != 0, carrier: info.Flags&unix.IFF_LOWER_UP != 0, loopback: info.Flags&unix.IFF_LOOPBACK != 0, stats: m.attrs[unix.IFLA_STATS64]})
	}
	for i := range addrs {
		m := &addrs[i]
		am := fixed[unix.IfAddrmsg](m)
		n := slices.IndexFunc(list, func(i ifc) bool { return i.index == int(am.Index) })
		far := m.addr(unix.IFA_ADDRESS)
		a := ifaddr{ip: far, flags: am.Flags, valid: 1<<32 - 1, pref: 1<<32 - 1}
		if near := m.addr(unix.IFA_LOCAL); near.IsValid() {
			a.ip = near
		}
		if n < 0 || !far.IsValid() {
			continue
		}
		a.prefix = netip.PrefixFrom(far, int(am.Prefixlen))
		if c := m.attrs[unix.IFA_CACHEINFO]; len(c) >= 8 {
			a.pref, a.valid = binary.NativeEndian.Uint32(c), binary.NativeEndian.Uint32(c[4:])
		}
		list[n].addrs = append(list[n].addrs, a)
	}
	slices.SortFunc(list, func(a, b ifc) int { return cmp.Compare(a.index, b.index) })
	return list, nil
}

func findIfc(index int) (ifc, error) {
	list, err := interfaces()
	if err != nil {
		return ifc{}, err
	}
	if i := slices.IndexFunc(list, func(i ifc) bool { return i.index == index }); i >= 0 {
		return list[i], nil
	}
	return ifc{}, p9.ErrNotExist
}

// stat gives one of the interface's counts, by its place in struct rtnl_link_stats64.
func (i *ifc) stat(n int) uint64 {
	if len(i.stats) < 8*n+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(i.stats[8*n:])
}

// status is a line for the interface and one for each of its addresses.
func (i *ifc) status() string {
	state := "down"
	if i.up {
		state = "up"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "device %s maxtu %d %s pktin %d pktout %d errin %d errout %d\n", i.name, i.mtu, state, i.stat(0), i.stat(1), i.stat(4), i.stat(5))
	for _, a := range i.addrs {
		fmt.Fprintf(&b, "\t%-40s %-10s %-40s %12d %12d\n", a.ip, maskText(a.prefix), a.prefix.Masked().Addr(), a.valid, a.pref)
	}
	return b.String()
}

// local is a line for each address.
func (i *ifc) local() string {
	var b strings.Builder
	for _, a := range i.addrs {
		fmt.Fprintf(&b, "%s\n", a.ip)
	}
	return b.String()
}

// selfText is what ipselftab reads as: each address of the machine, how many interfaces
// have it, and 6 and u for unicast.
func selfText(context.Context) (string, error) {
	list, err := interfaces()
	if err != nil {
		return "", err
	}
	var order []netip.Addr
	count := map[netip.Addr]int{}
	for _, i := range list {
		for _, a := range i.addrs {
			if count[a.ip]++; count[a.ip] == 1 {
				order = append(order, a.ip)
			}
		}
	}
	var b strings.Builder
	for _, ip := range order {
		typ := "u"
		if ip.Is6() {
			typ = "6u"
		}
		fmt.Fprintf(&b, "%-44s%02d %4s\n", ip, count[ip], typ)
	}
	return b.String(), nil
}

// An ifcDir is the directory of interfaces, by the kernel's numbers.
type ifcDir struct {
	srv.Node
	clone *ifcClone
	stats srv.File
	mu    sync.Mutex
	dirs  map[int]*srv.Dir
	tuns  map[int]*packets // by the interface's number
}

func newIfcDir() *ifcDir {
	d := &ifcDir{Node: srv.NewNode(fs.ModeDir | 0o555), stats: statsFile("Ip"), dirs: map[int]*srv.Dir{}, tuns: map[int]*packets{}}
	d.clone = &ifcClone{srv.NewNode(0o600), d}
	return d
}

// dir gives an interface's directory, the same each time.
func (d *ifcDir) dir(index int) *srv.Dir {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirs[index] == nil {
		text := func(f func(i *ifc) string) func(context.Context) (string, error) {
			return func(context.Context) (string, error) {
				i, err := findIfc(index)
				if err != nil {
					return "", err
				}
				return f(&i), nil
			}
		}
		d.dirs[index] = srv.NewDir().
			Add("ctl", table(text(func(*ifc) string { return fmt.Sprintln(index) }), ifcCmds(index))).
			Add("data", &packetFile{srv.NewNode(0o600), d, index}).
			Add("local", srv.Text(0o444, text((*ifc).local))).
			Add("status", srv.Text(0o444, text((*ifc).status)))
	}
	return d.dirs[index]
}

// Walk finds an interface by its number.
func (d *ifcDir) Walk(_ context.Context, name string) (srv.File, error) {
	switch name {
	case "clone":
		return d.clone, nil
	case "stats":
		return d.stats, nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(n) != name {
		return nil, p9.ErrNotExist
	}
	if _, err := findIfc(n); err != nil {
		return nil, err
	}
	return d.dir(n), nil
}

// These cookies are behind all interfaces.
const (
	cloneCookie = 1<<32 + iota
	statsCookie
)

// List gives the interfaces, clone and stats.
func (d *ifcDir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		list, err := interfaces()
		if err != nil {
			yield(p9.Dirent{}, err)
			return
		}
		for _, i := range list {
			if uint64(i.index) <= cookie {
				continue
			}
			st, err := d.dir(i.index).Stat(ctx)
			if !yield(p9.Dirent{Qid: st.Qid, Cookie: uint64(i.index), Mode: fs.ModeDir, Name: strconv.Itoa(i.index)}, err) {
				return
			}
		}
		if st, err := d.clone.Stat(ctx); cookie < cloneCookie && !yield(p9.Dirent{Qid: st.Qid, Cookie: cloneCookie, Name: "clone"}, err) {
			return
		}
		if st, err := d.stats.Stat(ctx); cookie < statsCookie {
			yield(p9.Dirent{Qid: st.Qid, Cookie: statsCookie, Name: "stats"}, err)
		}
	}
}
