package aan

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/yamux"
)

func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.MaxStreamWindowSize = 8 << 20
	c.LogOutput = io.Discard
	return c
}

// BenchmarkCopy copies with and without aan, over TCP, over TLS, and over TLS by a stream of
// yamux, which is how nodes speak.
func BenchmarkCopy(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, x, x, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	for _, kind := range []string{"tcp", "tls", "mux"} {
		secure, muxed := kind != "tcp", kind == "mux"
		for _, lasting := range []bool{false, true} {
			name := kind + map[bool]string{false: "", true: "-aan"}[lasting]
			b.Run(name, func(b *testing.B) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				var s Server
				defer s.Close()
				got := make(chan net.Conn, 1)
				go func() {
					c, err := l.Accept()
					if err != nil {
						return
					}
					if secure {
						c = tls.Server(c, server)
					}
					if lasting {
						if c, err = s.Accept(context.Background(), c, "", ""); err != nil {
							b.Error(err)
						}
					}
					if muxed {
						m, _ := yamux.Server(c, muxConfig())
						if c, err = m.Accept(); err != nil {
							b.Error(err)
						}
					}
					got <- c
				}()
				near, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				if secure {
					near = tls.Client(near, &tls.Config{InsecureSkipVerify: true})
				}
				if lasting {
					link := near
					if near, err = Dial(b.Context(), func(context.Context) (net.Conn, error) { return link, nil }, Config{}); err != nil {
						b.Fatal(err)
					}
				}
				if muxed {
					m, _ := yamux.Client(near, muxConfig())
					if near, err = m.Open(); err != nil {
						b.Fatal(err)
					}
					defer m.Close()
				}
				buf := make([]byte, 128<<10)
				b.SetBytes(int64(len(buf)))
				done := make(chan struct{})
				far := <-got
				go func() {
					defer close(done)
					in := make([]byte, 128<<10)
					for err := error(nil); err == nil; {
						_, err = far.Read(in)
					}
				}()
				for b.Loop() {
					if _, err := near.Write(buf); err != nil {
						b.Fatal(err)
					}
				}
				near.Close()
				<-done
				far.Close()
			})
		}
	}
}
