package factotum

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"ninespace/factotum/capfs"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestForeignPak has what drawterm's libauthsrv makes of "glenda", "rabbit hole" and two
// numbers x, and a ticket and an authenticator sealed by it.
func TestForeignPak(t *testing.T) {
	k, err := newPakKey("glenda", []byte("rabbit hole"))
	if err != nil {
		t.Fatal(err)
	}
	a := &pak{k: k, client: true, x: unhex(t, "827b746d665f58514a433c352e272019120b04fdf6efe8e1dad3ccc5beb7b0a9a29b948d867f78716a635c554e474039322b241d160f0801")}
	b := &pak{k: k, x: unhex(t, "cec7c0b9b2aba49d968f88817a736c655e575049423b342d261f18110a03fcf5eee7e0d9d2cbc4bdb6afa8a19a938c857e777069625b544d")}
	for p, y := range map[*pak]string{
		a: "12e612ed47d95a84b387ba2e05f8233a45b08cc6efd13fb0ea3fa20a167808ab943001f51e8754588d2339bc1f22e0c1cfba6c1493fd753d",
		b: "0a62f11d0d7a2ea878ac8d6f2f39a10e38ef48d521508831bd392b47ccace8defe545230dbd422e16db554cc180ad243f4b0cb0ffae7eb28",
	} {
		if p.begin(); !bytes.Equal(p.y, unhex(t, y)) {
			t.Errorf("y %x, want %s", p.y, y)
		}
	}
	ka, err := a.finish(b.y)
	if want := "a97f30b76d99526644bc6ff2c28de22946302ea5c0b2e04c5682c322dbd0a94f"; err != nil || hex.EncodeToString(ka) != want {
		t.Errorf("key %x, %v", ka, err)
	}
	if kb, err := b.finish(a.y); err != nil || !bytes.Equal(ka, kb) {
		t.Errorf("key %x, %v", kb, err)
	}
	tk, err := openTicket(sealedTs, ka, unhex(t, "666f726d31205473000000007e677092af3e49f1d0bae9b5326f8964c0ffd7890715031fe365d7ad7b1ad7765cee1b7e0c2693c73a3d5612db89df0a3f809b45700ceda529e0e639dc24ee5065ea00da9fd4a6d5289d75c51359ed2800b74c354923effc96e6a6bd07f1fd5ac19f51e9c45d9b3d543b597494ded3f4"))
	if err != nil || tk.cuid != "glenda" || tk.suid != "glenda" || string(tk.chal[:]) != "12345678" {
		t.Fatalf("ticket %+v, %v", tk, err)
	}
	nonce, err := tk.authentic(sealedAc, []byte("12345678"), unhex(t, "666f726d3120416301000000701134f3c96ccb89985b0d81f357d101ea906d5ebf96e354937175a9b195809e7e9d7a813cd70c4a55a1928b06dfd189a51a70b60654a781"))
	if err != nil || len(nonce) != 32 || nonce[1]-nonce[0] != 7 {
		t.Errorf("authenticator %x, %v", nonce, err)
	}
}

const (
	dpKey    = "proto=dp9ik dom=burrow user=glenda !password='rabbit hole'\n"
	dpClient = "proto=p9any role=client"
	dpServer = "proto=p9any role=server"
)

func TestP9any(t *testing.T) {
	for _, v2 := range []string{"", " v=2"} {
		c, s := pair(t, dpKey, dpKey+"proto=dp9ik dom=other user=bunny !password=x\n", dpClient, dpServer+v2)
		if r := proxy(c, s, nil); r != "done haveai" {
			t.Fatalf("%s: %s", v2, r)
		}
		a, b := info(t, c.rpc("authinfo", "")), info(t, s.rpc("authinfo", ""))
		if a[0] != "glenda" || a[1] != "glenda" || len(a[3]) != 256 || a[3] != b[3] || b[0] != "glenda" || b[1] != "glenda" {
			t.Errorf("authinfo %.3q and %.3q", a, b)
		}
		if r := s.rpc("attr", ""); r != "ok proto=dp9ik role=server dom=burrow" {
			t.Errorf("attr: %q", r)
		}
	}
}

