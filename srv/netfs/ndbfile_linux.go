package netfs

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An ndbFile is the file ndb: what the machine knows of its own network, as entries of
// ndb(6), or what was written there in its place.
type ndbFile struct {
	srv.Node
	fs *FS
}

// Open opens it; with truncation what was written goes.
func (f *ndbFile) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	f.fs.mu.Lock()
	if mode&p9.OTRUNC != 0 {
		f.fs.ndb = ""
	}
	text := f.fs.ndb
	f.fs.mu.Unlock()
	if text == "" {
		text = machineNdb()
	}
	return &ndbHandle{srv.Bytes(text), f.fs}, nil
}

type ndbHandle struct {
	srv.Bytes
	fs *FS
}

// maxWritten is how much may be written to ndb.
const maxWritten = 1 << 20

// Write adds to what was written.
func (h *ndbHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if len(h.fs.ndb)+len(p) > maxWritten {
		return 0, p9.ErrorOfText("file too big")
	}
	h.fs.ndb += string(p)
	return len(p), nil
}

// machineNdb makes entries of the machine's addresses and its resolver.
func machineNdb() string {
	list, err := interfaces()
	if err != nil {
		return ""
	}
	all, _ := routes()
	sys, _ := os.Hostname()
	dns := nameservers()
	var b strings.Builder
	for _, i := range list {
		if i.loopback {
			continue
		}
		for _, a := range i.addrs {
			if a.ip.IsLinkLocalUnicast() {
				continue
			}
			fmt.Fprintf(&b, "ip=%s ipmask=%s", a.ip, maskText(a.prefix))
			for _, r := range all {
				if r.to.Bits() == 0 && r.ifindex == i.index && r.via.IsValid() && r.via.Is4() == a.ip.Is4() {
					fmt.Fprintf(&b, " ipgw=%s", r.via)
				}
			}
			b.WriteByte('\n')
			if sys != "" {
				fmt.Fprintf(&b, "\tsys=%s\n", sys)
			}
			for _, d := range dns {
				fmt.Fprintf(&b, "\tdns=%s\n", d)
			}
		}
	}
	return b.String()
}

// nameservers are those of resolv.conf(5).
func nameservers() (list []netip.Addr) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				list = append(list, a)
			}
		}
	}
	return list
}
