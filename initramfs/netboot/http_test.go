package netboot

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// served has a server listen for HTTP on the loopback interface, in whose place it is.
func served(t *testing.T, change func(*Config)) (*Server, string) {
	t.Helper()
	s := newServer(t, change)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.close = append(s.close, l)
	s.addr, s.net = netip.MustParseAddr("127.0.0.1"), netip.MustParsePrefix("127.0.0.0/8")
	s.cfg.HTTP = l.Addr().(*net.TCPAddr).Port
	s.wg.Go(func() { s.serveHTTP(l, s.cfg.TLS) })
	return s, l.Addr().String()
}

func fetch(t *testing.T, method, url string, head ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	r, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

// TestHTTP has net/http's client fetch files and ranges of them.
func TestHTTP(t *testing.T) {
	srvtest.CheckGoroutines(t)
	s, addr := served(t, nil)
	at := "http://" + addr
	kernel := strings.Repeat("kernel", 100_000)
	for _, c := range []struct {
		rng, body, says string
		code            int
	}{
		{"", kernel, "", 200},
		{"bytes=0-5", "kernel", "bytes 0-5/600000", 206},
		{"bytes=599994-", "kernel", "bytes 599994-599999/600000", 206},
		{"bytes=-3", "nel", "bytes 599997-599999/600000", 206},
		{"bytes=599999-700000", "l", "bytes 599999-599999/600000", 206},
		{"bytes=-700000", kernel, "bytes 0-599999/600000", 206},
		{"bytes=600000-", "", "bytes */600000", 416},
		{"bytes=-0", "", "bytes */600000", 416},
		{"bytes=0-1,4-5", kernel, "", 200},
		{"bytes=5-1", kernel, "", 200},
		{"lines=1-2", kernel, "", 200},
	} {
		r, body := fetch(t, "GET", at+"/f/kernel", "Range", c.rng)
		if r.StatusCode != c.code || body != c.body || r.Header.Get("Content-Range") != c.says {
			t.Errorf("%q: %s, %q, %d bytes", c.rng, r.Status, r.Header.Get("Content-Range"), len(body))
		}
	}
	if r, body := fetch(t, "HEAD", at+"/f/kernel"); r.StatusCode != 200 || r.ContentLength != 600000 || body != "" {
		t.Errorf("HEAD: %s, %d bytes", r.Status, r.ContentLength)
	}
	if r, body := fetch(t, "GET", at+"/f/more"); r.StatusCode != 200 || body != "" {
		t.Errorf("an empty file: %s, %q", r.Status, body)
	}
	if r, body := fetch(t, "GET", at+"/f/ipxe.efi"); r.StatusCode != 200 || !strings.HasPrefix(body, "boot.efi") {
		t.Errorf("a loader: %s", r.Status)
	}
	for path, code := range map[string]int{"/f/none": 404, "/f/": 403, "/f/../secret": 403, "/f/%2e%2e/secret": 403, "/f/link": 403, "/f/.": 403, "/f/a%00b": 403,
		"/f//etc/passwd": 404, "/f/..%5csecret": 403, "/f/..": 403, "/": 404, "/boot/x": 404, "/join": 405} {
		req := &http.Request{Method: "GET", Host: addr, Header: http.Header{}}
		var err error
		if req.URL, err = req.URL.Parse(at); err == nil {
			req.URL.Opaque = path
		}
		r, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != code || strings.Contains(string(body), "secret") && path != "/f/../secret" {
			t.Errorf("%s: %s, %q", path, r.Status, body)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	s.says(t, `http: "../secret" to 127.0.0.1: path escapes from parent`, `http: "link" to 127.0.0.1: path escapes from parent`)
}

func TestScript(t *testing.T) {
	s, addr := served(t, nil)
	_, got := fetch(t, "GET", "http://"+addr+"/boot/525400123456?platform=pcbios&arch=i386")
	want := "#!ipxe\necho netboot: node1 (525400123456)\nimgfree\n" +
		"kernel --name kernel http://ADDR/f/kernel console=ttyS0 quiet nine.x=1 || goto again\n" +
		"initrd --name image0 http://ADDR/f/image || goto again\ninitrd --name image1 http://ADDR/f/more || goto again\nboot || goto again\n" +
		":again\necho netboot: that did not work, once more in 10 seconds\nsleep 10\nchain --replace http://ADDR/boot/525400123456 || goto again\n"
	if want = strings.ReplaceAll(want, "ADDR", addr); got != want {
		t.Errorf("%s", got)
	}
	if _, got := fetch(t, "GET", "http://"+addr+"/boot/525400123456?platform=efi"); !strings.Contains(got, "nine.x=1 initrd=image0 initrd=image1 ||") {
		t.Errorf("%s", got)
	}
	if _, got := fetch(t, "GET", "http://"+addr+"/boot/020000000009"); !strings.Contains(got, "020000000009: unknown node\n:again") {
		t.Errorf("%s", got)
	}
	// By what only iPXE knows.
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", testNdb+"serial=CZ1 sys=node9 kernel=kernel\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	_, got = fetch(t, "GET", "http://"+addr+"/boot/020000000009")
	if !strings.Contains(got, "chain --replace http://"+addr+"/boot/020000000009?uuid=${uuid}&serial=${serial:uristring}") {
		t.Errorf("%s", got)
	}
	if _, got := fetch(t, "GET", "http://"+addr+"/boot/020000000009?serial=cz1&platform=pcbios"); !strings.Contains(got, "echo netboot: node9 (020000000009)\n") {
		t.Errorf("%s", got)
	}
	s.says(t, "http: from 127.0.0.1: script for 020000000009: unknown node")
}

// TestScriptsGoOn: whatever a script is about, iPXE does not come to its end, where it would give up, as
// while netboot is started anew.
func TestScriptsGoOn(t *testing.T) {
	s, addr := served(t, nil)
	check := func(ether string) {
		t.Helper()
		_, got := fetch(t, "GET", "http://"+addr+"/boot/"+ether)
		if !strings.Contains(got, "\n:again\n") || !strings.HasSuffix(got, "\nsleep 10\nchain --replace http://"+addr+"/boot/"+ether+" || goto again\n") {
			t.Errorf("%s", got)
		}
	}
	check("525400123456")
	check("020000000009") // which is unknown
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", testNdb+"serial=CZ1 sys=node9 kernel=kernel\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	check("020000000009") // which is to say its number
}

// TestProxyAddress: beside another DHCP server a machine's address is learned from the
// script that it asks for.
func TestProxyAddress(t *testing.T) {
	s, addr := served(t, func(cfg *Config) { cfg.Proxy = true })
	fetch(t, "GET", "http://"+addr+"/boot/525400123456")
	fetch(t, "GET", "http://"+addr+"/f/kernel")
	s.says(t, `525400123456 http: "kernel" to 127.0.0.1: 600000 bytes`)
	if got := s.nodeText(s.nodes["525400123456"]); !strings.Contains(got, "ip=127.0.0.1 class=worker\n\tstate=kernel ") {
		t.Error(got)
	}
}

// TestBadHTTP: what is malformed is refused, said, and ends the connection.
func TestBadHTTP(t *testing.T) {
	srvtest.CheckGoroutines(t)
	s, addr := served(t, nil)
	for ask, code := range map[string]string{
		"GET\r\n\r\n":                    "400",
		"GET x HTTP/1.1\r\n\r\n":         "400",
		"GET / HTTP/2.0\r\n\r\n":         "400",
		"GET /%zz HTTP/1.1\r\n\r\n":      "400",
		"GET / HTTP/1.1\r\nx y\r\n\r\n":  "400",
		"GET / HTTP/1.1\r\nx y: z\r\n\r": "400",
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", maxHead) + "\r\n\r\n":                    "431",
		"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", maxHead/6) + "\r\n":                  "431",
		"POST /join HTTP/1.1\r\n\r\n":                                                          "411",
		"POST /join HTTP/1.1\r\nContent-Length: x\r\n\r\n":                                     "400",
		"POST /join HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n":                "400",
		"POST /join HTTP/1.1\r\nContent-Length: 9000\r\n\r\n":                                  "413",
		"POST /join HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                   "501",
		"POST /join HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxx":              "403",
		"DELETE /f/kernel HTTP/1.0\r\n\r\n":                                                    "405",
		"GET /f/none HTTP/1.1\r\n\r\nGET /f/image HTTP/1.1\r\nConnection: close\r\n\r\n":       "404",
		"GET /f/image HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /f/image HTTP/1.0\r\n\r\n": "200",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, ask)
		c.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(c)
		c.Close()
		if !bytes.HasPrefix(got, []byte("HTTP/1.1 "+code+" ")) {
			t.Errorf("%.60q: %.100q", ask, got)
		}
		if n := bytes.Count(got, []byte("HTTP/1.1 ")); n != 1+strings.Count(ask, "\r\n\r\nGET") {
			t.Errorf("%.60q: %d answers", ask, n)
		}
	}
	s.says(t, "http: from 127.0.0.1: 431 too long", "DELETE /f/kernel: refused")
}

// TestSlow: who neither asks nor reads is given up, and no address has many connections.
func TestSlow(t *testing.T) {
	srvtest.CheckGoroutines(t)
	s := newServer(t, nil)
	put(t, s.cfg.Dir, "big", "")
	if err := os.Truncate(filepath.Join(s.cfg.Dir, "big"), 64<<20); err != nil {
		t.Fatal(err)
	}
	s.times = times{300 * time.Millisecond, 300 * time.Millisecond, 300 * time.Millisecond}
	s.addr = netip.MustParseAddr("127.0.0.1")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.close = append(s.close, l)
	s.wg.Go(func() { s.serveHTTP(l, nil) })
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	reader := dial()
	io.WriteString(reader, "GET /f/big HTTP/1.1\r\n\r\n")
	io.WriteString(dial(), "GET /f/image HT")
	s.says(t, "slow request: given up", "slow reader: given up after ")
	for range maxFrom + 5 {
		dial()
	}
	s.says(t, "http: from 127.0.0.1: too many connections")
	if !srvtest.Until(func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.http.all == 0 }) {
		t.Errorf("%d connections stay", s.http.all)
	}
	if _, body := fetch(t, "GET", "http://"+l.Addr().String()+"/f/image"); len(body) != 512*3 {
		t.Errorf("after that: %d bytes", len(body))
	}
}

func TestHTTPS(t *testing.T) {
	pair := selfSigned(t)
	s, addr := served(t, func(cfg *Config) { cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	if r, body := fetch(t, "GET", "https://"+addr+"/f/kernel", "Range", "bytes=6-11"); r.StatusCode != 206 || body != "kernel" {
		t.Errorf("%s, %q", r.Status, body)
	}
	if got, want := s.url(s.addr, true), "https://127.0.0.1"; got != want {
		t.Error(got)
	}
	if got := fmt.Sprintf("http://%s", addr); s.url(s.addr, false) != got {
		t.Error(s.url(s.addr, false))
	}
}
