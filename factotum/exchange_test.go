package factotum

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
)

// pair makes two sides of a protocol, each of its own factotum.
func pair(t *testing.T, clientKeys, serverKeys, clientAttrs, serverAttrs string) (c, s *ownTalk) {
	t.Helper()
	c, s = own(filled(t, Config{}, clientKeys), ""), own(filled(t, Config{}, serverKeys), "")
	t.Cleanup(c.close)
	t.Cleanup(s.close)
	for _, x := range []struct {
		o     *ownTalk
		attrs string
	}{{c, clientAttrs}, {s, serverAttrs}} {
		if r := x.o.rpc("start", x.attrs); r != "ok" {
			t.Fatalf("start %s: %s", x.attrs, r)
		}
	}
	return c, s
}

func rpcs(t *testing.T, o talk, verb, data, want string) string {
	t.Helper()
	r := o.rpc(verb, data)
	got, rest, _ := strings.Cut(r, " ")
	if got != want {
		t.Fatalf("%s %q: %q, want %s", verb, data, r, want)
	}
	return rest
}

// relayed plays the three messages of apop and cram.
func relayed(t *testing.T, c, s talk) (client, server string) {
	t.Helper()
	chal := rpcs(t, s, "read", "", "ok")
	rpcs(t, c, "write", chal, "ok")
	rpcs(t, s, "write", rpcs(t, c, "read", "", "ok"), "ok")
	rpcs(t, s, "write", rpcs(t, c, "read", "", "ok"), "ok")
	verdict := rpcs(t, s, "read", "", "ok")
	if client = c.rpc("write", verdict); client == "ok" {
		client = c.rpc("read", "")
	}
	return client, s.rpc("read", "")
}

func TestChallenge(t *testing.T) {
	for _, proto := range []string{"apop", "cram"} {
		key := "proto=" + proto + " user=tim !password=tanstaaftanstaaf\n"
		for name, v := range map[string]struct{ server, c, s string }{
			"right":   {key, "done", "done haveai"},
			"wrong":   {strings.ReplaceAll(key, "taaf", "toof"), "badkey proto=" + proto + " role=client user? !password?", "error authentication failed"},
			"unknown": {strings.ReplaceAll(key, "tim", "tom"), "badkey proto=" + proto + " role=client user? !password?", "error authentication failed"},
		} {
			c, s := pair(t, key, v.server, "proto="+proto+" role=client", "proto="+proto+" role=server")
			if cr, sr := relayed(t, c, s); cr != v.c || sr != v.s {
				t.Errorf("%s, %s: %q, %q", proto, name, cr, sr)
			}
			// Libauth asks for the key and asks again: it has to come to an end.
			if again := c.rpc("read", ""); name != "right" && !strings.HasPrefix(again, "error bad key: ") {
				t.Errorf("%s, %s: then %q", proto, name, again)
			}
			if name == "right" {
				if f := info(t, s.rpc("authinfo", "")); f[0] != "tim" || f[1] != "tim" {
					t.Errorf("%s: authinfo %q", proto, f)
				}
			} else if strings.Contains(s.r.f.ring.text(), "disabled") {
				t.Errorf("%s: a stranger disables a key", proto)
			}
		}
	}
	// The RFCs' own examples: 1939, 7; 2195, 2.
	apop := apopDigest([]byte("tanstaaf"), "<1896.697170952@dbc.mtview.ca.us>")
	cram := cramDigest([]byte("tanstaaftanstaaf"), "<1896.697170952@postoffice.reston.mci.net>")
	if fmt.Sprintf("%x %x", apop, cram) != "c4c9334bac560ecc979e58001b3e22fb b913a602c7eda7a495b4e6e7334d3890" {
		t.Errorf("apop %x, cram %x", apop, cram)
	}
}

