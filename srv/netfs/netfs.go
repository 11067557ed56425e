// Package netfs serves the network of the machine, as ip(3) and ndb(8) of Plan 9 have it.
//
//	/                   0555
//	    cs              0666  a dial string is written, what to open and to write there read
//	    dns             0666  "name type" is written, records are read
//	    ndb             0644  what the machine knows of its network, ndb(6); accepts more
//	    arp             0644  the neighbours; accepts add, del, flush
//	    iproute         0644  the routes; accepts add, remove, flush
//	    ipselftab       0444  the machine's own addresses
//	    log             0600  each event is read once; accepts set, clear
//	    ipifc/          0555
//	        clone       0600  after bind it is the ctl of another interface: see below
//	        stats       0444  counts of IP: lines of a name and a number
//	        N/          0555  the interface with the kernel's number N
//	            ctl     0644  reads as N; accepts add, remove, up, down, mtu, iprouting, unbind
//	            data    0600  the packets of an interface that is bound to pkt
//	            local   0444  its addresses
//	            status  0444  device, mtu, counts; a line for each address
//	    PROTO/          0555  tcp, udp, icmp, unix, vsock, tls
//	        clone       0666  opening it makes the next conversation and is its ctl
//	        stats       0444  counts; of tcp, udp and icmp
//	        N/          0555  conversation N
//	            ctl     0600  reads as N; accepts the commands below
//	            data    0600  what comes is read, what is written goes
//	            err     0400  the conversation's last error
//	            listen  0600  opening it waits for a caller and is the ctl of the conversation with him
//	            local   0444  addr!port of this side
//	            remote  0444  that of the other
//	            status  0444  the state, and numbers
//
// A conversation's files are their opener's: the user who opened clone. It lives while one
// of them is open. Served by root, others than root have no ports below 1024, no Unix
// sockets and no files named by commands, for the kernel would take them for root; served
// by anybody else, others are refused.
//
// # Commands
//
// Of all protocols:
//
//	hangup                            end both ways at once
//	accept [N]                        nothing: a caller is accepted when listen gives him
//	reject [N [reason]]               hangup
//
// Of tcp and udp, and tls as far as it says so below:
//
//	connect addr!port[!r] [localport] call; !r calls from a port below 1024
//	announce [addr!]port              be called at; * is any address, and any port
//	bind [addr!]port                  have this address when calling
//	ttl hops                          for what is sent
//	tos byte                          the same
//	keepalive [ms]                    tcp: ask an idle peer whether it is there
//	nodelay [on|off]                  tcp: send what is written at once; on, if not said
//	headers                           udp: before announce: see below
//	addmulti ifc-addr group           udp: hear what is sent to a group, by an interface of ours
//	remmulti group                    udp: no longer
//	ignoreadvice                      udp: be told nothing of what ICMP says
//
// Of the others:
//
//	connect addr                      icmp
//	connect path, announce path       unix; @name is an abstract one
//	connect cid!port                  vsock; cid is a number, or host, local, hypervisor
//	announce [cid!]port               vsock
//
// Addresses are numbers, IPv4's or IPv6's: cs translates names. What fails leaves the
// conversation Closed, and it can be tried again.
//
// # Data
//
// Offsets are ignored. A read gives what has come, waiting for something, and 0 bytes at
// the end; a write takes all of it, waiting for room. A read, a connect or a listen that
// is flushed took nothing. What a write of a stream leaves over when the kernel takes no
// more is sent behind its back, before the next one, and when the conversation has ended
// for up to a minute more: an error of that is the next write's. Reads that a
// client has in flight through one fid are done in the order in which they came, and so
// are writes. After a hangup, and when the
// other side takes no more, writes are "i/o on hungup channel".
//
// Of udp, icmp each read and write is a datagram; what the count has no room for is lost.
// After headers and announce each begins with 52 bytes: the other side's address, ours,
// our interface's, of 16 bytes each, and the ports, of 2, the other side's first, the
// high byte first. Without, listen gives a conversation for each who has not been heard
// of; his first datagram is its first to read.
//
// Of icmp a message begins with its type: an echo request, whose identifier the kernel
// sets and by which it finds the answers, for groups of net.ipv4.ping_group_range.
//
// # TLS
//
// Tls(3) of Plan 9 leaves the handshake to libraries. Here connect, listen and push do it:
//
//	connect addr!port[!r] [localport] call by TCP, and be a client
//	announce [addr!]port              be called by TCP, and be a server
//	push proto/N [server]             be one over that conversation, keeping it
//	name host                         the certificate's name must be this; else the address
//	ca file|pem                       trust these certificates instead of the system's
//	fingerprint sha256                take the certificate with this digest, and no other
//	cert file|pem [file|pem]          our certificate, and its key if that is not with it
//	alpn protocol ...                 offer these
//
// With ca or fingerprint, a server has its callers show certificates. The text of a
// file can take the file's place, quoted.
//
// # Interfaces
//
// The number of an interface is the kernel's, so that clone reads as one only after one of
//
//	bind pkt [name]       a new one, tun(4): what is sent by it is read from data, what is
//	                      written there it receives, a packet each, beginning with IP's head;
//	                      it goes with the last fid of clone and data
//	bind loopback [name]  a new one that drops what is sent by it, and stays
//	bind ether name       one that is there
//
// and then takes what ctl takes. Unbind removes an interface that was made.
//
// # Names
//
// cs answers net!host!service with lines "/net/tcp/clone addr!port", one by each read. The
// host is an address, a name of ndb, /etc/hosts or DNS, * or $attribute: the values that
// ndb has of it for this system, or for its network. The service is a port or a name of
// ndb or /etc/services. net stands for tcp. dns answers "name type" with lines that begin
// so, of types ip, ipv6, cname, mx, ns, ptr, srv and txt, from the system's resolver.
package netfs

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says what netfs asks. The zero Config asks the system.
type Config struct {
	Root     string        // where cs says that the tree is mounted; /net where ""
	Ndb      string        // the file of the database, ndb(6); none where ""
	Resolver *net.Resolver // nil: the system's
}

