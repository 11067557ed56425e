package netboot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"ninespace/srv/ndb"
)

// A db is the database, checked.
type db struct {
	all     ndb.Database
	ethers  map[string]ndb.Entry
	fixed   map[netip.Addr]string // whose an address is
	tpms    map[string]bool       // hashes of endorsement keys
	classes []ndb.Entry
}

// A plan is what a machine is to boot, and as whom.
type plan struct {
	entry    ndb.Entry // its own, nil where it has none
	sys      string
	class    string
	addr     netip.Addr // of IPv4, and of IPv6; not valid: whichever
	addr6    netip.Addr
	bootf    string // a file for the firmware, in place of iPXE
	kernel   string
	images   []string
	cmdline  string
	manifest string
	tpm      bool // it is to join by its TPM
}

// newDB checks a database: each address, of Ethernet and IP, is one machine's.
func newDB(all ndb.Database) (*db, error) {
	d := &db{all: all, ethers: map[string]ndb.Entry{}, fixed: map[netip.Addr]string{}, tpms: map[string]bool{}}
	for _, e := range all {
		if len(e) > 0 && e[0].Attr == "class" {
			d.classes = append(d.classes, e)
		}
		if len(e.Get("ipnet")) > 0 {
			if _, ok := e.Network(); !ok {
				return nil, fmt.Errorf("ipnet=%s: no network: ip= and ipmask= must be one", e.Get("ipnet")[0])
			}
			continue
		}
		for _, ek := range e.Get("ek") {
			if err := d.addTPM(strings.ToLower(ek)); err != nil {
				return nil, err
			}
		}
		for _, text := range e.Get("ether") {
			ether, ok := parseEther(text)
			if !ok {
				return nil, fmt.Errorf("ether=%s: not an Ethernet address", text)
			}
			if d.ethers[ether] != nil {
				return nil, fmt.Errorf("ether=%s: duplicate: two entries have it", ether)
			}
			d.ethers[ether] = e
			for _, text := range e.Get("ip") {
				a, err := netip.ParseAddr(text)
				if err != nil {
					return nil, fmt.Errorf("ether=%s: ip=%s: not an address", ether, text)
				}
				if other := d.fixed[a]; other != "" {
					return nil, fmt.Errorf("ip=%s: duplicate: %s and %s have it", a, other, ether)
				}
				d.fixed[a] = ether
			}
		}
		for _, name := range e.Get("class") {
			if !slices.ContainsFunc(all, func(c ndb.Entry) bool { return len(c) > 0 && c[0] == (ndb.Pair{Attr: "class", Val: name}) }) {
				return nil, fmt.Errorf("class=%s: no entry begins with it", name)
			}
		}
	}
	return d, nil
}

// addTPM notes the hash of an endorsement key; "" says no more than that there is one.
func (d *db) addTPM(ek string) error {
	if ek == "" {
		return nil
	}
	if b, err := hex.DecodeString(ek); err != nil || len(b) != sha256.Size {
		return fmt.Errorf("ek=%s: not 64 hexadecimal digits", ek)
	}
	if d.tpms[ek] {
		return fmt.Errorf("ek=%s: duplicate: two entries have it", ek)
	}
	d.tpms[ek] = true
	return nil
}

// find gives what a machine is to boot: by its own entry, found by ether, uuid, serial or
// ek, and by that one's class; else by the first class that says arch= or product=
// of it, or the class default. It is false for who is unknown.
func (d *db) find(m machine) (p plan, ok bool) {
	e := d.ethers[m.ether]
	for _, by := range []ndb.Pair{{Attr: "uuid", Val: m.uuid}, {Attr: "serial", Val: m.serial}, {Attr: "ek", Val: m.ek}} {
		for _, o := range d.all {
			if e == nil && by.Val != "" && (len(o) == 0 || o[0].Attr != "class") && hasFold(o, by) {
				e = o
			}
		}
	}
	class := d.classOf(e)
	for _, c := range d.classes {
		if e == nil && class == nil && (c[0].Val == "default" || d.matches(c, m)) {
			class = c
		}
	}
	if e == nil && class == nil {
		return p, false
	}
	return planOf(e, class), true
}

