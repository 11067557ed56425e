package netfs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// certificate makes one for localhost and 127.0.0.1, its key with it, both as a text.
func certificate(t *testing.T) (text string, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})), hex.EncodeToString(sum[:])
}

func TestTLS(t *testing.T) {
	text, sum := certificate(t)
	each(t, Config{}, func(x tree) {
		file := filepath.Join(x.TempDir(), "cert.pem")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			x.Fatal(err)
		}
		l := x.clone("tls")
		l.must("cert '" + text + "'\nalpn 9p other\nannounce 127.0.0.1!0")
		for _, how := range []string{"ca " + file, "ca '" + text + "'\nname localhost", "fingerprint " + sum} {
			a := x.clone("tls")
			a.must(how + "\nalpn other")
			done := make(chan error, 1)
			go func() { done <- a.cmd("connect " + l.file("local")) }()
			b := l.listen()
			if err := <-done; err != nil {
				x.Fatal(err)
			}
			ad, bd := a.data(), b.data()
			x.Write(ad, "secret")
			if got := x.Read(bd); got != "secret" {
				x.Errorf("%q", got)
			}
			want := "Established version 1.3 cipher TLS_AES_128_GCM_SHA256 alpn other peer 'CN=localhost' sha256 " + sum
			if got := a.file("status"); got != want {
				x.Errorf("status %s\nnot %s", got, want)
			}
			if a.file("local") != b.file("remote") || a.file("remote") != l.file("local") {
				x.Errorf("%s, %s", a.file("local"), b.file("remote"))
			}
			ad.Clunk(x.Context())
			a.end()
			if got := x.Read(bd); got != "" {
				x.Errorf("%q, not the end", got)
			}
		}
	})
}

// TestTLSRefused has certificates that are not as they must be.
func TestTLSRefused(t *testing.T) {
	text, sum := certificate(t)
	each(t, Config{}, func(x tree) {
		l := x.clone("tls")
		l.must("cert '" + text + "'")
		l.must("announce 127.0.0.1!0")
		go func() { // who has not shaken hands is no caller
			f, err := srvtest.Open(x.Context(), x.Root, l.dir+"/listen", p9.ORDWR)
			if err == nil {
				f.Clunk(x.Context())
			}
		}()
		for _, c := range []struct{ how, says string }{
			{"name localhost", "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
			{"ca '" + text + "'\nname example.com", "tls: failed to verify certificate: x509: certificate is valid for localhost, not example.com"},
			{"fingerprint " + strings.Repeat("00", 32), "tls: certificate's fingerprint is " + sum},
		} {
			a := x.clone("tls")
			a.must(c.how)
			err := a.cmd("connect " + l.file("local"))
			if got := a.file("err"); err == nil || !strings.HasSuffix(got, c.says) {
				x.Errorf("%v: %s", err, got)
			}
			if a.file("status") != closed {
				x.Error(a.file("status"))
			}
		}
		a := x.clone("tls")
		for _, bad := range []struct{ line, says string }{
			{"fingerprint xx", "bad sha256 xx: 64 hexadecimal digits"},
			{"ca /nosuch", "file /nosuch: file does not exist"},
			{"ca /dev/null", "file /dev/null: not a file of up to 1048576 bytes"},
			{"ca /etc/passwd", "bad ca: holds no certificate"},
			{"cert /etc/passwd", "bad cert: failed to find any PEM data in certificate input"},
			{"announce *!0", "no cert"},
			{"push tcp/7", "no name, and no fingerprint"},
			{"push tcp/7 client", "bad word client: server"},
		} {
			if err := a.cmd(bad.line); err == nil || a.file("err") != bad.line+": "+bad.says {
				x.Errorf("%v: %s", err, a.file("err"))
			}
		}
		a.must("name localhost")
		if a.cmd("push tcp/7"); a.file("err") != "push tcp/7: conversation tcp/7: file does not exist" {
			x.Error(a.file("err"))
		}
		x.clone("tcp")
		if a.cmd("push tcp/0"); a.file("err") != "push tcp/0: tcp/0: not a connected stream" {
			x.Error(a.file("err"))
		}
	})
}

// TestTLSPush puts it on conversations that are there, both ways, and sends much.
func TestTLSPush(t *testing.T) {
	text, sum := certificate(t)
	each(t, Config{}, func(x tree) {
		_, a, b := x.tcpPair()
		x.Write(a.data(), "STARTTLS\n")
		if got := x.Read(b.data()); got != "STARTTLS\n" {
			x.Fatalf("%q", got)
		}
		at, bt := x.clone("tls"), x.clone("tls")
		at.must("fingerprint " + sum)
		bt.must("cert '" + text + "'")
		done := make(chan error, 1)
		go func() { done <- bt.cmd("push " + b.dir + " server") }()
		at.must("push " + a.dir)
		if err := <-done; err != nil {
			x.Fatal(err)
		}
		a.end()
		b.end()
		ad, bd := at.data(), bt.data()
		much := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			_, err := ad.Write(x.Context(), much, 0)
			done <- err
		}()
		var got []byte
		for p := make([]byte, 50000); len(got) < len(much); {
			n, err := bd.Read(x.Context(), p, 0)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				x.Fatal(err)
			}
		}
		if err := <-done; err != nil || !bytes.Equal(got, much) {
			x.Errorf("%d of %d bytes: %v", len(got), len(much), err)
		}
		at.must("hangup")
		if got := x.Read(bd); got != "" {
			x.Errorf("%q after hangup", got)
		}
	})
}
