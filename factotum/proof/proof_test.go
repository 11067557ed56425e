package proof

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// certOf makes one of a new key, of a curve or Ed25519.
func certOf(t testing.TB, curve elliptic.Curve, serial int64) tls.Certificate {
	t.Helper()
	var k crypto.Signer
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if curve != nil {
		k, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// shake makes a handshake and gives what the server has of it.
func shake(t testing.TB, server, client *tls.Config) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			c.Write([]byte("and then some"))
			_, err = c.Read(make([]byte, 5))
			c.Close()
		}
		done <- err
	}()
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	server.MinVersion, server.ClientAuth, server.SessionTicketsDisabled = tls.VersionTLS13, tls.RequireAnyClientCert, true
	tape, conf := Record(raw, server)
	c := tls.Server(tape, conf)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.Read(make([]byte, 5))
	c.Write([]byte("hello"))
	said, err := tape.Transcript()
	if err != nil {
		t.Fatal(err)
	}
	tape.Stop()
	if _, err := tape.Transcript(); err == nil {
		t.Error("a tape that is stopped plays")
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return said
}

// TestCheck: what a handshake proves, with each kind of key, of agreement and of suite that
// Go has, and nothing else.
func TestCheck(t *testing.T) {
	host := certOf(t, nil, 7)
	for name, c := range map[string]struct {
		curve          elliptic.Curve
		server, client []tls.CurveID
	}{
		"ed25519":   {},
		"P-256":     {curve: elliptic.P256()},
		"P-384":     {curve: elliptic.P384()},
		"P-521":     {curve: elliptic.P521()},
		"X25519":    {client: []tls.CurveID{tls.X25519}},
		"two turns": {server: []tls.CurveID{tls.CurveP384}, client: []tls.CurveID{tls.X25519, tls.CurveP384}},
	} {
		mine := certOf(t, c.curve, 8)
		said := shake(t, &tls.Config{Certificates: []tls.Certificate{host}, CurvePreferences: c.server},
			&tls.Config{Certificates: []tls.Certificate{mine}, InsecureSkipVerify: true, CurvePreferences: c.client})
		leaf, err := Check(said, host.Certificate[0])
		if err != nil || !bytes.Equal(leaf.Raw, mine.Certificate[0]) {
			t.Fatalf("%s: %v, %v", name, leaf, err)
		}
		if name != "ed25519" && name != "two turns" {
			continue
		}
		if _, err := Check(said, certOf(t, nil, 7).Certificate[0]); err == nil {
			t.Errorf("%s: it is of another certificate", name)
		}
		for i := range said {
			said[i] ^= 1
			if _, err := Check(said, host.Certificate[0]); err == nil {
				t.Errorf("%s: byte %d does not matter", name, i)
			}
			said[i] ^= 1
			if _, err := Check(said[:i], host.Certificate[0]); err == nil {
				t.Errorf("%s: %d bytes are enough", name, i)
			}
		}
		if _, err := Check(append(said, said[len(said)-70:]...), host.Certificate[0]); err == nil {
			t.Errorf("%s: more can be said", name)
		}
	}
}

// TestChain: a server that shows our certificate behind its own proves nothing to us.
func TestChain(t *testing.T) {
	host, evil, mine := certOf(t, nil, 1), certOf(t, nil, 2), certOf(t, nil, 3)
	chain := tls.Certificate{Certificate: [][]byte{evil.Certificate[0], host.Certificate[0]}, PrivateKey: evil.PrivateKey}
	said := shake(t, &tls.Config{Certificates: []tls.Certificate{chain}}, &tls.Config{Certificates: []tls.Certificate{mine}, InsecureSkipVerify: true})
	if _, err := Check(said, host.Certificate[0]); err == nil {
		t.Error("it does")
	}
}

// FuzzCheck: who shows it is not to be believed.
func FuzzCheck(f *testing.F) {
	host, mine := certOf(f, nil, 1), certOf(f, nil, 2)
	said := shake(f, &tls.Config{Certificates: []tls.Certificate{host}}, &tls.Config{Certificates: []tls.Certificate{mine}, InsecureSkipVerify: true})
	f.Add(said)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Check(b, host.Certificate[0]); err == nil && !bytes.Equal(b, said) {
			t.Error("proved")
		}
	})
}