// addrs are the addresses that ndb has for the machine; others may know it by the first.
func (p plan) addrs() (list []netip.Addr) {
	for _, a := range []netip.Addr{p.addr, p.addr6} {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

// classOf is the class that an entry names, nil for none.
func (d *db) classOf(e ndb.Entry) ndb.Entry {
	for _, c := range d.classes {
		if e.Has("class", c[0].Val) {
			return c
		}
	}
	return nil
}

// planOf puts an entry before its class. Either may be nil.
func planOf(e, class ndb.Entry) (p plan) {
	one := func(attr string) string {
		for _, from := range []ndb.Entry{e, class} {
			if v := from.Get(attr); len(v) > 0 {
				return v[0]
			}
		}
		return ""
	}
	p = plan{entry: e, class: one("class"), bootf: one("bootf"), kernel: one("kernel"), manifest: one("manifest")}
	if sys := e.Get("sys"); len(sys) > 0 {
		p.sys = sys[0]
	}
	for _, ip := range e.Get("ip") {
		switch a, err := netip.ParseAddr(ip); {
		case err != nil:
		case a.Is4() && !p.addr.IsValid():
			p.addr = a
		case a.Is6() && !p.addr6.IsValid():
			p.addr6 = a
		}
	}
	if p.images = e.Get("image"); len(p.images) == 0 {
		p.images = class.Get("image")
	}
	p.tpm = len(e.Get("ek")) > 0 || len(class.Get("ek")) > 0
	p.cmdline = strings.Join(append(class.Get("cmdline"), e.Get("cmdline")...), " ")
	return p
}

// hasFold is Has for identifiers, in which upper and lower case are the same.
func hasFold(e ndb.Entry, by ndb.Pair) bool {
	return slices.ContainsFunc(e.Get(by.Attr), func(v string) bool { return strings.EqualFold(v, by.Val) })
}

// matches tells whether a class says what it is for, and that is the machine.
func (d *db) matches(c ndb.Entry, m machine) bool {
	any := false
	for attr, val := range map[string]string{"arch": m.arch, "product": m.product} {
		if want := c.Get(attr); len(want) > 0 {
			if any = true; !slices.Contains(want, val) {
				return false
			}
		}
	}
	return any
}

// asks tells whether what only iPXE knows, a serial number or a product, may decide.
func (d *db) asks() bool {
	return slices.ContainsFunc(d.all, func(e ndb.Entry) bool { return len(e.Get("serial")) > 0 || len(e.Get("product")) > 0 })
}

// network gives the smallest network of ndb that an address is in.
func (d *db) network(a netip.Addr) (n netip.Prefix, ok bool) {
	for _, e := range d.all {
		if p, is := e.Network(); is && p.Contains(a) && (!ok || p.Bits() > n.Bits()) {
			n, ok = p, true
		}
	}
	return n, ok
}

// addrs gives the addresses, of the kind of its own, that an attribute has for a machine of the
// address.
func (d *db) addrs(attr, sys string, own netip.Addr) (list []netip.Addr) {
	for _, v := range d.attr(attr, sys, own) {
		if a, err := netip.ParseAddr(v); err == nil && a.Is4() == own.Is4() {
			list = append(list, a)
		}
	}
	return list
}

func (d *db) attr(attr, sys string, own netip.Addr) []string {
	if sys == "" {
		sys = "\x00" // nobody's name
	}
	return d.all.Attr(attr, sys, []netip.Addr{own})
}

// reload reads the database again; one with an error in it changes nothing.
func (s *Server) reload() error {
	all, err := ndb.Read(s.cfg.Ndb)
	if err != nil {
		return err
	}
	d, err := newDB(all)
	if err != nil {
		return fmt.Errorf("%s: %w", s.cfg.Ndb, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db = d
	for _, n := range s.nodes {
		_, n.known = d.find(n.machine)
	}
	s.sayTwice()
	for _, m := range s.missing(d) {
		s.sayLocked(nil, "ndb: %s", m)
	}
	for _, ether := range slices.Sorted(maps.Keys(d.ethers)) {
		if n := s.node(ether); n != nil {
			p, _ := d.find(n.machine)
			n.known, n.addr, n.addr6 = true, p.addr, p.addr6
		} else {
			s.sayLocked(nil, "ndb: more than %d machines: %s is not listed", maxNodes, ether)
		}
	}
	return nil
}

// Missing says which files the database names that cannot be read, a line each: attr=name: why.
func (s *Server) Missing() []string {
	s.mu.Lock()
	d := s.db
	s.mu.Unlock()
	return s.missing(d)
}

func (s *Server) missing(d *db) (lines []string) {
	seen := map[string]bool{}
	for _, e := range d.all {
		for _, attr := range []string{"kernel", "image", "bootf", "manifest"} {
			for _, name := range e.Get(attr) {
				f, err := s.open(name)
				if err == nil {
					f.Close()
				} else if !seen[name] {
					seen[name] = true
					lines = append(lines, fmt.Sprintf("%s=%s: %v", attr, name, fact(err)))
				}
			}
		}
	}
	return lines
}

// sayTwice puts into the log which names two machines have: each may get a certificate for it. They
// may be the cards of one, where those have entries of their own. s.mu is held.
func (s *Server) sayTwice() {
	named := map[string]string{}
	for _, e := range s.db.all {
		ethers := e.Get("ether")
		if len(ethers) == 0 {
			continue
		}
		ether, _ := parseEther(ethers[0])
		for _, sys := range e.Get("sys") {
			if other := named[sys]; other != "" {
				s.sayLocked(nil, "ndb: sys=%s: two machines have the name, %s and %s", clean(sys, 64), other, ether)
			}
			named[sys] = ether
		}
	}
}

// fact is what went wrong with a file, without its name.
func fact(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
