package netboot

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// The addresses of HTTP:
//
//	/boot/ether   the machine's script for iPXE; what iPXE knows of it is the query
//	/f/name       a file
//	/join         POST: a request to join

// answer answers a request. An error ends the connection.
func (w *web) answer(a *ask) error {
	s := w.Server
	s.mu.Lock()
	s.count.http++
	s.mu.Unlock()
	post := a.path == "/join"
	if a.method != "GET" && a.method != "HEAD" && !post || post && a.method != "POST" {
		s.sayFrom(w.from, "http: from %s: %s %s: refused", w.from, clean(a.method, 20), clean(a.path, 100))
		return w.text(a, 405, "not here\n")
	}
	if post {
		text, err := s.join(a.body, w.from)
		switch {
		case errors.Is(err, errUnsigned):
			return w.text(a, 500, err.Error()+"\n")
		case errors.Is(err, ErrStranger):
			return w.text(a, 409, err.Error()+"\n")
		case err != nil:
			return w.text(a, 403, err.Error()+"\n")
		}
		return w.text(a, 200, text)
	}
	if ether, ok := strings.CutPrefix(a.path, "/boot/"); ok {
		return w.boot(a, ether)
	}
	name, ok := strings.CutPrefix(a.path, "/f/")
	if !ok {
		s.sayFrom(w.from, "http: %s to %s: there is no such place", clean(a.path, 100), w.from)
		return w.text(a, 404, "not here\n")
	}
	f, err := s.open(name)
	if err != nil {
		s.sayFrom(w.from, "http: %q to %s: %v", clean(name, 100), w.from, fact(err))
		if errors.Is(err, fs.ErrNotExist) {
			return w.text(a, 404, "no such file\n")
		}
		return w.text(a, 403, "refused\n")
	}
	defer f.Close()
	s.mu.Lock()
	n := s.at(w.from)
	s.mu.Unlock()
	sent, err := w.file(a, f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.bytes += uint64(sent)
	if n != nil {
		n.bytes += uint64(sent)
		if p, ok := s.db.find(n.machine); ok && a.method == "GET" && err == nil {
			switch {
			case name == p.kernel:
				n.state = "kernel"
			case slices.Contains(p.images, name):
				n.state = "image"
			}
		}
	}
	if a.method == "GET" && err == nil {
		s.sayLocked(n, "http: %q to %s: %d bytes", clean(name, 100), w.from, sent)
	}
	return err
}

// boot answers with a machine's script.
func (w *web) boot(a *ask, text string) error {
	s := w.Server
	ether, ok := parseEther(text)
	if !ok {
		s.sayFrom(w.from, "http: from %s: script for %q: not an Ethernet address", w.from, clean(text, 40))
		return w.text(a, 404, "not an Ethernet address\n")
	}
	s.mu.Lock()
	n := s.nodes[ether]
	if n == nil && s.db.asks() { // beside another DHCP server it may not have been heard of
		n = s.node(ether)
	}
	if n == nil {
		s.sayLocked(nil, "http: from %s: script for %s: unknown node", w.from, ether)
		s.mu.Unlock()
		return w.text(a, 200, s.excuse(ether, s.near(w.from), errUnknown))
	}
	q := func(field *string, name string) {
		if v := clean(a.query.Get(name), 64); v != "" {
			*field = v
		}
	}
	q(&n.serial, "serial")
	q(&n.product, "product")
	q(&n.uuid, "uuid")
	q(&n.arch, "arch")
	if p := a.query.Get("platform"); p != "" {
		n.efi = p == "efi"
		if n.serial == "" && n.product == "" {
			n.serial = "-" // asked, and has none
		}
	}
	n.last = now()
	if s.cfg.Proxy { // this is how its address is learned
		s.release(n)
		n.addr, s.leases[w.from] = w.from, &lease{ether, n.last.Add(leaseTime)}
	}
	_, n.known = s.db.find(n.machine)
	give := a.method == "GET" && s.mayTell(n, w.from)
	s.mu.Unlock()
	script, err := s.script(n, s.near(w.from), give)
	if err != nil {
		s.say(n, "http: script to %s: %v", w.from, err)
		return w.text(a, 200, s.excuse(ether, s.near(w.from), err))
	}
	s.mu.Lock()
	if n.state = "script"; strings.Contains(script, "boot || ") {
		n.boots++
	}
	s.sayLocked(n, "http: script to %s", w.from)
	s.mu.Unlock()
	return w.text(a, 200, script)
}
