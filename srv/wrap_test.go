package srv_test

import (
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
	"path/filepath"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A via is what connections go through at both ends.
type via struct {
	name           string
	server, client func(net.Conn) net.Conn
}

// vias are connections whose bytes are not those of the socket beneath.
func vias(t *testing.T) []via {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	secret := func(c net.Conn) net.Conn {
		switch c := c.(type) {
		case *net.TCPConn:
			return &secretTCP{c}
		default:
			return &secretUnix{c.(*net.UnixConn)}
		}
	}
	return []via{
		{"embedded", secret, secret},
		{"tls", func(c net.Conn) net.Conn { return tls.Server(c, conf) },
			func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) }},
	}
}

// Secret connections have each bit the other way round on their way, and all of the
// methods of a socket, SyscallConn too.
type secretUnix struct{ *net.UnixConn }

func (c *secretUnix) Read(p []byte) (int, error) {
	n, err := c.UnixConn.Read(p)
	flip(p[:n], p[:n])
	return n, err
}

func (c *secretUnix) Write(p []byte) (int, error) {
	return c.UnixConn.Write(flip(make([]byte, len(p)), p))
}

type secretTCP struct{ *net.TCPConn }

func (c *secretTCP) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	flip(p[:n], p[:n])
	return n, err
}

func (c *secretTCP) Write(p []byte) (int, error) {
	return c.TCPConn.Write(flip(make([]byte, len(p)), p))
}

func flip(to, from []byte) []byte {
	for i, b := range from {
		to[i] = ^b
	}
	return to
}

// A wrapped listener's connections go through something.
type wrapped struct {
	net.Listener
	via via
}

func (l wrapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	small(c)
	return l.via.server(c), nil
}

// small has a socket keep little: TCP keeps as much as the engine, else.
func small(c net.Conn) {
	if c, ok := c.(*net.TCPConn); ok {
		c.SetWriteBuffer(64 << 10)
		c.SetReadBuffer(64 << 10)
	}
}

// wrappedPlaces runs a test for each via, on TCP and on Unix sockets.
func wrappedPlaces(t *testing.T, newServer func() *srv.Server, test func(*place, func() *wire)) {
	for _, v := range vias(t) {
		for _, network := range []string{"unix", "tcp"} {
			t.Run(v.name+" "+network, func(t *testing.T) {
				srvtest.CheckGoroutines(t)
				srvtest.CheckFiles(t)
				addr := "127.0.0.1:0"
				if network == "unix" {
					addr = filepath.Join(t.TempDir(), "s")
				}
				l, err := net.Listen(network, addr)
				if err != nil {
					t.Fatal(err)
				}
				p := &place{T: t, s: newServer(), served: make(chan error, 1)}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() { defer close(ended); p.served <- p.s.Serve(ctx, wrapped{l, v}) }()
				t.Cleanup(func() { cancel(); <-ended })
				test(p, func() *wire {
					t.Helper()
					c, err := net.Dial(network, l.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					small(c)
					t.Cleanup(func() { c.Close() })
					w := &wire{t, v.client(c), false}
					w.version(true, p9.MaxMsize)
					w.rpc(&p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid})
					return w
				})
			})
		}
	}
}

// TestWrapped serves connections that are more than the socket beneath: what they do
// with the bytes is done.
func TestWrapped(t *testing.T) {
	wrappedPlaces(t, func() *srv.Server {
		return srv.New(srv.NewDir().Add("bulk", &bulk{Node: srv.NewNode(0o444)}).Add("hello", srv.Const("hello")))
	}, func(p *place, dial func() *wire) {
		dial().work(20)
		w := dial()
		w.raw(append(frame(t, true, &p9.Fcall{Type: p9.Tgetattr, Tag: 1}), 3, 0, 0, 0, 0, 0, 0))
		if r := w.recv(); r.Type != p9.Rgetattr { // said before what is no message
			p.Error(r.Text(true))
		}
		if _, err := w.c.Read(make([]byte, 1)); err == nil {
			p.Error("no hangup")
		}
	})
}

// TestWrappedSlow has a client of a wrapped connection take no replies: its next
// messages are read nevertheless. While memory is short it is cut off, unless it takes
// a bit now and then.
func TestWrappedSlow(t *testing.T) {
	const patience = 200 * time.Millisecond
	for _, takes := range []bool{false, true} {
		t.Run(fmt.Sprint("takes ", takes), func(t *testing.T) {
			f := &waiter{Node: srv.NewNode(0o444)}
			wrappedPlaces(t, func() *srv.Server {
				s := srv.New(newHall(map[string]srv.File{"f": f, "bulk": &bulk{Node: srv.NewNode(0o444)}, "hello": srv.Const("hello")}))
				s.Memory = 100 << 10
				s.SetStalled(patience)
				if takes {
					s.SetStalled(time.Hour)
				}
				return s
			}, func(p *place, dial func() *wire) {
				w, slow := dial(), dial()
				slow.open("f", p9.OREAD)
				slow.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"bulk"}})
				slow.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 2})
				slow.block(f, 1) // tag 0
				for tag := range uint16(3) {
					slow.send(&p9.Fcall{Type: p9.Tread, Tag: 1 + tag, Fid: 2, Count: 1<<20 - p9.IOHdrSz})
				}
				if !srvtest.Until(func() bool { return len(p.s.Writes()) == 1 && p.s.Waiting() > 100<<10 }) {
					p.Fatal("the server waits for nobody")
				}
				slow.send(&p9.Fcall{Type: p9.Tflush, Tag: 9, Oldtag: 0})
				if !srvtest.Until(func() bool { return f.blocked.Load() == 0 }) {
					p.Fatal("the flush is not read")
				}
				w.work(1)
				for range 5 {
					writes := p.s.Writes()
					if !takes || len(writes) == 0 {
						break
					}
					if !srvtest.Until(func() bool {
						io.CopyN(io.Discard, slow.c, 4<<10)
						now := p.s.Writes()
						return len(now) == 0 || now[0] != writes[0]
					}) {
						p.Fatal("a client that takes something seems to take nothing")
					}
				}
				if !takes && !srvtest.Until(func() bool { return p.number("conns") == 1 }) {
					p.Error("a client that takes nothing is not cut off")
				}
				w.work(1)
			})
		})
	}
}
