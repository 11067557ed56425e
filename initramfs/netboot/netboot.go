// Package netboot boots machines without disks: DHCP, TFTP and HTTP in one server, from
// an ndb(6) file. What it does is a tree of files:
//
//	/               0555
//	    ctl         0600  accepts reload; token ether [time]; forget ether
//	    log         0444  what happened, a line each: time, ether, what
//	    joined      0444  an entry of ndb for each that has joined: its name, address and key
//	    ndb         0444  the database in use
//	    status      0444  the address, and counts
//	    nodes/      0555  the machines that ndb has and those that were heard of
//	        ETHER/  0555  one, by its 12 digits
//	            ctl     0600  accepts token [time]; forget
//	            join    0600  a request to join is written, the answer is read
//	            log     0444  the lines of log about it
//	            script  0444  what it is to boot, as iPXE's script
//	            status  0444  what is known of it, as an entry of ndb
//	            token   0400  the token that waits for it
//
// A packet, a request or a file name that is wrong is said in log and is not answered,
// or refused; whoever sends many is not listened to. What a node boots it may check by a
// Manifest: the signature is what is to be trusted, not who served the bytes.
//
// DHCP is RFC 2131 and 4578, TFTP RFC 1350 with 2347 to 2349, HTTP RFC 9112. TFTP and
// HTTP are written here and not taken from pin/tftp and net/http, as what these make
// before main is paid for by every command of nine, and as the bounds are the point.
package netboot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"ninespace/factotum/sshkey"
	"ninespace/srv"
)

// A Config says what to serve, and where.
type Config struct {
	Ether   string // the interface; "" is the only one with an IPv4 address
	Ndb     string // the database's file
	Dir     string // the files that are served, all of them to everybody
	Loaders string // iPXE's programs: undionly.kpxe, ipxe.efi and so on; "" for none
	Proxy   bool   // there is another DHCP server, which gives the addresses

	Pool  netip.Addr // the first of the addresses for those that ndb has none for
	Pools int        // and how many there are

	HTTP int         // port; 0 is 80
	TLS  *tls.Config // serve HTTPS too, on port 443, which UEFI is sent to

	Signers []*sshkey.Public // who may have signed manifests; nil: not looked at

	// The authority that signs the keys of nodes that join. Without it none does.
	CA   *sshkey.Public
	Sign func(data []byte) ([]byte, error)

	Joined string // the file of ndb in which who has joined is listed; "" for none

	Log io.Writer // gets the lines of the log too, if not nil
}

// A Server is a netboot server.
type Server struct {
	cfg  Config
	root *srv.Dir
	dir  *os.Root

	addr netip.Addr // our own, and the network that it is of
	net  netip.Prefix

	mu       sync.Mutex
	db       *db
	nodes    map[string]*node
	nodesDir *srv.Dir
	leases   map[netip.Addr]*lease
	log      ring
	joined   string // entries of those who have joined
	strange  bucket // lines of log about those that ndb does not have
	packets  bucket
	count    counts
	digests  map[string]digest

	tftp  transfers
	http  sources
	times times

	end   context.CancelFunc
	ctx   context.Context
	close []io.Closer
	wg    sync.WaitGroup
}

// counts are the figures of the file status.
type counts struct {
	dhcp, offers, dropped, tftp, http, bytes, refused, joined uint64
}

// New reads the database and opens the directories.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, nodes: map[string]*node{}, leases: map[netip.Addr]*lease{}, digests: map[string]digest{},
		times: times{headTime, idleTime, chunkTime}}
	s.tftp.busy, s.http.from = map[netip.AddrPort]bool{}, map[netip.Addr]int{}
	s.tftp.from = map[netip.Addr]int{}
	s.ctx, s.end = context.WithCancel(context.Background())
	var err error
	if s.dir, err = os.OpenRoot(cfg.Dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such directory: it has what machines boot, and -d names it", cfg.Dir)
	} else if err != nil {
		return nil, err
	}
	s.root = s.tree()
	if err := s.reload(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Root is the tree of files.
func (s *Server) Root() srv.File { return s.root }

// Start opens the sockets and serves until Close. It binds in the network namespace
// of the calling thread.
func (s *Server) Start() error {
	ifc, prefix, err := device(s.cfg.Ether)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.addr, s.net = prefix.Addr(), prefix.Masked()
	s.mu.Unlock()
	if s.cfg.Pools > 0 && !s.net.Contains(s.cfg.Pool) {
		return fmt.Errorf("%s: not an address of the network of %s, %s", s.cfg.Pool, ifc.Name, s.net)
	}
	if err := s.listen(ifc); err != nil {
		s.Close()
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: ports below 1024 are root's", err)
		}
		return err
	}
	s.say(nil, "serving on %s, %s", ifc.Name, prefix)
	return nil
}

func (s *Server) listen(ifc *net.Interface) error {
	dhcp, err := listenDHCP(ifc, 67)
	if err != nil {
		return err
	}
	s.close = append(s.close, dhcp)
	ask, err := listenDHCP(ifc, 4011) // where firmware asks for the boot file, if sent there
	if err != nil {
		return err
	}
	s.close = append(s.close, ask)
	tftp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: s.addr.AsSlice(), Port: 69})
	if err != nil {
		return err
	}
	s.close = append(s.close, tftp)
	port := s.cfg.HTTP
	if port == 0 {
		port = 80
	}
	web, err := net.Listen("tcp4", netip.AddrPortFrom(s.addr, uint16(port)).String())
	if err != nil {
		return err
	}
	s.close = append(s.close, web)
	if s.cfg.TLS != nil {
		secure, err := net.Listen("tcp4", netip.AddrPortFrom(s.addr, 443).String())
		if err != nil {
			return err
		}
		s.close = append(s.close, secure)
		s.wg.Go(func() { s.serveHTTP(secure, s.cfg.TLS) })
	}
	ra, err := newAdvertiser(ifc)
	if err != nil {
		ra = nil // this machine has no IPv6
	}
	s.wg.Go(func() { s.serveDHCP(dhcp, ra) })
	s.wg.Go(func() { s.serveDHCP(ask, nil) })
	s.wg.Go(func() { s.serveTFTP(tftp) })
	s.wg.Go(func() { s.serveHTTP(web, nil) })
	return nil
}

// Close ends what Start began, and waits for that.
func (s *Server) Close() {
	s.end()
	for _, c := range s.close {
		c.Close()
	}
	s.wg.Wait()
	s.dir.Close()
}

// device finds the interface and its first IPv4 address.
func device(name string) (*net.Interface, netip.Prefix, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, netip.Prefix{}, err
	}
	var found *net.Interface
	var addr netip.Prefix
	for i, ifc := range all {
		if name != "" && ifc.Name != name || name == "" && ifc.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := ifc.Addrs()
		if err != nil {
			return nil, netip.Prefix{}, err
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || !p.Addr().Is4() {
				continue
			}
			if found != nil && found.Index != ifc.Index {
				return nil, netip.Prefix{}, fmt.Errorf("%s and %s both have addresses: which one is to be served?", found.Name, ifc.Name)
			}
			if found == nil {
				found, addr = &all[i], p
			}
		}
	}
	if found == nil && name != "" {
		return nil, netip.Prefix{}, fmt.Errorf("%s: no interface with an IPv4 address", name)
	}
	if found == nil {
		return nil, netip.Prefix{}, errors.New("no interface has an IPv4 address")
	}
	return found, addr, nil
}

// now is the time; a test of expiry moves it.
var now = time.Now