// TestSpeakfor: by a key of factotum's owner that is for it a user is himself, and nobody
// else.
func TestSpeakfor(t *testing.T) {
	const key = "proto=dp9ik dom=burrow user=bootes role=speakfor !password='rabbit hole'\n"
	server := strings.Replace(key, " role=speakfor", "", 1)
	for _, v := range []struct{ user, keys, role, want string }{
		{"alice", key, "speakfor", "done haveai"},
		{"bob", key, "speakfor", "done haveai"},
		{"alice", key, "client", "needkey proto=dp9ik role=client dom=burrow user? !password?"},
		{"alice", server, "speakfor", "needkey proto=dp9ik role=speakfor dom=burrow user? !password?"},
		{"alice", strings.Replace(key, "speakfor", "client owner=*", 1), "speakfor", "needkey"},
		{strings.Repeat("x", 28), key, "speakfor", "error user name is too long"},
	} {
		c, s := own(filled(t, Config{Owner: "bootes"}, v.keys), v.user), own(filled(t, Config{}, server), "")
		rpcs(t, c, "start", "proto=p9any role="+v.role, "ok")
		rpcs(t, s, "start", dpServer, "ok")
		if r := proxy(c, s, nil); !strings.HasPrefix(r, v.want) {
			t.Errorf("%s: %s", v.role, r)
		} else if v.want == "done haveai" {
			if f := info(t, s.rpc("authinfo", "")); f[0] != v.user || f[1] != v.user {
				t.Errorf("%s is %.2q", v.user, f)
			}
		}
		c.close()
		s.close()
	}
}

// TestCapability: a server gets a capability that a broker takes, once.
func TestCapability(t *testing.T) {
	var got string
	b := capfs.NewBroker(capfs.Config{Start: func(_ context.Context, _, to string) error { got = to; return nil }})
	root := srvtest.Mount(t, b, true)
	write := func(ctx context.Context, name string, p []byte) error {
		f, err := root.WalkOpen(ctx, p9.OWRITE, name)
		if err != nil {
			return err
		}
		defer f.Clunk(ctx)
		_, err = f.Write(ctx, p, 0)
		return err
	}
	var down error
	cfg := Config{Caphash: func(ctx context.Context, hash []byte) error {
		if down != nil {
			return down
		}
		return write(ctx, "caphash", hash)
	}}
	once := func() string {
		t.Helper()
		c, s := own(filled(t, Config{}, dpKey), ""), own(filled(t, cfg, dpKey), "")
		defer c.close()
		defer s.close()
		s.r.user.name = s.r.f.cfg.Owner
		if a, b := c.rpc("start", dpClient), s.rpc("start", dpServer); a != "ok" || b != "ok" {
			t.Fatal(a, b)
		}
		if r := proxy(c, s, nil); r != "done haveai" {
			t.Fatal(r)
		}
		if mine := info(t, c.rpc("authinfo", "")); mine[2] != "" {
			t.Errorf("the client has a capability: %s", mine[2])
		}
		capability := info(t, s.rpc("authinfo", ""))[2]
		if again := info(t, s.rpc("authinfo", ""))[2]; again != capability && down == nil {
			t.Errorf("another one each time: %s, %s", capability, again)
		}
		return capability
	}
	c := once()
	if err := write(t.Context(), "capuse", []byte(c)); err != nil || got != "glenda@burrow" {
		t.Errorf("%s: %q, %v", c, got, err)
	}
	if err := write(t.Context(), "capuse", []byte(c)); err == nil {
		t.Error("used twice")
	}
	down = errors.New("no broker")
	if c := once(); c != "" {
		t.Errorf("without a broker: %s", c)
	}
}

