package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/keytest"
	"ninespace/factotum/sshkey"
	"ninespace/initramfs/netboot"
)

// TestBelieve: with an authority in the image no other one's certificate will do.
func TestBelieve(t *testing.T) {
	ca, other, key := keytest.New(t), keytest.New(t), keytest.New(t)
	c := sshkey.Cert{Kind: sshkey.HostCert, ID: "node1", Principals: []string{"node1", "10.9.0.11"}, Before: uint64(time.Now().Add(time.Hour).Unix())}
	cert, err := c.Certify(&key.Public, &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") })
	if err != nil {
		t.Fatal(err)
	}
	for known, want := range map[string]bool{
		"": true,
		"fileserver " + other.Public.String() + "\n# @cert-authority\n":                  true,
		"@cert-authority * " + ca.Public.String() + "\n":                                 true,
		"@cert-authority * " + other.Public.String() + "\n":                              false,
		"x\n@cert-authority node2 " + ca.Public.String():                                 false,
		"@cert-authority * " + ca.Public.String() + "\n@revoked * " + ca.Public.String(): false,
		"@revoked * " + ca.Public.String():                                               false,
		"@cert-authority 10.9.0.* " + ca.Public.String():                                 true,
		" \t@cert-authority * " + other.Public.String():                                  false,
		"@cert-authority\t* " + other.Public.String():                                    false,
		"@cert-authority *": false, // cut off
		"@cert-authority * " + other.Public.String() + "\nnode1 " + key.Public.String(): false,
	} {
		if _, err := believe([]byte(known), cert); (err == nil) != want {
			t.Errorf("%q: %v", known, err)
		}
	}
}

// TestImagesAuthority: who knows the token gets no other authority believed than the image's, and
// that one for no more hosts than the image says.
func TestImagesAuthority(t *testing.T) {
	dir := t.TempDir()
	defer func(a, b string) { authority, hostCert = a, b }(authority, hostCert)
	authority, hostCert = filepath.Join(dir, "known"), filepath.Join(dir, "cert")
	ca, other, key := keytest.New(t), keytest.New(t), keytest.New(t)
	s := answersJoin(t, key, ca, time.Time{}, time.Now().Add(time.Hour))
	defer s.Close()
	join := func() error {
		os.Remove(hostCert)
		n := &node{log: NewLog(io.Discard), public: key.Public.String(), params: Params{Token: "token", Join: s.URL}}
		return n.join(t.Context())
	}
	others, ours := "@cert-authority * "+other.Public.String()+"\n", "@cert-authority node* "+ca.Public.String()+"\n"
	for _, c := range []struct {
		known, after string
		joins        bool
	}{
		{"", "@cert-authority * " + ca.Public.String() + "\n", true},
		{others, others, false},
		{ours, ours, true},
		{"fileserver x", "fileserver x\n@cert-authority * " + ca.Public.String() + "\n", true}, // of a file without a newline in the end
	} {
		if err := os.WriteFile(authority, []byte(c.known), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := join(); (err == nil) != c.joins {
			t.Errorf("%q: %v", c.known, err)
		}
		if _, err := os.Stat(hostCert); (err == nil) != c.joins {
			t.Errorf("%q: its certificate: %v", c.known, err)
		}
		if b, err := os.ReadFile(authority); string(b) != c.after || err != nil {
			t.Errorf("%q: %q then, %v", c.known, b, err)
		}
	}
	os.Remove(authority)
	if err := os.Mkdir(authority, 0o700); err != nil { // cannot be read, by root neither
		t.Fatal(err)
	}
	if err := join(); err == nil {
		t.Error("joined without a look at what the image knows")
	}
	if _, err := os.Stat(hostCert); err == nil {
		t.Error("a certificate without a look at what the image knows")
	}
}

// TestRefused: a refusal is an answer of nobody in particular, so who is refused asks again, as who has no answer
// does, and has the console offered no sooner.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	defer func(a, b string) { authority, hostCert = a, b }(authority, hostCert)
	authority, hostCert = filepath.Join(dir, "known"), filepath.Join(dir, "cert")
	ca, key := keytest.New(t), keytest.New(t)
	honest := answersJoin(t, key, ca, time.Time{}, time.Now().Add(time.Hour))
	defer honest.Close()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		honest.Config.Handler.ServeHTTP(w, r)
	}))
	defer s.Close()
	n := &node{cfg: Config{Console: []string{"rc"}}, log: NewLog(io.Discard), public: key.Public.String(), params: Params{Token: "token", Join: s.URL, Wait: time.Hour}}
	err := n.do(t.Context(), "join", n.join)
	if log := n.log.String(); err != nil || !strings.Contains(log, "join refused") || !strings.Contains(log, "again in 1s") || strings.Contains(log, "shell") {
		t.Errorf("%v; it says:\n%s", err, log)
	}
	if _, err := os.Stat(hostCert); err != nil {
		t.Error(err)
	}
}

