// Package ndb reads the network database, ndb(6) of Plan 9: entries of attribute=value
// pairs, each a line and those behind it that begin with a blank.
package ndb

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Pair is one of an entry's.
type Pair struct{ Attr, Val string }

// An Entry is what the database says of one thing. Its first pair says what that is.
type Entry []Pair

// Get gives the values of an attribute.
func (e Entry) Get(attr string) (vals []string) {
	for _, p := range e {
		if p.Attr == attr {
			vals = append(vals, p.Val)
		}
	}
	return vals
}

// Has tells whether the entry has the pair.
func (e Entry) Has(attr, val string) bool {
	for _, p := range e {
		if p.Attr == attr && p.Val == val {
			return true
		}
	}
	return false
}

// Parse reads entries. There is no wrong text: what is no pair is an attribute
// without a value.
func Parse(text string) (all Database) {
	var e Entry
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' && e != nil {
			all = append(all, e)
			e = nil
		}
		e = append(e, parsePairs(line)...)
	}
	if e != nil {
		all = append(all, e)
	}
	return all
}

func parsePairs(line string) (pairs []Pair) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return pairs
		}
		var p Pair
		i := strings.IndexAny(line, "= \t\r")
		if i < 0 {
			i = len(line)
		}
		p.Attr, line = line[:i], line[i:]
		if rest, ok := strings.CutPrefix(line, "="); ok {
			if q, quoted := strings.CutPrefix(rest, `"`); quoted {
				p.Val, line, _ = strings.Cut(q, `"`)
			} else {
				i := strings.IndexAny(rest, " \t\r")
				if i < 0 {
					i = len(rest)
				}
				p.Val, line = rest[:i], rest[i:]
			}
		}
		pairs = append(pairs, p)
	}
}

// max is how many bytes of a file of the database are read.
const max = 16 << 20

// Read reads a file, and those that its database entry names. The error says which of
// them could not be read; what the others have is given all the same.
func Read(file string) (Database, error) {
	all, err := readFile(file)
	for _, e := range all {
		if len(e) == 0 || e[0].Attr != "database" {
			continue
		}
		for _, name := range e.Get("file") {
			if name != file {
				more, err1 := readFile(name)
				all, err = append(all, more...), errors.Join(err, err1)
			}
		}
		break
	}
	return all, err
}

func readFile(file string) (Database, error) {
	fi, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > max {
		return nil, fmt.Errorf("%s: not a file of at most %d bytes", file, max)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("%s: not a text", file)
	}
	return Parse(string(b)), nil
}

// A Database is what names and services are looked up in, before the system is asked.
type Database []Entry

// Hosts gives the addresses of a system, by any of its names.
func (db Database) Hosts(name string) (addrs []netip.Addr) {
	for _, attr := range []string{"sys", "dom"} {
		for _, e := range db {
			if !e.Has(attr, name) {
				continue
			}
			for _, ip := range e.Get("ip") {
				if a, err := netip.ParseAddr(ip); err == nil {
					addrs = append(addrs, a)
				}
			}
		}
		if len(addrs) > 0 {
			break
		}
	}
	return addrs
}

// Service gives the port of a service of a network.
func (db Database) Service(network, name string) string {
	for _, e := range db {
		if e.Has(network, name) {
			if port := e.Get("port"); len(port) > 0 {
				return port[0]
			}
		}
	}
	return ""
}

// Attr gives the values that an attribute has for a system: its own, or else those of the
// networks that it is in, the smallest one first.
func (db Database) Attr(attr, sys string, own []netip.Addr) (vals []string) {
	addrs := append(own, db.Hosts(sys)...)
	for _, e := range db {
		mine := e.Has("sys", sys)
		for _, ip := range e.Get("ip") {
			a, err := netip.ParseAddr(ip)
			mine = mine || err == nil && e.Get("ipnet") == nil && contains(addrs, a)
		}
		if mine {
			vals = append(vals, e.Get(attr)...)
		}
	}
	for bits := 128; bits >= 0 && len(vals) == 0; bits-- {
		for _, e := range db {
			net, ok := e.Network()
			if !ok || net.Bits() != bits {
				continue
			}
			for _, a := range addrs {
				if net.Contains(a) {
					vals = append(vals, e.Get(attr)...)
					break
				}
			}
		}
	}
	return vals
}

func contains(addrs []netip.Addr, a netip.Addr) bool {
	for _, b := range addrs {
		if a == b {
			return true
		}
	}
	return false
}

// Network gives the addresses that an ipnet entry is about.
func (e Entry) Network() (n netip.Prefix, ok bool) {
	if e.Get("ipnet") == nil {
		return n, false
	}
	for _, ip := range e.Get("ip") {
		a, err := netip.ParseAddr(ip)
		if err != nil {
			continue
		}
		mask := ""
		if m := e.Get("ipmask"); len(m) > 0 {
			mask = m[0]
		}
		bits, ok := ParseMask(mask, a)
		if !ok {
			continue
		}
		n, err = a.Prefix(bits)
		return n, err == nil
	}
	return n, false
}

// ParseMask reads a mask for addresses like a: /n, n bits of the 128 that Plan 9 has for
// all or, where it is less than 96, of IPv4's 32; or dots; "" is the whole address.
func ParseMask(s string, a netip.Addr) (bits int, ok bool) {
	if s == "" {
		return a.BitLen(), true
	}
	if n, ok := strings.CutPrefix(s, "/"); ok {
		bits, err := strconv.Atoi(n)
		if a.Is4() && bits >= 96 {
			bits -= 96
		}
		if err != nil || bits < 0 || bits > a.BitLen() {
			return 0, false
		}
		return bits, true
	}
	ip := net.ParseIP(s)
	if ip == nil {
		return 0, false
	}
	mask := net.IPMask(ip.To16())
	if a.Is4() {
		if mask = net.IPMask(ip.To4()); mask == nil {
			return 0, false
		}
	}
	bits, size := mask.Size()
	if size == 0 {
		return 0, false
	}
	return bits, true
}
