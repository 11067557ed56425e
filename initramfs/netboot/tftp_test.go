package netboot

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func servedTFTP(t *testing.T) (*Server, *net.UDPAddr) {
	t.Helper()
	s := newServer(t, nil)
	s.addr = netip.MustParseAddr("127.0.0.1")
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.close = append(s.close, c)
	s.wg.Go(func() { s.serveTFTP(c) })
	return s, c.LocalAddr().(*net.UDPAddr)
}

// TestTFTP has curl fetch files, with the options that it has.
func TestTFTP(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("Debian's curl is missing: ", err)
	}
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	s, addr := servedTFTP(t)
	get := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), curl, append(args, "-s", "--path-as-is", "tftp://"+addr.String()+"/"+name)...)
		out, err := cmd.Output()
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	for _, args := range [][]string{{"--tftp-no-options"}, {"--tftp-blksize", "1024"}, {"--tftp-blksize", "65464"}, {"--tftp-blksize", "8"}, nil} {
		for _, name := range []string{"kernel", "image", "more", "undionly.kpxe"} {
			switch {
			case name == "more" && len(args) != 1: // curl takes a size of 0 for none
				continue
			case name == "kernel" && len(args) == 2 && args[1] == "8" && os.Getenv("NINE_LONG") == "":
				continue // 75,000 blocks, so that the number begins again
			}
			f, err := s.open(name)
			if err != nil {
				t.Fatal(err)
			}
			fi, _ := f.Stat()
			want := make([]byte, fi.Size())
			f.Read(want)
			f.Close()
			if got := get(name, args...); got != string(want) {
				t.Errorf("%s, %q: %d bytes, want %d", name, args, len(got), len(want))
			}
		}
	}
	for _, name := range []string{"../secret", "/../secret", "link", "none", "//etc/passwd"} {
		if got := get(name); !strings.HasPrefix(got, "exit status") {
			t.Errorf("%s: %q", name, got)
		}
	}
	s.says(t, `tftp: "../secret" to 127.0.0.1: path escapes from parent`, `tftp: "link" to 127.0.0.1: path escapes from parent`, `tftp: "none" to 127.0.0.1: no such file or directory`,
		`tftp: "kernel" to 127.0.0.1: 600000 bytes`)
}

// TestBadTFTP: requests that are wrong, many, or not followed up.
func TestBadTFTP(t *testing.T) {
	srvtest.CheckGoroutines(t)
	s, addr := servedTFTP(t)
	dial := func() *net.UDPConn {
		c, err := net.DialUDP("udp4", nil, addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for ask, code := range map[string]byte{
		"":                                        4,
		"\x00\x01":                                4,
		"\x00\x01kernel\x00octet":                 4,
		"\x00\x01kernel\x00":                      4,
		"\x00\x01kernel\x00octet\x00a\x00":        4,
		"\x00\x01kernel\x00netascii\x00":          0,
		"\x00\x02kernel\x00octet\x00":             2,
		"\x00\x03\x00\x01\x00":                    4,
		"\x00\x01" + strings.Repeat("a\x00", 600): 4,
	} {
		c := dial()
		c.Write([]byte(ask))
		p := make([]byte, 600)
		c.SetReadDeadline(time.Now().Add(srvtest.Patience))
		n, err := c.Read(p)
		if err != nil || n < 5 || p[1] != opError || p[3] != code {
			t.Errorf("%.40q: %q, %v", ask, p[:n], err)
		}
	}
	// Requests that nobody follows up: the bound holds, a repeated one is the same transfer.
	for i := range maxFrom + 3 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // not connected: it takes what any port sends
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		for range 1 + 2*max(0, 1-i) {
			c.WriteToUDP([]byte("\x00\x01kernel\x00octet\x00"), addr)
		}
	}
	s.says(t, "tftp: from 127.0.0.1: too many transfers")
	s.mu.Lock()
	if s.tftp.all > maxFrom {
		t.Errorf("%d transfers of one address", s.tftp.all)
	}
	s.mu.Unlock()
}

// TestTFTPLost loses the first copy of each packet.
func TestTFTPLost(t *testing.T) {
	s, addr := servedTFTP(t)
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(srvtest.Patience))
	c.WriteToUDP([]byte("\x00\x01image\x00octet\x00tsize\x000\x00blksize\x00900\x00"), addr)
	var got bytes.Buffer
	seen := map[string]bool{}
	p := make([]byte, 2000)
	for {
		n, from, err := c.ReadFromUDP(p)
		if err != nil {
			t.Fatal(err)
		}
		if head := string(p[:4]); !seen[head] {
			seen[head] = true
			c.WriteToUDP([]byte{0, opAck, 9, 9}, from) // one of no block
			continue
		}
		if p[1] == opOptions {
			if want := "\x00\x06blksize\x00900\x00tsize\x001536\x00"; string(p[:n]) != want {
				t.Errorf("%q", p[:n])
			}
			c.WriteToUDP([]byte{0, opAck, 0, 0}, from)
			continue
		}
		got.Write(p[4:n])
		c.WriteToUDP([]byte{0, opAck, p[2], p[3]}, from)
		if n < 904 {
			break
		}
	}
	want, _ := os.ReadFile(s.cfg.Dir + "/image")
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes, want %d", got.Len(), len(want))
	}
}
