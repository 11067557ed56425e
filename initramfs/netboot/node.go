package netboot

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"ninespace/srv"
)

// A machine is what one says of itself. Nothing of it is proved but ek.
type machine struct {
	ether   string // 12 hexadecimal digits
	uuid    string // of SMBIOS, DHCP's option 97
	serial  string
	product string
	ek      string // the hash of its TPM's endorsement key, once it has joined by that
	arch    string // x86_64, arm64, ...
	efi     bool
}

// A node is a machine as the server knows it.
type node struct {
	machine
	known  bool       // ndb has it
	addr   netip.Addr // what it was given last, and of IPv6
	addr6  netip.Addr
	state  string // the last that it did: discover, loader, script, kernel, image, joined
	first  time.Time
	last   time.Time
	boots  int
	bytes  uint64
	token  *token // made by a person
	sealed *token // made for its TPM
	cert   string // the fingerprint of what it joined with
	key    string // and that key, as authorized_keys has it

	packets, says bucket
}

// node gives the node of an address, and remembers it. s.mu is held.
func (s *Server) node(ether string) *node {
	if n := s.nodes[ether]; n != nil {
		return n
	}
	if len(s.nodes) >= maxNodes {
		var old *node
		for _, n := range s.nodes {
			if !n.known && n.token == nil && (old == nil || n.last.Before(old.last)) {
				old = n
			}
		}
		if old == nil {
			return nil
		}
		s.forget(old)
	}
	n := &node{machine: machine{ether: ether}, first: now(), last: now()}
	s.nodes[ether] = n
	s.nodesDir.Add(ether, s.nodeDir(n))
	return n
}

func (s *Server) forget(n *node) {
	delete(s.nodes, n.ether)
	s.nodesDir.Del(n.ether)
	for a, l := range s.leases {
		if l.ether == n.ether {
			delete(s.leases, a)
		}
	}
}

// say puts a line into the log; n may be nil. Too many of them are not kept, and that is
// said.
func (s *Server) say(n *node, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayLocked(n, format, args...)
}

func (s *Server) sayLocked(n *node, format string, args ...any) {
	b, ether := &s.strange, "-"
	if n != nil {
		ether = n.ether
		if n.known {
			b = &n.says
		}
	}
	if !b.take(maxSays) {
		s.log.lost++
		return
	}
	stamp := now().UTC().Format(time.RFC3339)
	if s.log.lost > 0 {
		s.write(line{"-", fmt.Sprintf("%s - %d lines not kept: too many", stamp, s.log.lost)})
		s.log.lost = 0
	}
	text := clean(fmt.Sprintf(format, args...), maxLine)
	s.write(line{ether, stamp + " " + ether + " " + text})
}

func (s *Server) write(l line) {
	s.log.add(l)
	if s.cfg.Log != nil {
		io.WriteString(s.cfg.Log, l.text+"\n")
	}
}

// clean makes a stranger's text fit for a line: what is not printed is a question mark.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), most)]
}

// logText is the log's text, of all or about one address.
func (s *Server) logText(ether string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	s.log.each(func(l line) {
		if ether == "" || l.ether == ether {
			b.WriteString(l.text)
			b.WriteByte('\n')
		}
	})
	return b.String()
}

// text is a node's status: an entry of ndb.
func (s *Server) nodeText(n *node) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	b.WriteString("ether=" + n.ether)
	p, _ := s.db.find(n.machine)
	pair := func(attr, val string) {
		if val != "" {
			fmt.Fprintf(&b, " %s=%s", attr, quote(val))
		}
	}
	pair("sys", p.sys)
	for _, a := range []netip.Addr{n.addr, n.addr6} {
		if a.IsValid() {
			pair("ip", a.String())
		}
	}
	pair("class", p.class)
	b.WriteString("\n\tstate=" + n.state)
	if n.state == "" {
		b.WriteString("unheard")
	}
	fmt.Fprintf(&b, " known=%v boots=%d bytes=%d", n.known, n.boots, n.bytes)
	if !n.first.IsZero() && n.state != "" {
		fmt.Fprintf(&b, " first=%s last=%s", n.first.UTC().Format(time.RFC3339), n.last.UTC().Format(time.RFC3339))
	}
	b.WriteString("\n")
	var says strings.Builder
	for _, f := range []struct{ attr, val string }{{"arch", n.arch}, {"uuid", n.uuid}, {"serial", n.serial}, {"product", n.product}, {"ek", n.ek}, {"cert", n.cert}} {
		if f.val != "" {
			fmt.Fprintf(&says, " %s=%s", f.attr, quote(f.val))
		}
	}
	if says.Len() > 0 {
		b.WriteString("\t" + says.String()[1:] + "\n")
	}
	if n.token != nil {
		b.WriteString("\ttoken=" + n.token.state() + "\n")
	}
	return b.String()
}

// quote writes a value of a pair. There is no way to write a double quote.
func quote(val string) string {
	val = strings.ReplaceAll(clean(val, maxLine), `"`, "'")
	if val == "" || strings.ContainsAny(val, " \t#=") {
		return `"` + val + `"`
	}
	return val
}

// parseEther reads an Ethernet address, with colons or without, as 12 digits in lower
// case.
func parseEther(text string) (string, bool) {
	text = strings.ToLower(strings.NewReplacer(":", "", "-", "").Replace(text))
	if len(text) != 12 || strings.Trim(text, "0123456789abcdef") != "" {
		return "", false
	}
	return text, true
}

// nodeNamed finds a node by the address as a person writes it.
func (s *Server) nodeNamed(text string) (*node, error) {
	ether, ok := parseEther(text)
	if !ok {
		return nil, fmt.Errorf("%s: not an Ethernet address", srv.Quote(text))
	}
	n := s.nodes[ether]
	if n == nil {
		return nil, fmt.Errorf("%s: unknown node", ether)
	}
	return n, nil
}
