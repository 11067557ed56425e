package netfs

import (
	"net/netip"
	"os"
	"strings"
	"unicode/utf8"
)

// The network database, ndb(6): entries of attribute=value pairs, each a line and those
// behind it that begin with a blank.

// A pair is one of an entry's.
type pair struct{ attr, val string }

// An entry is what the database says of one thing.
type entry []pair

// get gives the values of an attribute.
func (e entry) get(attr string) (vals []string) {
	for _, p := range e {
		if p.attr == attr {
			vals = append(vals, p.val)
		}
	}
	return vals
}

func (e entry) has(attr, val string) bool {
	for _, p := range e {
		if p.attr == attr && p.val == val {
			return true
		}
	}
	return false
}

// parseNdb reads entries. There is no wrong text: what is no pair is an attribute
// without a value.
func parseNdb(text string) (all []entry) {
	var e entry
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

func parsePairs(line string) (pairs []pair) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return pairs
		}
		var p pair
		i := strings.IndexAny(line, "= \t\r")
		if i < 0 {
			i = len(line)
		}
		p.attr, line = line[:i], line[i:]
		if rest, ok := strings.CutPrefix(line, "="); ok {
			if q, quoted := strings.CutPrefix(rest, `"`); quoted {
				p.val, line, _ = strings.Cut(q, `"`)
			} else {
				i := strings.IndexAny(rest, " \t\r")
				if i < 0 {
					i = len(rest)
				}
				p.val, line = rest[:i], rest[i:]
			}
		}
		pairs = append(pairs, p)
	}
}

// maxNdb is how many bytes of a file of the database are read.
const maxNdb = 16 << 20

// readNdb reads a file, and those that its database entry names.
func readNdb(file string) []entry {
	all := readNdbFile(file)
	for _, e := range all {
		if len(e) == 0 || e[0].attr != "database" {
			continue
		}
		for _, more := range e.get("file") {
			if more != file {
				all = append(all, readNdbFile(more)...)
			}
		}
		break
	}
	return all
}

func readNdbFile(file string) []entry {
	fi, err := os.Stat(file)
	if err != nil || !fi.Mode().IsRegular() || fi.Size() > maxNdb {
		return nil // a machine need not have one
	}
	b, err := os.ReadFile(file)
	if err != nil || !utf8.Valid(b) {
		return nil
	}
	return parseNdb(string(b))
}

// A database is what names and services are looked up in, before the system is asked.
type database []entry

// hosts gives the addresses of a system, by any of its names.
func (db database) hosts(name string) (addrs []netip.Addr) {
	for _, attr := range []string{"sys", "dom"} {
		for _, e := range db {
			if !e.has(attr, name) {
				continue
			}
			for _, ip := range e.get("ip") {
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

// service gives the port of a service of a network.
func (db database) service(network, name string) string {
	for _, e := range db {
		if e.has(network, name) {
			if port := e.get("port"); len(port) > 0 {
				return port[0]
			}
		}
	}
	return ""
}

// attr gives the values that an attribute has for a system: its own, or else those of the
// networks that it is in, the smallest one first.
func (db database) attr(attr, sys string, own []netip.Addr) (vals []string) {
	addrs := append(own, db.hosts(sys)...)
	for _, e := range db {
		mine := e.has("sys", sys)
		for _, ip := range e.get("ip") {
			a, err := netip.ParseAddr(ip)
			mine = mine || err == nil && e.get("ipnet") == nil && contains(addrs, a)
		}
		if mine {
			vals = append(vals, e.get(attr)...)
		}
	}
	for bits := 128; bits >= 0 && len(vals) == 0; bits-- {
		for _, e := range db {
			net, ok := e.network()
			if !ok || net.Bits() != bits {
				continue
			}
			for _, a := range addrs {
				if net.Contains(a) {
					vals = append(vals, e.get(attr)...)
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

// network gives the addresses that an ipnet entry is about.
func (e entry) network() (n netip.Prefix, ok bool) {
	if e.get("ipnet") == nil {
		return n, false
	}
	for _, ip := range e.get("ip") {
		a, err := netip.ParseAddr(ip)
		if err != nil {
			continue
		}
		mask := ""
		if m := e.get("ipmask"); len(m) > 0 {
			mask = m[0]
		}
		bits, err := parseMask(mask, a)
		if err != nil {
			continue
		}
		n, err = a.Prefix(bits)
		return n, err == nil
	}
	return n, false
}
