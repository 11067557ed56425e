package netfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/ndb"
	"ninespace/srv/p9"
)

// A queryFile is a file that is asked by a write and answers by reads: cs or dns. Each
// fid has its own question.
type queryFile struct {
	srv.Node
	answer func(ctx context.Context, question string) ([]string, error)
}

func newQuery(mode fs.FileMode, answer func(ctx context.Context, question string) ([]string, error)) srv.File {
	return &queryFile{srv.NewNode(mode), answer}
}

// Open opens it, with no question asked.
func (f *queryFile) Open(context.Context, p9.Mode) (srv.Handle, error) { return &query{f: f}, nil }

// A query is a fid with a question's answers.
type query struct {
	f     *queryFile
	mu    sync.Mutex
	lines []string
	next  int
	rest  string // of a line that was longer than a read
}

// Write asks. Where there is no answer, there is the error.
func (q *query) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	question := strings.TrimRight(string(p), "\n \t")
	lines, err := q.f.answer(ctx, question)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines, q.next, q.rest = lines, 0, ""
	if err != nil {
		return 0, fmt.Errorf("%s: %w", question, err)
	}
	return len(p), nil
}

// Read gives the next answer, a line; at offset 0 the first one again.
func (q *query) Read(_ context.Context, p []byte, off int64) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if off == 0 && q.next > 0 {
		q.next, q.rest = 0, ""
	}
	if q.rest == "" && q.next < len(q.lines) {
		q.rest = q.lines[q.next] + "\n"
		q.next++
	}
	n := copy(p, q.rest)
	q.rest = q.rest[n:]
	return n, nil
}

var errNoHost = &p9.Error{Ename: "host does not exist", Errno: syscall.ENOENT}

// cs translates dial strings, ndb(8): what it answers are files to open and what to write
// to them.
func (f *FS) cs(ctx context.Context, question string) ([]string, error) {
	fields := strings.Split(question, "!")
	if len(fields) < 2 || fields[0] == "" || fields[1] == "" {
		return nil, invalid("bad dial string: not net!host!service")
	}
	network, rest := fields[0], fields[1:]
	if network == "net" {
		network = "tcp"
	}
	clone := f.root() + "/" + network + "/clone "
	switch network {
	case "unix", "vsock":
		return []string{clone + strings.Join(rest, "!")}, nil
	case "tcp", "udp", "tls", "icmp":
	default:
		return nil, p9.NewError(syscall.ENOENT, "network "+srv.Quote(network)+" does not exist")
	}
	if len(rest) > 3 || len(rest) == 3 && rest[2] != "r" {
		return nil, invalid("bad dial string: too many fields")
	}
	db := f.database()
	service := ""
	if len(rest) > 1 {
		service = rest[1]
	}
	if network == "icmp" {
		service = ""
	} else {
		port, err := portOf(db, network, service)
		if err != nil {
			return nil, err
		}
		service = "!" + port
		if len(rest) == 3 {
			service += "!r"
		}
	}
	if rest[0] == "*" {
		return []string{clone + "*" + service}, nil
	}
	addrs, err := f.addresses(ctx, db, rest[0])
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(addrs))
	for i, a := range addrs {
		lines[i] = clone + a.String() + service
	}
	return lines, nil
}

// root is where the tree is mounted, as cs answers.
func (f *FS) root() string {
	if f.cfg.Root == "" {
		return "/net"
	}
	return f.cfg.Root
}

// database reads what there is: what was written to ndb and the files.
func (f *FS) database() ndb.Database {
	f.mu.Lock()
	db := ndb.Parse(f.ndb)
	f.mu.Unlock()
	more, _ := ndb.Read(f.cfg.Ndb) // a machine need not have one
	return append(db, more...)
}

// portOf gives a service's number.
func portOf(db ndb.Database, network, service string) (string, error) {
	if n, err := strconv.ParseUint(service, 10, 16); err == nil {
		return strconv.FormatUint(n, 10), nil
	}
	if service == "*" {
		return service, nil
	}
	if network == "tls" {
		network = "tcp"
	}
	if p := db.Service(network, service); p != "" {
		return p, nil
	}
	if p := systemService(network, service); p != "" {
		return p, nil
	}
	return "", p9.NewError(syscall.ENOENT, "service "+srv.Quote(service)+" does not exist")
}

// systemService looks a service up in /etc/services.
func systemService(network, name string) string {
	b, err := os.ReadFile("/etc/services")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		port, ok := strings.CutSuffix(f[1], "/"+network)
		if !ok {
			continue
		}
		for i, word := range f {
			if i != 1 && word == name {
				return port
			}
		}
	}
	return ""
}

// addresses gives those of a host: an address, a name, or $attribute.
func (f *FS) addresses(ctx context.Context, db ndb.Database, host string) ([]netip.Addr, error) {
	if attr, ok := strings.CutPrefix(host, "$"); ok {
		sys, _ := os.Hostname()
		vals := db.Attr(attr, sys, ownAddrs())
		if len(vals) == 0 {
			return nil, p9.NewError(syscall.ENOENT, "attribute "+srv.Quote(attr)+" has no value here")
		}
		var all []netip.Addr
		var err error
		for _, v := range vals {
			if strings.HasPrefix(v, "$") { // not in circles
				continue
			}
			var more []netip.Addr
			if more, err = f.addresses(ctx, db, v); err == nil {
				all = append(all, more...)
			}
		}
		if len(all) > 0 {
			return all, nil
		}
		return nil, err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if addrs := db.Hosts(host); len(addrs) > 0 {
		return addrs, nil
	}
	addrs, err := f.resolver().LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, dnsError(err)
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}

func (f *FS) resolver() *net.Resolver {
	if f.cfg.Resolver == nil {
		return net.DefaultResolver
	}
	return f.cfg.Resolver
}

// dnsError gives the fact of an error of the resolver.
func dnsError(err error) error {
	var d *net.DNSError
	switch {
	case !errors.As(err, &d):
		return err
	case d.IsNotFound:
		return errNoHost
	case d.IsTimeout:
		return fmt.Errorf("dns: %w", syscall.ETIMEDOUT)
	}
	return p9.NewError(syscall.EIO, "dns: "+d.Err)
}

// ownAddrs gives the machine's own addresses, but those of loopback.
func ownAddrs() (addrs []netip.Addr) {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs
}
