package netboot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// TFTP is RFC 1350, with the options blksize, tsize and timeout: RFC 2347 to 2349. It is
// read only.

const (
	opRead = 1 + iota
	opWrite
	opData
	opAck
	opError
	opOptions
)

const (
	tftpBlock   = 512
	tftpLargest = 1428 // what an Ethernet frame carries with room for a tag or two
	tftpTries   = 5
	tftpWait    = time.Second
)

// transfers are those under way: by who asked, for firmware repeats its request.
type transfers struct {
	sources
	busy map[netip.AddrPort]bool
}

// serveTFTP starts a transfer for each request, until the socket is closed.
func (s *Server) serveTFTP(c *net.UDPConn) {
	p := make([]byte, maxDHCP)
	for {
		n, from, err := c.ReadFromUDPAddrPort(p)
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !s.serves(from.Addr()) {
			s.sayFrom(from.Addr(), "tftp: from %s: of no network here: not answered", from.Addr())
			continue
		}
		name, opts, why := parseRead(p[:n])
		if why == nil {
			s.mu.Lock()
			switch {
			case s.tftp.busy[from]:
				s.mu.Unlock()
				continue
			case !s.tftp.enter(from.Addr(), maxTransfers):
				why = &tftpError{0, "too many transfers"}
			default:
				s.tftp.busy[from] = true
			}
			s.mu.Unlock()
		}
		if why != nil {
			s.sayFrom(from.Addr(), "tftp: from %s: %s", from.Addr(), why)
			c.WriteToUDPAddrPort(why.packet(), from)
			continue
		}
		s.wg.Go(func() {
			s.transfer(name, opts, from)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.tftp.busy, from)
			s.tftp.leave(from.Addr())
		})
	}
}

// sayFrom is say about the node that has an address.
func (s *Server) sayFrom(a netip.Addr, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayLocked(s.at(a), format, args...)
}

// at is the node that has an address, nil if none does. s.mu is held.
func (s *Server) at(a netip.Addr) *node {
	if ether := s.db.fixed[a]; ether != "" {
		return s.nodes[ether]
	}
	if l := s.leases[a]; l != nil {
		return s.nodes[l.ether]
	}
	if ether, ok := etherOf(a); ok && s.nodes[ether] != nil && s.nodes[ether].addr6 == a {
		return s.nodes[ether]
	}
	return nil
}

var errAbort = errors.New("ended by the client")

// A tftpError is one that goes over the wire.
type tftpError struct {
	code uint16
	text string
}

func (e *tftpError) Error() string { return e.text }

func (e *tftpError) packet() []byte {
	b := binary.BigEndian.AppendUint16(nil, opError)
	return append(append(binary.BigEndian.AppendUint16(b, e.code), e.text...), 0)
}

// parseRead reads a request.
func parseRead(p []byte) (name string, opts map[string]string, _ *tftpError) {
	if len(p) < 4 || p[0] != 0 || p[len(p)-1] != 0 {
		return "", nil, &tftpError{4, "malformed request"}
	}
	switch p[1] {
	case opRead:
	case opWrite:
		return "", nil, &tftpError{2, "nothing may be written here"}
	default:
		return "", nil, &tftpError{4, "not a request"}
	}
	f := strings.Split(string(p[2:len(p)-1]), "\x00")
	if len(f) < 2 || len(f)%2 != 0 || len(f) > 32 {
		return "", nil, &tftpError{4, "malformed request"}
	}
	if !strings.EqualFold(f[1], "octet") {
		return "", nil, &tftpError{0, "only mode octet is served"}
	}
	opts = map[string]string{}
	for i := 2; i < len(f); i += 2 {
		opts[strings.ToLower(f[i])] = f[i+1]
	}
	return f[0], opts, nil
}

// transfer sends a file.
func (s *Server) transfer(name string, opts map[string]string, to netip.AddrPort) {
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: s.near(to.Addr()).AsSlice()}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return
	}
	defer c.Close()
	f, err := s.open(name)
	if err != nil {
		why := &tftpError{1, fmt.Sprint(fact(err))}
		s.sayFrom(to.Addr(), "tftp: %q to %s: %s", clean(name, 100), to.Addr(), why)
		c.Write(why.packet())
		return
	}
	defer f.Close()
	n, err := s.sendTFTP(c, f, opts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.tftp++
	s.count.bytes += uint64(n)
	node := s.at(to.Addr())
	if node != nil {
		node.bytes += uint64(n)
		node.state = "loader"
	}
	if _, ok := opts["tsize"]; ok && n == 0 && errors.Is(err, errAbort) { // UEFI asks so how large it is
		s.sayLocked(node, "tftp: %q to %s: its size", clean(name, 100), to.Addr())
		return
	}
	if err != nil {
		s.sayLocked(node, "tftp: %q to %s: %v after %d bytes", clean(name, 100), to.Addr(), err, n)
		return
	}
	s.sayLocked(node, "tftp: %q to %s: %d bytes", clean(name, 100), to.Addr(), n)
}

func (s *Server) sendTFTP(c *net.UDPConn, f *os.File, opts map[string]string) (sent int64, err error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size, wait := tftpBlock, tftpWait
	agreed := binary.BigEndian.AppendUint16(nil, opOptions)
	agree := func(opt string, val any) { agreed = append(agreed, fmt.Sprint(opt, "\x00", val, "\x00")...) }
	if v, err := strconv.Atoi(opts["blksize"]); err == nil && v >= 8 && v <= 65464 {
		size = min(v, tftpLargest)
		agree("blksize", size)
	}
	if v, err := strconv.Atoi(opts["timeout"]); err == nil && v >= 1 && v <= 255 {
		wait = time.Duration(min(v, 10)) * time.Second
		if v <= 10 {
			agree("timeout", v)
		}
	}
	if _, ok := opts["tsize"]; ok {
		agree("tsize", fi.Size())
	}
	if len(agreed) > 2 {
		if err := s.exchange(c, agreed, 0, wait); err != nil {
			return 0, err
		}
	}
	p := make([]byte, 4+size)
	for block := uint16(1); ; block++ { // and begins again at 0
		n, err := io.ReadFull(f, p[4:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			c.Write((&tftpError{0, "read error"}).packet())
			return sent, err
		}
		binary.BigEndian.PutUint16(p, opData)
		binary.BigEndian.PutUint16(p[2:], block)
		if err := s.exchange(c, p[:4+n], block, wait); err != nil {
			return sent, err
		}
		if sent += int64(n); n < size {
			return sent, nil
		}
	}
}

// exchange sends a packet until it is acknowledged.
func (s *Server) exchange(c *net.UDPConn, p []byte, block uint16, wait time.Duration) error {
	in := make([]byte, maxDHCP)
	for range tftpTries {
		if _, err := c.Write(p); err != nil {
			return fact(err)
		}
		for end := time.Now().Add(wait); ; {
			if s.ctx.Err() != nil {
				return errShut
			}
			next := time.Now().Add(time.Second / 2) // to see that the server ends
			if next.After(end) {
				next = end
			}
			c.SetReadDeadline(next)
			n, err := c.Read(in)
			if err != nil {
				if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
					return fact(err)
				}
				if !time.Now().Before(end) {
					break
				}
				continue
			}
			if n < 4 {
				continue
			}
			switch op := binary.BigEndian.Uint16(in); {
			case op == opError:
				text, _, _ := bytes.Cut(in[4:n], []byte{0})
				return fmt.Errorf("%w: %s", errAbort, clean(string(text), 100))
			case op == opAck && binary.BigEndian.Uint16(in[2:]) == block:
				return nil
			}
		}
	}
	return errSilent
}