func TestP9anyRefuses(t *testing.T) {
	for name, v := range map[string]struct{ client, server, attrs, c string }{
		"password": {strings.ReplaceAll(dpKey, "rabbit", "rabbjt"), dpKey, "", ""},
		"user":     {strings.ReplaceAll(dpKey, "glenda", "eve"), dpKey, "", "error no authentication server for burrow, and the server's user is glenda, not eve"},
		"no key":   {"", dpKey, "", "needkey proto=dp9ik role=client dom=burrow user? !password?"},
		"domain":   {dpKey, dpKey, " dom=other", "error the server offers no protocol that both have"},
		"other":    {dpKey, dpKey, " user=eve", "needkey proto=dp9ik role=client user=eve dom=burrow !password?"},
	} {
		c, s := pair(t, v.client, v.server, dpClient+v.attrs, dpServer)
		r := proxy(c, s, nil)
		if !strings.HasPrefix(r, v.c) || strings.Contains(r, "done haveai/") || strings.HasSuffix(r, "done haveai") {
			t.Errorf("%s: %s", name, r)
		}
		if v.c == "" && r != "/error authentication failed" {
			t.Errorf("%s: %s", name, r)
		}
		if r := s.rpc("authinfo", ""); !strings.HasPrefix(r, "error") {
			t.Errorf("%s: authinfo %q", name, r)
		}
	}
	s := own(filled(t, Config{}, "proto=pass user=u !password=p\n"), "")
	defer s.close()
	if r := s.rpc("start", dpServer); r != "error no key for dp9ik with a dom=" {
		t.Errorf("no key: %s", r)
	}
	c := own(filled(t, Config{}, dpKey), "")
	defer c.close()
	for offer, want := range map[string]string{
		"p9sk1@burrow":        "error protocol p9sk1 is refused",
		"":                    "error the server offers no protocol",
		"v.3 dp9ik@":          "error",
		"rot13@x":             "error unknown protocol rot13",
		"dp9ik@a b dp9ik@'c'": "ok",
	} {
		rpcs(t, c, "start", dpClient, "ok")
		if r := c.rpc("write", offer+"\x00"); !strings.HasPrefix(r, want) {
			t.Errorf("%q: %q", offer, r)
		}
	}
}

// TestDp9ikAltered changes each message of the exchange at each byte, cuts it there, and
// replays and reflects messages: nothing of it gets anybody in, and all is logged.
func TestDp9ikAltered(t *testing.T) {
	cf, sf := filled(t, Config{}, dpKey), filled(t, Config{}, dpKey)
	play := func(change func(i int, msg string) (string, bool)) string {
		c, s := own(cf, ""), own(sf, "")
		defer c.close()
		defer s.close()
		rpcs(t, c, "start", "proto=dp9ik role=client dom=burrow", "ok")
		rpcs(t, s, "start", "proto=dp9ik role=server", "ok")
		return proxy(c, s, change)
	}
	var whole []string
	if r := play(func(_ int, msg string) (string, bool) { whole = append(whole, msg); return msg, true }); r != "done haveai" {
		t.Fatal(r)
	}
	if len(whole) != 5 {
		t.Fatalf("%d messages", len(whole))
	}
	in := func(r string) bool { // somebody is in, and he should not be
		c, s, two := strings.Cut(r, "/")
		return !two && c == "done haveai" || strings.HasPrefix(s, "done")
	}
	for m, msg := range whole {
		step := max(1, len(msg)/12)
		if os.Getenv("NINE_LONG") != "" {
			step = 1
		}
		for at := 0; at < len(msg); at += step {
			r := play(func(i int, msg string) (string, bool) {
				if i == m {
					b := []byte(msg)
					b[at] ^= 1
					msg = string(b)
				}
				return msg, true
			})
			// By the last message and what answers the first the server proves himself: it is
			// the client who refuses then.
			if m > 0 && m < 4 && in(r) || strings.HasPrefix(r, "done") {
				t.Errorf("message %d, byte %d changed: %s", m, at, r)
			}
			r = play(func(i int, msg string) (string, bool) {
				if i == m {
					return msg[:at], true
				}
				return msg, i < m
			})
			if m < 4 && in(r) || m == 4 && strings.HasPrefix(r, "done") {
				t.Errorf("message %d cut at %d: %s", m, at, r)
			}
		}
		r := play(func(i int, msg string) (string, bool) {
			if i == m {
				return whole[m], true // of another conversation
			}
			return msg, true
		})
		if m > 0 && m < 4 && in(r) {
			t.Errorf("message %d replayed: %s", m, r)
		}
	}
	r := play(func(i int, msg string) (string, bool) {
		switch i {
		case 2:
			return whole[1][treqLen:], true // the server's own point
		}
		return msg, true
	})
	if in(r) {
		t.Errorf("reflected: %s", r)
	}
	text := strings.Join(sf.journal.lines, "\n")
	for _, want := range []string{"refused: message sealed with another key", "refused: message of another conversation", "refused: no point of the curve"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log has no %q", want)
		}
	}
}