// answersJoin is a server that gives who joins with the token a certificate, by ca and for a time.
func answersJoin(t *testing.T, key, ca *sshkey.Private, after, before time.Time) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := sshkey.Cert{Kind: sshkey.HostCert, ID: "node1", Principals: []string{"node1"}, After: uint64(max(after.Unix(), 0)), Before: uint64(before.Unix())}
		cert, err := c.Certify(&key.Public, &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") })
		if err != nil {
			t.Error(err)
			return
		}
		k := sha256.Sum256([]byte("token"))
		m := hmac.New(sha256.New, k[:])
		for _, word := range []string{"joined", string(cert.Blob), string(ca.Public.Blob)} {
			m.Write(sshkey.AppendBytes(nil, word))
		}
		fmt.Fprintf(w, "cert=%q ca=%q proof=%x\n", netboot.KeyText(cert), netboot.KeyText(&ca.Public), m.Sum(nil))
	}))
}

// TestWrongClock: who has a clock that is behind by years joins all the same, by a token that is good
// once. No certificate sets the clock back, nor one that a server of the time has set.
func TestWrongClock(t *testing.T) {
	dir := t.TempDir()
	defer func(a, b string) { authority, hostCert = a, b }(authority, hostCert)
	authority, hostCert = filepath.Join(dir, "known"), filepath.Join(dir, "cert")
	var set time.Time
	defer func(f func(*unix.Timeval) error) { settimeofday = f }(settimeofday)
	settimeofday = func(now *unix.Timeval) error { set = time.Unix(now.Unix()); return nil }
	ca, key := keytest.New(t), keytest.New(t)
	for _, c := range []struct {
		years, valid int // when the certificate is made, from now, and for how long
		served, good bool
		says         string
	}{
		{20, 1, false, true, ""},
		{-3, 1, false, false, "expired"},
		{-3, 4, false, true, ""},
		{20, 1, true, false, "not valid before"},
		{0, 1, true, true, ""},
	} {
		at := fmt.Sprintf("%d years, %v", c.years, c.served)
		is := time.Now().AddDate(c.years, 0, 0)
		os.Remove(hostCert)
		if err := os.WriteFile(authority, []byte("@cert-authority * "+ca.Public.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := answersJoin(t, key, ca, is, is.AddDate(c.valid, 0, 0))
		n := &node{log: NewLog(io.Discard), public: key.Public.String(), params: Params{Token: "token", Join: s.URL}}
		if c.served {
			n.params.NTP = timeServer(t, 0)
			if err := n.clock(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		set = time.Time{}
		err := n.join(t.Context())
		s.Close()
		if (err == nil) != c.good || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v", at, err)
		}
		if _, err := os.Stat(hostCert); (err == nil) != c.good {
			t.Errorf("%s: its certificate: %v", at, err)
		}
		if d := set.Sub(is).Abs(); set.IsZero() == (c.years > 0 && c.good) || !set.IsZero() && d > time.Minute {
			t.Errorf("%s: the clock is set to %s", at, set)
		}
	}
}