// An FS is the served tree.
type FS struct {
	*srv.Dir
	cfg    Config
	protos map[string]*proto
	log    *eventLog

	mu     sync.Mutex
	ndb    string // what was written to ndb
	closed bool
	convs  map[*conv]bool
}

// New makes the tree.
func New(cfg Config) *FS {
	f := &FS{Dir: srv.NewDir(), cfg: cfg, protos: map[string]*proto{}, convs: map[*conv]bool{}}
	f.Add("cs", newQuery(0o666, f.cs))
	f.Add("dns", newQuery(0o666, f.dns))
	f.Add("ndb", &ndbFile{srv.NewNode(0o644), f})
	f.Add("arp", table(arpText, arpCmds()))
	f.Add("iproute", table(routeText, routeCmds()))
	f.Add("ipselftab", srv.Text(0o444, selfText))
	f.Add("ipifc", newIfcDir())
	newTCP(f)
	newUDP(f)
	newICMP(f)
	newUnix(f)
	newVsock(f)
	newTLS(f)
	f.log = newLog(slices.Sorted(maps.Keys(f.protos)))
	f.Add("log", f.log)
	return f
}

// table is a file of one of the kernel's tables: its text, and commands that change it.
func table(text func(context.Context) (string, error), cmds map[string]func(context.Context, []string) error) srv.File {
	said := make(map[string]func(context.Context, []string) error, len(cmds))
	for name, do := range cmds {
		said[name] = func(ctx context.Context, args []string) error { return inWords(do(ctx, args)) }
	}
	return srv.Cmds(0o644, text, said)
}

// inWords gives the kernel's errors the words that all others have.
func inWords(err error) error {
	if n, ok := err.(syscall.Errno); ok {
		return p9.ErrorOfErrno(n)
	}
	return err
}

// Attach gives the tree, to the user that the process runs as and, where that is root,
// to everybody.
func (f *FS) Attach(ctx context.Context, aname string) (srv.File, error) {
	return f.attach(ctx, aname, os.Geteuid())
}

func (f *FS) attach(ctx context.Context, aname string, euid int) (srv.File, error) {
	if aname != "" && aname != "/" {
		return nil, p9.ErrNotExist
	}
	if u := srv.UserOf(ctx); euid != 0 && !u.Host() {
		return nil, fmt.Errorf("%s: the network here is another user's: %w", u.Name, p9.ErrPerm)
	}
	return f, nil
}

// enter counts a conversation, unless there are to be no more.
func (f *FS) enter(c *conv) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.convs[c] = true
	return true
}

func (f *FS) leave(c *conv) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.convs, c)
}

// conversation finds one by its name, proto/N.
func (f *FS) conversation(name string) (*conv, error) {
	proto, number, _ := strings.Cut(name, "/")
	if p := f.protos[proto]; p != nil {
		if n, err := strconv.Atoi(number); err == nil {
			if c := p.conversation(n); c != nil {
				return c, nil
			}
		}
	}
	return nil, fmt.Errorf("conversation %s: %w", srv.Quote(name), p9.ErrNotExist)
}

// Close hangs up every conversation: whoever waits is told. No more can be made. What a
// conversation has goes when its last file is clunked.
func (f *FS) Close() {
	f.mu.Lock()
	f.closed = true
	all := make([]*conv, 0, len(f.convs))
	for c := range f.convs {
		all = append(all, c)
	}
	f.mu.Unlock()
	for _, c := range all {
		c.hangup()
	}
}
