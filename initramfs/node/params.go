package node

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"
)

// Params are what the kernel's command line says to a node.
type Params struct {
	IP   IP
	Name string // nine.name=: the host's name; "" is the network's to say

	Console   bool // nine.console: a shell on the console
	NoConsole bool // nine.console=0: none ever, whatever fails

	Wait   time.Duration // nine.wait=: how long to wait for the network, say 30s, before the console gets a shell
	NTP    string        // nine.ntp=: hosts, with commas between, in place of the network's
	Root   string        // nine.root=: dial string of the file server that has the root
	Aname  string        // nine.aname=: the tree there
	Uname  string        // nine.uname=: as whom it is had; default root, but for tls!
	Token  string        // nine.token=: by which the node joins, once
	Join   string        // nine.join=: the URL where it does
	Serial uint64        // nine.serial=: that of the manifest that was booted
	words  []string
}

// IP is the kernel's ip= (its nfsroot.rst): off, dhcp, DEVICE:dhcp or
// ADDRESS:SERVER:GATEWAY:MASK:NAME:DEVICE:HOW:DNS:DNS:NTP, where most may be empty and
// the server is not used.
type IP struct {
	Off     bool
	DHCP    bool
	Device  string // "" any
	Addr    netip.Prefix
	Gateway netip.Addr
	Name    string
	DNS     []netip.Addr
	NTP     []string
}

// defaultWait is how long the network may take before the console is offered.
const defaultWait = 20 * time.Second

// ParseParams reads a kernel's command line. Words are quoted as in a shell, which is what
// those who write boot loaders' entries are used to; a word that begins with nine. and that
// there is not is an error, others are other programs'. What is right is returned with
// the errors of all that is wrong, a line each.
func ParseParams(line string) (Params, error) {
	p := Params{IP: IP{DHCP: true}, Wait: defaultWait}
	words, err := shlex.Split(line)
	if err != nil {
		return p, fmt.Errorf("command line %q: %w", line, err)
	}
	p.words = words
	var wrong []error
	for _, w := range words {
		key, value, given := strings.Cut(w, "=")
		if err := p.set(key, value, given); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", w, err))
		}
	}
	wrong = append(wrong, p.setUname())
	return p, errors.Join(wrong...)
}

// setUname sees to it that a root has somebody as whom it is had. Who lets a key in as a user
// of its machine has to have been asked for that one: there is no root then without it.
func (p *Params) setUname() error {
	switch {
	case p.Uname != "":
	case strings.HasPrefix(p.Root, "tls!"):
		root := p.Root
		p.Root = ""
		return fmt.Errorf("nine.root=%s: it wants nine.uname=, as whom the root is had there", root)
	default:
		p.Uname = "root"
	}
	return nil
}

func (p *Params) set(key, value string, given bool) (err error) {
	switch key {
	case "ip":
		var ip IP
		if ip, err = parseIP(value); err == nil {
			p.IP = ip
		}
	case "nine.name":
		p.Name = value
	case "nine.console":
		p.Console, p.NoConsole = value != "0", value == "0"
	case "nine.wait":
		var d time.Duration
		if d, err = time.ParseDuration(value); err == nil {
			p.Wait = d
		}
	case "nine.ntp":
		p.NTP = value
	case "nine.root":
		p.Root = value
	case "nine.aname":
		p.Aname = value
	case "nine.uname":
		p.Uname = value
	case "nine.token":
		p.Token = value
	case "nine.join":
		p.Join = value
	case "nine.serial":
		p.Serial, err = strconv.ParseUint(value, 10, 64)
	default:
		if strings.HasPrefix(key, "nine.") {
			return fmt.Errorf("no such parameter: have nine.name nine.console nine.wait nine.ntp nine.root nine.aname nine.uname nine.token nine.join nine.serial")
		}
		return nil
	}
	if key != "nine.console" && (!given || value == "") {
		return fmt.Errorf("it wants a value")
	}
	return err
}

// parseIP reads what follows ip=.
func parseIP(s string) (IP, error) {
	switch s {
	case "dhcp", "on", "any", "both":
		return IP{DHCP: true}, nil
	case "off", "none":
		return IP{Off: true}, nil
	}
	f := strings.Split(s, ":")
	if len(f) == 2 && f[1] == "dhcp" {
		return IP{DHCP: true, Device: f[0]}, nil
	}
	if len(f) < 4 || len(f) > 10 {
		return IP{}, fmt.Errorf("not off, dhcp, DEVICE:dhcp or ADDRESS:SERVER:GATEWAY:MASK:NAME:DEVICE:HOW:DNS:DNS:NTP")
	}
	f = append(f, make([]string, 10-len(f))...)
	ip := IP{Name: f[4], Device: f[5]}
	switch f[6] {
	case "dhcp", "on", "any", "both":
		ip.DHCP = true
		return ip, nil
	case "", "off", "none", "static":
	default:
		return IP{}, fmt.Errorf("%q is no way of configuring: off or dhcp", f[6])
	}
	addr, err := netip.ParseAddr(f[0])
	if err != nil {
		return IP{}, err
	}
	bits := addr.BitLen()
	if f[3] != "" {
		if bits, err = maskBits(f[3]); err != nil {
			return IP{}, err
		}
	}
	if ip.Addr = netip.PrefixFrom(addr, bits); !ip.Addr.IsValid() {
		return IP{}, fmt.Errorf("%s: no mask of %s", f[3], addr)
	}
	if f[2] != "" {
		if ip.Gateway, err = netip.ParseAddr(f[2]); err != nil {
			return IP{}, err
		}
	}
	if f[9] != "" {
		ip.NTP = []string{f[9]}
	}
	for _, d := range f[7:9] {
		if d == "" {
			continue
		}
		a, err := netip.ParseAddr(d)
		if err != nil {
			return IP{}, err
		}
		ip.DNS = append(ip.DNS, a)
	}
	return ip, nil
}

// maskBits reads 255.255.255.0, or 24.
func maskBits(s string) (int, error) {
	if n := len(strings.TrimLeft(s, "0123456789")); n == 0 {
		var bits int
		_, err := fmt.Sscan(s, &bits)
		return bits, err
	}
	m, err := netip.ParseAddr(s)
	if err != nil || !m.Is4() {
		return 0, fmt.Errorf("%s is no mask", s)
	}
	bits, ended := 0, false
	for _, b := range m.As4() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && ended {
				return 0, fmt.Errorf("%s is no mask", s)
			}
			if ended = !one; one {
				bits++
			}
		}
	}
	return bits, nil
}