// TestTOTP has the vectors of RFC 6238, appendix B.
func TestTOTP(t *testing.T) {
	defer func(old func() time.Time) { now = old }(now)
	secrets := map[string]string{
		"SHA1":   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"SHA256": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
		"SHA512": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA",
	}
	for _, v := range []struct {
		at        int64
		algorithm string
		code      string
	}{
		{59, "SHA1", "94287082"}, {59, "SHA256", "46119246"}, {59, "SHA512", "90693936"},
		{1111111109, "SHA1", "07081804"}, {1111111109, "SHA256", "68084774"}, {1111111109, "SHA512", "25091201"},
		{1111111111, "SHA1", "14050471"}, {1111111111, "SHA256", "67062674"}, {1111111111, "SHA512", "99943326"},
		{1234567890, "SHA1", "89005924"}, {1234567890, "SHA256", "91819424"}, {1234567890, "SHA512", "93441116"},
		{2000000000, "SHA1", "69279037"}, {2000000000, "SHA256", "90698825"}, {2000000000, "SHA512", "38618901"},
		{20000000000, "SHA1", "65353130"}, {20000000000, "SHA256", "77737706"}, {20000000000, "SHA512", "47863826"},
	} {
		now = func() time.Time { return time.Unix(v.at, 0) }
		key := "proto=totp user=u digits=8 algorithm=" + v.algorithm + " !secret=" + secrets[v.algorithm] + "\n"
		c, s := pair(t, key, key, "proto=totp role=client", "proto=totp role=server")
		code := rpcs(t, c, "read", "", "ok")
		if code != v.code {
			t.Errorf("%s at %d: %s, want %s", v.algorithm, v.at, code, v.code)
		}
		now = func() time.Time { return time.Unix(v.at+30, 0) } // a clock may be slow
		rpcs(t, s, "write", code, "ok")
		rpcs(t, s, "read", "", "done")
		s.rpc("start", "proto=totp role=server") // none is taken twice
		if r := s.rpc("write", code); r != "error authentication failed" {
			t.Errorf("replayed: %s", r)
		}
		now = func() time.Time { return time.Unix(v.at+90, 0) }
		s.rpc("start", "proto=totp role=server")
		if r := s.rpc("write", code); r != "error authentication failed" {
			t.Errorf("too late: %s", r)
		}
	}
	for _, bad := range []string{"!secret=1", "!secret=GEZDGNBV digits=5", "!secret=GEZDGNBV period=0", "!secret=GEZDGNBV algorithm=MD5", "user=x"} {
		if err := New(Config{}).Ctl("key proto=totp " + bad); err == nil || strings.Contains(err.Error(), "GEZ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestOathtool compares with another program.
func TestOathtool(t *testing.T) {
	oathtool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Skip("oathtool is not here: Debian's package oathtool")
	}
	at := time.Now()
	defer func(old func() time.Time) { now = old }(now)
	now = func() time.Time { return at }
	for _, algorithm := range []string{"SHA1", "SHA256", "SHA512"} {
		for digits := 6; digits <= 8; digits++ {
			out, err := exec.Command(oathtool, "--totp="+algorithm, "-b", "-d", fmt.Sprint(digits),
				"-N", at.UTC().Format("2006-01-02 15:04:05 UTC"), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").Output()
			if err != nil {
				t.Fatal(err)
			}
			c := own(filled(t, Config{}, fmt.Sprintf("proto=totp digits=%d algorithm=%s !secret='jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp'\n", digits, algorithm)), "")
			defer c.close()
			rpcs(t, c, "start", "proto=totp role=client", "ok")
			if code := rpcs(t, c, "read", "", "ok"); code != strings.TrimSpace(string(out)) {
				t.Errorf("%s, %d digits: %s, oathtool %s", algorithm, digits, code, out)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	key := "proto=httpdigest realm=http-auth@example.org user=Mufasa !password='Circle of Life'\n"
	for _, v := range [][2]string{ // RFC 7616, 3.9.1
		{"MD5", "8ca523f5e9506fed4657c9700eebdbec"},
		{"SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	} {
		c := own(filled(t, Config{}, key), "")
		defer c.close()
		rpcs(t, c, "start", "proto=httpdigest role=client realm=http-auth@example.org", "ok")
		rpcs(t, c, "write", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v GET /dir/index.html qop=auth nc=00000001 cnonce=f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ algorithm="+v[0], "ok")
		if r := rpcs(t, c, "read", "", "ok"); r != v[1] {
			t.Errorf("%s: %s", v[0], r)
		}
	}
	// RFC 2617, 3.5, and RFC 2069's way (with the erratum's response).
	if r, err := digestOf("Mufasa", "testrealm@host.com", []byte("CircleOfLife"), "dcd98b7102dd2f0e8b11d0f600bfb0c093", "GET", "/dir/index.html", nil); err != nil || r != "1949323746fe6a43ef61f9606e7febea" {
		t.Error(r, err)
	}
	c, s := pair(t, key, key, "proto=httpdigest role=client", "proto=httpdigest role=server realm=http-auth@example.org")
	nonce := rpcs(t, s, "read", "", "ok")
	rpcs(t, c, "write", nonce+" GET /x qop=auth nc=1 cnonce=c", "ok")
	resp := rpcs(t, c, "read", "", "ok")
	rpcs(t, s, "write", "Mufasa "+resp+" GET /x qop=auth nc=1 cnonce=c", "ok")
	if r := s.rpc("read", ""); r != "ok ok" || s.rpc("read", "") != "done haveai" {
		t.Error(r)
	}
	for _, bad := range []string{"Mufasa " + resp + " GET /x qop=auth nc=1 cnonce=c", "Mufasa " + resp + " GET", "x", "Mufasa " + resp + " GET /x qop=auth-int", "Mufasa x GET /x algorithm=ROT13"} {
		rpcs(t, s, "start", "proto=httpdigest role=server realm=http-auth@example.org", "ok")
		rpcs(t, s, "read", "", "ok")
		r := s.rpc("write", bad)
		if r == "ok" {
			r = s.rpc("read", "")
		}
		if r != "ok bad" && !strings.HasPrefix(r, "error") {
			t.Errorf("%q: %q", bad, r)
		}
	}
}

// TestCurl has curl authenticate to a server that asks our factotum.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not here: Debian's package curl")
	}
	f := filled(t, Config{}, "proto=httpdigest realm=burrow user=glenda !password='rabbit hole'\n")
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		talks := map[string]*ownTalk{}
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := map[string]string{}
			fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
			for _, p := range strings.Split(fields, ",") {
				name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
				h[name] = strings.Trim(value, `"`)
			}
			if s := talks[h["nonce"]]; ok && s != nil {
				delete(talks, h["nonce"])
				defer s.close()
				s.rpc("write", fmt.Sprintf("%s %s %s %s qop=%s nc=%s cnonce=%s algorithm=%s", srv.Quote(h["username"]), h["response"], r.Method, srv.Quote(h["uri"]), h["qop"], h["nc"], srv.Quote(h["cnonce"]), algorithm))
				if s.rpc("read", "") == "ok ok" {
					fmt.Fprintln(w, "hello", info(t, s.rpc("authinfo", ""))[0])
					return
				}
			}
			s := own(f, "")
			s.rpc("start", "proto=httpdigest role=server realm=burrow")
			_, nonce, _ := strings.Cut(s.rpc("read", ""), " ")
			talks[nonce] = s
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="burrow", qop="auth", algorithm=%s, nonce="%s"`, algorithm, nonce))
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}))
		for password, want := range map[string]string{"rabbit hole": "hello glenda", "fox hole": "who are you?"} {
			out, err := exec.Command(curl, "-s", "--digest", "-u", "glenda:"+password, web.URL+"/a?b=c").Output()
			if err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("%s, %s: %q, %v", algorithm, password, out, err)
			}
		}
		web.Close()
		for _, s := range talks {
			s.close()
		}
	}
}

// TestBadVerbs: what is no request is an error, and a line of the log that has not what
// may be a secret.
func TestBadVerbs(t *testing.T) {
	for _, req := range []string{"", " ", "sesame", "READ", "start", "start proto", "start proto=none", "start proto=pass role=server", "start =", "start a='",
		"start proto=pass !password=sesame", "read sesame", "write", "writehex", "once", "once proto=pass", "authinfo", "sesame proto=pass", "start\nproto=pass", "\x00\xff"} {
		f := filled(t, Config{}, fuzzKeys)
		o := own(f, "")
		r := o.r.do(t.Context(), []byte(req))
		if !strings.HasPrefix(r, "error ") && r != "protocol not started" || strings.Contains(r, "sesame") {
			t.Errorf("%q: %q", req, r)
		}
		log := strings.Join(f.journal.lines, "\n")
		if strings.Contains(log, "sesame") || strings.Contains(r, "verb") && !strings.Contains(log, "unknown verb") {
			t.Errorf("%q: the log is %s", req, log)
		}
		o.close()
	}
}

// FuzzRPC plays requests, a line each, and looks for secrets in the replies.
func FuzzRPC(f *testing.F) {
	f.Add([]byte("start proto=cram role=client\nwrite <x@y>\nread\nread\nwrite ok\nread\nauthinfo\nattr"))
	f.Add([]byte("start proto=httpdigest role=server realm=r\nread\nwrite u 0 GET / qop=auth\nread"))
	f.Add([]byte("start proto=totp role=server\nwrite 123456\nreadhex\nwritehex 00"))
	f.Add([]byte("start proto=apop role=server\nread\nwrite u\nwrite 00112233445566778899aabbccddeeff\nread"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fac := filled(t, Config{}, fuzzKeys)
		o := own(fac, "")
		defer o.close()
		for i, line := range bytes.Split(text, []byte("\n")) {
			if i == 100 {
				break
			}
			if strings.HasPrefix(string(line), "start") && strings.Contains(string(line), "pass") {
				continue // which hands it out
			}
			r := o.r.do(t.Context(), line)
			if r == "" || strings.Contains(r, "sesame") {
				t.Fatalf("%q: %q", line, r)
			}
		}
	})
}

const fuzzKeys = `proto=cram proto=apop user=u !password=sesame
proto=httpdigest user=u realm=r !password=sesame
proto=totp user=u !secret=GEZDGNBVGY3TQOJQ
proto=pass user=u !password=sesame
`
