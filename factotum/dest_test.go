package factotum

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"ninespace/factotum/sshkey"
)

// TestDestinations has keys of ssh-add -h, which are used for logins where they may be,
// and for nothing else.
func TestDestinations(t *testing.T) {
	x := newAgentTest(t, "")
	key := x.keygen("id", "ed25519")
	x.keygen("elsewhere", "ed25519")
	login := x.sshd(x.read("id.pub"), "AcceptEnv SSH_*\n")
	known := x.write("hosts", "here "+x.read("host.pub")+"there "+x.read("elsewhere.pub"))
	add := func(to ...string) {
		x.Helper()
		args := []string{"-H", known}
		for _, d := range to {
			args = append(args, "-h", d)
		}
		x.run(true, "ssh-add", append(args, key)...)
	}
	in := func(what string, ok bool) {
		x.Helper()
		if out := x.run(ok, "ssh", login...); ok && out != "in\n" {
			x.Errorf("%s: %q", what, out)
		}
	}
	// forwarded is what ssh-add tells at the host, to which the agent is forwarded.
	forwarded := func() string {
		x.Helper()
		return x.run(true, "ssh", append([]string{"-A"}, append(login[:len(login)-1:len(login)-1], "ssh-add -l; true")...)...)
	}
	add("here")
	in("here", true)
	if out := x.run(true, "ssh-add", "-l"); !strings.Contains(out, "id (ED25519)") {
		x.Errorf("here the key is: %s", out)
	}
	if out := forwarded(); !strings.Contains(out, "no identities") {
		x.Errorf("it is not to be seen from there: %s", out)
	}
	x.write("text", "a text\n")
	x.run(false, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", key+".pub", x.path("text"))
	x.run(false, "ssh-add", "-T", key+".pub")
	for _, attrs := range []string{"proto=ssh role=sign", "proto=tls role=client"} {
		o := own(x.f, "")
		rpcs(t, o, "start", attrs, "ok")
		if r := o.rpc("write", tlsContext("client")+strings.Repeat("h", 32)); r != "error "+errRouted.Error() {
			x.Errorf("%s: %q", attrs, r)
		}
		o.close()
	}
	o := own(x.f, "")
	defer o.close()
	if r := o.rpc("start", "proto=ssh role=public"); r != "done" {
		x.Errorf("public: %q", r)
	}
	add("there")
	in("there alone", false)
	add("eve@here")
	in("as another user", false)
	add("r*t@here")
	in("as root", true)
	add("here", "here>there")
	in("onward", true)
	if out := forwarded(); !strings.Contains(out, "id (ED25519)") {
		x.Errorf("it is to be seen from there: %s", out)
	}
	add("here>there") // by way of here, but not from this machine
	in("only from there", false)
	x.run(true, "ssh-add", key) // restricted no more
	in("everywhere", true)
	log := strings.Join(x.f.journal.lines, "\n")
	for _, want := range []string{"a key with destinations, and no session is bound", "not a destination of the key", "key proto=ssh comment=id restrict="} {
		if !strings.Contains(log, want) {
			x.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// routeTo is a route as it goes over the wire.
func routeTo(from string, fromKey *sshkey.Public, user string, to *sshkey.Public, ca bool) []byte {
	flag := byte(0)
	if ca {
		flag = 1
	}
	end := func(user, host string, key *sshkey.Public) []byte {
		b := sshkey.AppendBytes(sshkey.AppendBytes(sshkey.AppendBytes(nil, user), host), "")
		if key != nil {
			b = append(sshkey.AppendBytes(b, key.Blob), flag)
		}
		return b
	}
	b := sshkey.AppendBytes(sshkey.AppendBytes(nil, end("", from, fromKey)), end(user, "host", to))
	return sshkey.AppendBytes(nil, sshkey.AppendBytes(b, ""))
}

// TestRoutes: what is malformed is refused, and what a session may.
func TestRoutes(t *testing.T) {
	newHost := func() (*sshkey.Public, ed25519.PrivateKey) {
		pub, priv, _ := ed25519.GenerateKey(rand.Reader)
		k, err := sshkey.New(pub)
		if err != nil {
			t.Fatal(err)
		}
		return k, priv
	}
	a, _ := newHost()
	b, _ := newHost()
	good := append(routeTo("", nil, "u*", a, false), routeTo("a", a, "", b, false)...)
	routes, err := parseRoutes(base64.StdEncoding.EncodeToString(good))
	if err != nil || len(routes) != 2 {
		t.Fatal(routes, err)
	}
	for n := range good {
		if n == len(routeTo("", nil, "u*", a, false)) {
			continue // the first one alone
		}
		if r, err := parseRoutes(base64.StdEncoding.EncodeToString(good[:n])); err == nil {
			t.Errorf("cut at %d: %v", n, r)
		}
	}
	for name, bad := range map[string][]byte{
		"no key to go to":     routeTo("", nil, "u", nil, false),
		"from without a key":  routeTo("a", nil, "u", a, false),
		"from without a name": routeTo("", a, "u", b, false),
		"more":                append(routeTo("", nil, "u", a, false), 0),
	} {
		if r, err := parseRoutes(base64.StdEncoding.EncodeToString(bad)); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	f := filled(t, Config{}, "")
	_, mine := newHost()
	wire, _ := sshkey.AppendPrivate(nil, mine)
	if err := f.AddSSH(wire, "", Attrs{{Name: "restrict", Value: "AAAA"}}, 0); err == nil {
		t.Error("a key whose destinations are malformed is taken")
	}
	if err := f.AddSSH(wire, "", Attrs{{Name: "restrict", Value: ""}}, 0); err == nil {
		t.Error("a key with no destination is taken")
	}
	if err := f.AddSSH(wire, "", Attrs{{Name: "restrict", Value: base64.StdEncoding.EncodeToString(good)}}, 0); err != nil {
		t.Fatal(err)
	}
	d := f.ring.list()[0].data.(*sshData)
	sid := []byte("session")
	signed := func(session []byte, user, service, method string, host *sshkey.Public) []byte {
		m := sshkey.AppendBytes(append(sshkey.AppendBytes(nil, session), 50), user)
		m = append(sshkey.AppendBytes(sshkey.AppendBytes(m, service), method), 1)
		m = sshkey.AppendBytes(sshkey.AppendBytes(m, "ssh-ed25519"), d.Blob)
		if host != nil {
			m = sshkey.AppendBytes(m, host.Blob)
		}
		return m
	}
	const conn, pk, bound = "ssh-connection", "publickey", "publickey-hostbound-v00@openssh.com"
	toA, viaA, toB := bind{a, sid, false}, bind{a, []byte("first"), true}, bind{b, sid, false}
	for name, v := range map[string]struct {
		binds []bind
		data  []byte
		why   string
	}{
		"to a":                  {[]bind{toA}, signed(sid, "user", conn, pk, nil), ""},
		"to a, named":           {[]bind{toA}, signed(sid, "user", conn, bound, a), ""},
		"as another":            {[]bind{toA}, signed(sid, "root", conn, pk, nil), "not a destination"},
		"named b":               {[]bind{toA}, signed(sid, "user", conn, bound, b), "another host"},
		"to b":                  {[]bind{toB}, signed(sid, "user", conn, bound, b), "not a destination"},
		"to b by a":             {[]bind{viaA, toB}, signed(sid, "root", conn, bound, b), ""},
		"to b by a, not named":  {[]bind{viaA, toB}, signed(sid, "root", conn, pk, nil), "does not name its host"},
		"to a by a":             {[]bind{viaA, toA}, signed(sid, "user", conn, bound, a), "not a destination"},
		"to b by b":             {[]bind{{b, []byte("first"), true}, toB}, signed(sid, "user", conn, bound, b), "not a destination"},
		"over what forwards":    {[]bind{{a, sid, true}}, signed(sid, "user", conn, pk, nil), "over a session that forwards"},
		"behind a login":        {[]bind{toA, toB}, signed(sid, "user", conn, bound, b), "forwarded over a session of a login"},
		"of another session":    {[]bind{toA}, signed([]byte("other"), "user", conn, pk, nil), "another session"},
		"of no session":         {nil, signed(sid, "user", conn, pk, nil), "no session is bound"},
		"no login":              {[]bind{toA}, []byte("a text"), "no login"},
		"of another service":    {[]bind{toA}, signed(sid, "user", "x", pk, nil), "no login"},
		"of another method":     {[]bind{toA}, signed(sid, "user", conn, "password", nil), "no login"},
		"with more behind":      {[]bind{toA}, signed(sid, "user", conn, pk, a), "no login"},
		"host-bound without it": {[]bind{toA}, signed(sid, "user", conn, bound, nil), "no login"},
		"as nobody":             {[]bind{toA}, signed(sid, "", conn, pk, nil), "no login"},
	} {
		err := (&agentConn{binds: v.binds}).mayLogin(d, v.data)
		if (err == nil) != (v.why == "") || err != nil && !strings.Contains(err.Error(), v.why) {
			t.Errorf("%s: %v, want %q", name, err, v.why)
		}
	}
	if err := (&agentConn{badBind: true}).usable(d, ""); err == nil {
		t.Error("a key is seen where the session could not be bound")
	}
}
