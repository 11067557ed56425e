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
// DHCP is RFC 2131 and 4578, for IPv6 8415 and 5970, TFTP RFC 1350 with 2347 to 2349, HTTP RFC 9112. TFTP and
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
	"ninespace/initramfs/dhcp6"
	"ninespace/srv"
)

// A Config says what to serve, and where.
type Config struct {
	Ether   string // the interface; "" is the only one with an address
	IPv6    bool   // serve IPv6 too
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

	addr  netip.Addr // our own, and the network that it is of; not valid: IPv4 is not served
	net   netip.Prefix
	addr6 netip.Addr // and so for IPv6
	net6  netip.Prefix
	duid  []byte // by which DHCPv6 knows us

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
	ifc, four, six, err := device(s.cfg.Ether, s.cfg.IPv6)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.addr, s.net, s.addr6, s.net6, s.duid = four.Addr(), four.Masked(), six.Addr(), six.Masked(), dhcp6.DUID(ifc.HardwareAddr)
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
	for _, at := range []netip.Prefix{four, six} {
		if at.IsValid() {
			s.say(nil, "serving on %s, %s", ifc.Name, at)
		}
	}
	return nil
}

// listen opens the sockets.
func (s *Server) listen(ifc *net.Interface) error {
	network := s.net6
	if s.cfg.Proxy { // its addresses are another's to give
		network = netip.Prefix{}
	}
	ra, err := newAdvertiser(ifc, network)
	switch {
	case err == nil:
		s.close = append(s.close, ra.c)
	case s.addr6.IsValid():
		return err
	default:
		ra = nil // this machine has no IPv6
	}
	if s.addr.IsValid() {
		if err := s.listen4(ifc, ra); err != nil {
			return err
		}
	}
	if !s.addr6.IsValid() {
		return nil
	}
	if err := s.listenFiles(s.addr6); err != nil || s.cfg.Proxy {
		return err
	}
	dhcp, err := listen6(ifc)
	if err != nil {
		return err
	}
	s.close = append(s.close, dhcp)
	s.wg.Go(func() { s.serveDHCP6(dhcp, ra) })
	s.wg.Go(func() { ra.serve(s.ctx) })
	return nil
}

func (s *Server) listen4(ifc *net.Interface, ra *advertiser) error {
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
	if err := s.listenFiles(s.addr); err != nil {
		return err
	}
	s.wg.Go(func() { s.serveDHCP(dhcp, ra) })
	s.wg.Go(func() { s.serveDHCP(ask, nil) })
	return nil
}

// listenFiles serves the files at an address of our own.
func (s *Server) listenFiles(own netip.Addr) error {
	tftp, err := tryAddress.ListenPacket(s.ctx, "udp", netip.AddrPortFrom(own, 69).String())
	if err != nil {
		return err
	}
	s.close = append(s.close, tftp)
	port := s.cfg.HTTP
	if port == 0 {
		port = 80
	}
	web, err := tryAddress.Listen(s.ctx, "tcp", netip.AddrPortFrom(own, uint16(port)).String())
	if err != nil {
		return err
	}
	s.close = append(s.close, web)
	if s.cfg.TLS != nil {
		secure, err := tryAddress.Listen(s.ctx, "tcp", netip.AddrPortFrom(own, 443).String())
		if err != nil {
			return err
		}
		s.close = append(s.close, secure)
		s.wg.Go(func() { s.serveHTTP(secure, s.cfg.TLS) })
	}
	s.wg.Go(func() { s.serveTFTP(tftp.(*net.UDPConn)) })
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

// now is the time; a test of expiry moves it.
var now = time.Now
