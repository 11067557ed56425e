package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/test/bench/floor"
	"ninespace/test/bench/rounds"
)

// readOnce is a script that reads a file and says how long it took, in ns.
func readOnce(file string) string {
	return fmt.Sprintf("t0=$(date +%%s%%N); dd if=%s of=/dev/null bs=1M 2>/dev/null || exit; t1=$(date +%%s%%N); echo $((t1-t0)) 0", file)
}

// speed is what such a script's output says, in MB/s.
func (b *bench) speed(out string) ([]float64, error) {
	v, err := times(out)
	if err != nil {
		return nil, err
	}
	return []float64{float64(b.bulk) / 1e3 / v[0]}, nil
}

func (b *bench) bulkCpu(p *place) side {
	return func(ctx context.Context, _ time.Duration) ([]float64, error) {
		out, err := p.output(ctx, time.Minute, "0", p.cpuArgs("sh", "-c", readOnce("/mnt/term"+p.big))...)
		if err != nil {
			return nil, err
		}
		return b.speed(out)
	}
}

// bulkV9fs is for who has v9fs in the kernel.
func bulkV9fs(context.Context, time.Duration) ([]float64, error) {
	kernel, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return nil, err
	}
	if !hasWord(string(kernel), "9p") {
		return nil, fmt.Errorf("this kernel has no v9fs")
	}
	return nil, fmt.Errorf("cpud mounts by FUSE")
}

// A sender sends the same bytes over a TLS connection, through the same kind of proxy.
type sender struct {
	net.Listener
	via  *proxy
	sent chan error
}

func (p *place) sender() (*sender, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
	if err != nil {
		return nil, err
	}
	s := &sender{sent: make(chan error, 1)}
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if s.via, err = newProxy(s.Addr().String()); err != nil {
		s.Listener.Close()
		return nil, err
	}
	go func() {
		c, err := s.Accept()
		if err == nil {
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
			var f *os.File
			if f, err = os.Open(p.big); err == nil {
				_, err = io.CopyBuffer(onlyWriter{t}, f, make([]byte, 1<<20))
				f.Close()
			}
			t.Close()
		}
		s.sent <- err
	}()
	return s, nil
}

func (s *sender) close() {
	s.Listener.Close()
	s.via.close()
}

func dialTLS(ctx context.Context, port string) (net.Conn, error) {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	return d.DialContext(ctx, "tcp", "127.0.0.1:"+port)
}

// bulkTLS copies the bytes over one connection, and nowhere.
func (b *bench) bulkTLS(p *place) side {
	return func(ctx context.Context, _ time.Duration) ([]float64, error) {
		s, err := p.sender()
		if err != nil {
			return nil, err
		}
		defer s.close()
		c, err := dialTLS(ctx, s.via.port())
		if err != nil {
			return nil, err
		}
		defer c.Close()
		begin := time.Now()
		n, err := io.CopyBuffer(onlyWriter{io.Discard}, c, make([]byte, 1<<20))
		took := time.Since(begin)
		if serr := <-s.sent; err == nil {
			err = serr
		}
		if err == nil && n != b.bulk {
			err = io.ErrUnexpectedEOF
		}
		return []float64{float64(n) / 1e6 / took.Seconds()}, err
	}
}

type onlyWriter struct{ io.Writer }

// bulkFloor reads a file from a server that does nothing but answer the kernel: with what
// comes over a TLS connection, or with the same bytes from memory. Nothing that has FUSE and
// TLS in its way is faster than the former.
func (b *bench) bulkFloor(p *place, overTLS bool) side {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		args := []string{floorFlag, strconv.FormatInt(b.bulk, 10)}
		if overTLS {
			s, err := p.sender()
			if err != nil {
				return nil, err
			}
			defer s.close()
			args = append(args, s.via.port())
		}
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		server := exec.CommandContext(ctx, exe, args...)
		server.Stderr = os.Stderr
		server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		root, end, err := floor.Mount(server)
		if err != nil {
			return nil, err
		}
		defer end()
		mnt, err := unix.FcntlInt(uintptr(root), unix.F_DUPFD, 0) // which a command inherits
		if err != nil {
			return nil, err
		}
		defer unix.Close(mnt)
		out, err := p.output(ctx, limit, "0", "sh", "-c", readOnce(fmt.Sprintf("/proc/self/fd/%d/1/f", mnt)))
		if err != nil {
			return nil, err
		}
		return b.speed(out)
	}
}

// floorFlag has this program be that server: of a file of so many bytes, which come from a
// port or from memory.
const floorFlag = "-floor"

// served does that and exits, if this process is one for it; or else waits, as one that idles.
func served() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == floorFlag:
		rounds.Exit("cpu", serveFloor(context.Background(), os.Args[2:]))
	case len(os.Args) == 2 && os.Args[1] == idleFlag:
		rounds.Exit("cpu", idle())
	}
}

func serveFloor(ctx context.Context, args []string) error {
	size, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	const most = 1 << 20 // of a read
	f := floor.File{Size: size}
	same := bytes.Repeat([]byte("0123456789abcdef"), most/16)
	if len(args) == 1 {
		f.Read = func(_ uint64, n int) []byte { return same[:n] }
		return f.Serve()
	}
	c, err := dialTLS(ctx, args[1])
	if err != nil {
		return err
	}
	defer c.Close()
	// One reads while the other answers.
	ahead, free := make(chan []byte, 16), make(chan []byte, 18)
	for range cap(free) {
		free <- make([]byte, most)
	}
	go func() {
		defer close(ahead)
		for b := range free {
			n, err := io.ReadFull(c, b)
			if n > 0 {
				ahead <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	var buf, rest []byte
	f.Read = func(_ uint64, n int) []byte {
		if len(rest) == 0 {
			if buf != nil {
				free <- buf[:most]
			}
			if buf = <-ahead; buf == nil {
				return nil
			}
			rest = buf
		}
		n = min(n, len(rest))
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	return f.Serve()
}