// TestAuthServer has an authentication server give the tickets.
func TestAuthServer(t *testing.T) {
	server, _ := newPakKey("glenda", []byte("rabbit hole"))
	client, _ := newPakKey("alice", []byte("looking glass"))
	for name, v := range map[string]struct {
		say  string // instead of the tickets
		key  *pakKey
		want string
	}{
		"right":    {"", client, "done haveai"},
		"password": {"", server, "badkey proto=dp9ik role=client dom=burrow user? !password?"},
		"refuses":  {"\x05no such user" + strings.Repeat("\x00", 52), client, "error authentication server of burrow: no such user"},
		"botched":  {"\x09", client, "error"},
	} {
		dial := func(context.Context, string) (net.Conn, error) {
			a, b := net.Pipe()
			go func() {
				defer b.Close()
				p := make([]byte, treqLen+2*feBytes)
				if _, err := readFull(b, p); err != nil {
					return
				}
				toServer, toClient := newPak(server, false), newPak(v.key, false)
				ks, err1 := toServer.finish(p[treqLen : treqLen+feBytes])
				kc, err2 := toClient.finish(p[treqLen+feBytes:])
				if err1 != nil || err2 != nil {
					return
				}
				b.Write(append(append([]byte{authOK}, toServer.y...), toClient.y...))
				if _, err := readFull(b, p[:treqLen]); err != nil {
					return
				}
				if v.say != "" {
					b.Write([]byte(v.say))
					return
				}
				req := parseTicketReq(p)
				tk := &ticket{chal: req.chal, cuid: req.hostid, suid: req.uid}
				rand.Read(tk.key[:])
				b.Write(tk.seal(tk.seal([]byte{authOK}, sealedTc, kc), sealedTs, ks))
			}()
			return a, nil
		}
		c := own(filled(t, Config{AuthDial: dial}, "proto=dp9ik dom=burrow user=alice !password='looking glass'\n"), "")
		s := own(filled(t, Config{}, dpKey), "")
		defer c.close()
		defer s.close()
		rpcs(t, c, "start", dpClient, "ok")
		rpcs(t, s, "start", dpServer, "ok")
		if r := proxy(c, s, nil); !strings.HasPrefix(r, v.want) {
			t.Errorf("%s: %s", name, r)
		}
		if name == "right" {
			if f := info(t, s.rpc("authinfo", "")); f[0] != "alice" || f[1] != "alice" {
				t.Errorf("authinfo %.2q", f)
			}
		}
		if disabled := strings.Contains(c.r.f.ring.text(), "disabled=by.factotum"); disabled != (name == "password") {
			t.Errorf("%s: disabled %v", name, disabled)
		}
	}
}

func readFull(c net.Conn, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = c.Read(p[n:])
		n += m
	}
	if n == len(p) {
		err = nil
	}
	return n, err
}

// FuzzP9any plays what a stranger may send to either role.
func FuzzP9any(f *testing.F) {
	f.Add([]byte("dp9ik@burrow\x00"), false)
	f.Add([]byte("v.2 dp9ik@burrow p9sk1@x\x00OK\x00"), false)
	f.Add([]byte("dp9ik burrow\x00"+strings.Repeat("c", 8+56+192)), true)
	f.Fuzz(func(t *testing.T, in []byte, server bool) {
		attrs := dpClient
		if server {
			attrs = dpServer
		}
		o := own(filled(t, Config{}, dpKey), "")
		defer o.close()
		rpcs(t, o, "start", attrs, "ok")
		for range 20 {
			r := o.rpc("read", "")
			if strings.HasPrefix(r, "ok") {
				continue
			}
			if !strings.HasPrefix(r, "phase") {
				if strings.HasPrefix(r, "done") {
					t.Fatalf("%q gets in", in)
				}
				break
			}
			n := 0
			for n <= len(in) {
				r = o.rpc("write", string(in[:n]))
				short, ok := strings.CutPrefix(r, "toosmall ")
				if !ok {
					break
				}
				m := 0
				for _, d := range short {
					m = m*10 + int(d-'0')
				}
				if m <= n {
					t.Fatalf("toosmall %d of %d", m, n)
				}
				n = m
			}
			if n > len(in) || r != "ok" {
				break
			}
			in = in[n:]
		}
	})
}

// TestFits: a name that a server says is shown on terminals.
func TestFits(t *testing.T) {
	for _, s := range []string{"", "toolong", "a b", "a\tb", "a\nb", "a\x00b", "a\x1bb", "a\rb", "a\x7fb", "a\u009bb", "a\u202eb", "a\x9bb"} {
		if fits(s, 7) {
			t.Errorf("%q fits", s)
		}
	}
	for _, s := range []string{"a.b-c", "o'x;y!", "größe"} {
		if !fits(s, 8) {
			t.Errorf("%q does not fit", s)
		}
	}
}
