package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ninespace/factotum"
	"ninespace/factotum/sshkey"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// serve serves a factotum at a socket and connects to it.
func serve(t testing.TB, keys ...string) (*factotum.Factotum, *Factotum) {
	t.Helper()
	return serveIn(t, t.TempDir(), keys...)
}

// serveIn does so in a directory, which may be the name space's.
func serveIn(t testing.TB, dir string, keys ...string) (*factotum.Factotum, *Factotum) {
	t.Helper()
	f := factotum.New(factotum.Config{})
	for _, k := range keys {
		if err := f.Ctl("key " + k); err != nil {
			t.Fatal(err)
		}
	}
	sock := "unix!" + filepath.Join(dir, "factotum")
	l, err := srv.Announce(sock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.New(f).Serve(ctx, l) }()
	a, err := Dial(ctx, sock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		cancel()
		<-done
		f.Close()
	})
	return f, a
}

const dpKey = "proto=dp9ik dom=burrow user=glenda !password='rabbit hole'"

// TestRefused: with a factotum too, who is refused by a server that has no authentication hears
// what the server says of that, and not of the question for it.
func TestRefused(t *testing.T) {
	srvtest.CheckGoroutines(t)
	t.Setenv("NAMESPACE", t.TempDir())
	serveIn(t, p9.Namespace(), dpKey)
	s := &srv.Server{
		Attach: func(context.Context, string, string) (srv.File, error) { return nil, p9.ErrNoAuth },
		Auth:   func(context.Context, string, string) (srv.AuthFile, error) { return nil, syscall.ENOSYS },
	}
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		c, err := client.New(t.Context(), srvtest.Serve(t, s), &client.Options{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := Attach(t.Context(), c, "glenda", "", "", nil); err == nil || !strings.Contains(err.Error(), "authentication failed") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// TestAttach authenticates 9P's attach by dp9ik.
func TestAttach(t *testing.T) {
	srvtest.CheckGoroutines(t)
	_, server := serve(t, dpKey)
	s := srv.New(srv.NewDir().Add("hello", srv.Const("hello\n")))
	s.Auth = func(ctx context.Context, uname, aname string) (srv.AuthFile, error) {
		return server.Auth(ctx, uname, aname)
	}
	for _, version := range []string{p9.Version9P2000, p9.Version9P2000L} {
		for name, v := range map[string]struct {
			key, uname, attrs string
			ok                bool
		}{
			"right":      {dpKey, "glenda", "", true},
			"another":    {dpKey, "eve", "", true}, // who comes in is the key's user
			"named":      {dpKey, "eve", "dom=burrow user=glenda", true},
			"user":       {dpKey, "eve", "user=eve", false},
			"domain":     {dpKey, "glenda", "dom=warren", false},
			"password":   {strings.Replace(dpKey, "hole", "whole", 1), "glenda", "", false},
			"other user": {strings.Replace(dpKey, "glenda", "eve", 1), "eve", "", false},
			"none":       {"proto=pass user=x !password=x", "glenda", "", false},
		} {
			_, mine := serve(t, v.key)
			c, err := client.New(t.Context(), srvtest.Serve(t, s), &client.Options{Version: version})
			if err != nil {
				t.Fatal(err)
			}
			root, err := mine.Attach(t.Context(), c, v.uname, "", v.attrs)
			if (err == nil) != v.ok {
				t.Errorf("%s, %s: %v", version, name, err)
			}
			if err == nil {
				if _, err := root.Walk(t.Context(), "hello"); err != nil {
					t.Error(err)
				}
			}
			if _, err := c.Attach(t.Context(), nil, "glenda", ""); err == nil {
				t.Errorf("%s, %s: attached without", version, name)
			}
			c.Close()
		}
	}
	open := srvtest.MountServer(t, srv.New(srv.NewDir()), false)
	_, mine := serve(t)
	if _, err := mine.Attach(t.Context(), open.Conn(), "glenda", "", ""); err != nil {
		t.Errorf("a server that asks for nothing: %v", err)
	}
}

// TestBound: the server is asked within bounds, and a person for the key outside of them.
func TestBound(t *testing.T) {
	srvtest.CheckGoroutines(t)
	t.Setenv("NAMESPACE", t.TempDir())
	f, a := serveIn(t, p9.Namespace())
	_, server := serve(t, dpKey)
	s := srv.New(srv.NewDir().Add("hello", srv.Const("hello\n")))
	s.Auth = func(ctx context.Context, uname, aname string) (srv.AuthFile, error) {
		return server.Auth(ctx, uname, aname)
	}
	var open, all atomic.Int32
	var past int32 // the bound that has ended
	bound := func(ctx context.Context) (context.Context, func()) {
		open.Add(1)
		cancel := func() {}
		if all.Add(1) == past {
			ctx, cancel = context.WithDeadline(ctx, time.Unix(1, 0))
		}
		return ctx, func() { cancel(); open.Add(-1) }
	}
	attach := func() error {
		all.Store(0)
		version := true
		c, err := client.New(t.Context(), srvtest.Serve(t, s), &client.Options{Trace: func(line string) {
			if version = version && strings.Contains(line, "version"); !version && strings.HasPrefix(line, "->") && open.Load() == 0 {
				t.Errorf("outside of a bound: %s", line)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = Attach(t.Context(), c, "glenda", "", "", bound)
		return err
	}
	asking, err := a.root.WalkOpen(t.Context(), p9.ORDWR, "needkey")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- attach() }()
	p := make([]byte, 1000)
	n, err := asking.Read(t.Context(), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	if open.Load() != 0 {
		t.Error("a bound holds while a person is asked")
	}
	if err := f.Ctl("key " + dpKey); err != nil {
		t.Fatal(err)
	}
	if _, err := asking.Write(t.Context(), []byte(strings.Fields(string(p[:n]))[1]), 0); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for past = 1; past <= 4; past++ {
		if err := attach(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("late at answer %d: %v", past, err)
		}
	}
}

// TestProxy authenticates both ends of a stream, and leaves what follows in it.
func TestProxy(t *testing.T) {
	_, a := serve(t, dpKey)
	_, b := serve(t, dpKey)
	x, y := srvtest.Pair(t)
	defer x.Close()
	defer y.Close()
	type result struct {
		info *Info
		err  error
	}
	done := make(chan result, 1)
	go func() {
		info, err := b.Proxy(t.Context(), y, "proto=p9any role=server")
		y.Write([]byte("more"))
		done <- result{info, err}
	}()
	info, err := a.Proxy(t.Context(), x, "proto=p9any role=client")
	r := <-done
	if err != nil || r.err != nil {
		t.Fatal(err, r.err)
	}
	if info.Cuid != "glenda" || r.info.Cuid != "glenda" || len(info.Secret) != 256 || string(info.Secret) != string(r.info.Secret) {
		t.Errorf("%q and %q", info.Cuid, r.info.Cuid)
	}
	p := make([]byte, 4)
	if _, err := io.ReadFull(x, p); err != nil || string(p) != "more" {
		t.Errorf("%q, %v", p, err)
	}
	var need *NeedKeyError
	if _, err := a.Start(t.Context(), "proto=pass server=nowhere"); !errors.As(err, &need) || need.Template != "proto=pass server=nowhere user? !password?" {
		t.Errorf("no key: %v", err)
	}
}

func keyPair(t testing.TB, k crypto.Signer) (wire []byte, pub *sshkey.Public) {
	t.Helper()
	wire, err := sshkey.AppendPrivate(nil, k)
	if err != nil {
		t.Fatal(err)
	}
	if pub, err = sshkey.New(k.Public()); err != nil {
		t.Fatal(err)
	}
	return wire, pub
}

func line(k *sshkey.Public) string {
	r := &sshkey.Reader{B: k.Blob}
	return r.String() + " " + base64.StdEncoding.EncodeToString(k.Blob)
}

// certify has a CA sign a key, by x/crypto/ssh.
func certify(t testing.TB, ca ed25519.PrivateKey, k *sshkey.Public, kind uint32, principal string, before time.Time, critical map[string]string) []byte {
	t.Helper()
	s, err := ssh.NewSignerFromKey(ca)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: pub, CertType: kind, ValidPrincipals: []string{principal}, ValidBefore: uint64(before.Unix()), Permissions: ssh.Permissions{CriticalOptions: critical}}
	if err := c.SignCert(rand.Reader, s); err != nil {
		t.Fatal(err)
	}
	return c.Marshal()
}

// TestTLS makes connections of which both keys are in factotums.
func TestTLS(t *testing.T) {
	srvtest.CheckGoroutines(t)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, caKey, _ := ed25519.GenerateKey(rand.Reader)
	_, ca := keyPair(t, caKey)
	serverWire, serverPub := keyPair(t, ed)
	clientWire, clientPub := keyPair(t, ec)
	hour := time.Now().Add(time.Hour)
	hostCert, err := sshkey.WithCert(serverWire, certify(t, caKey, serverPub, sshkey.HostCert, "node", hour, nil))
	if err != nil {
		t.Fatal(err)
	}
	userCert, err := sshkey.WithCert(clientWire, certify(t, caKey, clientPub, sshkey.UserCert, "glenda", hour, map[string]string{"force-command": "date"}))
	if err != nil {
		t.Fatal(err)
	}
	old, err := sshkey.WithCert(clientWire, certify(t, caKey, clientPub, sshkey.UserCert, "glenda", time.Now().Add(-time.Minute), nil))
	if err != nil {
		t.Fatal(err)
	}
	oldHost, err := sshkey.WithCert(serverWire, certify(t, caKey, serverPub, sshkey.HostCert, "node", time.Now().Add(-time.Minute), nil))
	if err != nil {
		t.Fatal(err)
	}
	host := HostName("node", "17011")
	for name, v := range map[string]struct {
		server, client    []byte
		authorized, known string
		command           string
		ok                bool
	}{
		"keys":          {serverWire, clientWire, line(clientPub), host + " " + line(serverPub), "", true},
		"command":       {serverWire, clientWire, `command="ls \"a\"",restrict ` + line(clientPub), host + " " + line(serverPub), `ls "a"`, true},
		"certificates":  {hostCert, userCert, "cert-authority " + line(ca), "@cert-authority [node]:* " + line(ca), "date", true},
		"expired":       {hostCert, old, "cert-authority " + line(ca), "@cert-authority * " + line(ca), "", false},
		"host expired":  {oldHost, userCert, "cert-authority " + line(ca), "@cert-authority * " + line(ca), "", false},
		"stranger":      {serverWire, clientWire, line(serverPub), host + " " + line(serverPub), "", false},
		"changed":       {serverWire, clientWire, line(clientPub), host + " " + line(clientPub), "", false},
		"unknown":       {serverWire, clientWire, line(clientPub), "", "", false},
		"revoked":       {serverWire, clientWire, line(clientPub), host + " " + line(serverPub) + "\n@revoked * " + line(serverPub), "", false},
		"not certified": {serverWire, userCert, "cert-authority " + line(ca), "@cert-authority * " + line(ca), "", false},
	} {
		sf, s := serve(t)
		cf, c := serve(t)
		if err := sf.AddSSH(v.server, "", nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := cf.AddSSH(v.client, "", nil, 0); err != nil {
			t.Fatal(err)
		}
		var got *Grant
		sc, err := s.ServerTLS(t.Context(), "", func(k *sshkey.Public) (err error) {
			got, err = AuthorizedKeys(v.authorized).Check(k, "glenda", netip.Addr{}, time.Now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		cc, err := c.ClientTLS(t.Context(), "", func(k *sshkey.Public) error {
			return KnownHosts(v.known).Check(host, k, time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
		serr, cerr := shake(t, sc, cc)
		if ok := serr == nil && cerr == nil; ok != v.ok {
			t.Errorf("%s: server %v, client %v", name, serr, cerr)
		}
		if v.ok && (got == nil || got.Command != v.command) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// A client without a key, and factotums that have none which is of use.
	sf, s := serve(t)
	if _, err := s.ServerTLS(t.Context(), "", nil); !errors.Is(err, errNoKey) {
		t.Errorf("no key: %v", err)
	}
	rk, _ := rsa.GenerateKey(rand.Reader, 2048)
	w, _ := keyPair(t, rk)
	sf.AddSSH(w, "", nil, 0)
	if _, err := s.ServerTLS(t.Context(), "", nil); !errors.Is(err, errNoKey) {
		t.Errorf("only RSA: %v", err)
	}
	sf.AddSSH(serverWire, "", nil, 0)
	sc, err := s.ServerTLS(t.Context(), "", func(*sshkey.Public) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if serr, _ := shake(t, sc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"ninespace"}}); serr == nil {
		t.Error("a client without a key is let in")
	}
	if serr, _ := shake(t, sc, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); serr == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

// shake does a handshake and a byte each way.
func shake(t testing.TB, sc, cc *tls.Config) (serr, cerr error) {
	t.Helper()
	a, b := srvtest.Pair(t)
	defer a.Close()
	defer b.Close()
	talk := func(c *tls.Conn) error {
		c.SetDeadline(time.Now().Add(srvtest.Patience))
		defer c.Close()
		if err := c.Handshake(); err != nil {
			return err
		}
		if _, err := c.Write([]byte{1}); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1))
		return err
	}
	done := make(chan error, 1)
	go func() { done <- talk(tls.Server(a, sc)) }()
	cerr = talk(tls.Client(b, cc))
	return <-done, cerr
}

func TestAuthorizedKeys(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	_, pub := keyPair(t, key)
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	_, ca := keyPair(t, other)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cert := func(kind uint32, who string, before time.Time, critical map[string]string) *sshkey.Public {
		c, err := sshkey.ParsePublic(certify(t, other, pub, kind, who, before, critical))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	good := cert(sshkey.UserCert, "glenda", at.Add(time.Hour), nil)
	L, CA := line(pub), "cert-authority "+line(ca)
	for text, v := range map[string]struct {
		key *sshkey.Public
		why string
	}{
		L + " comment":                            {pub, ""},
		"# x\n\nnonsense\n" + L:                   {pub, ""},
		"":                                        {pub, "no line"},
		line(ca):                                  {pub, "no line"},
		`from="10.0.0.0/8,!10.1.*" ` + L:          {pub, ""},
		`from="!10.2.3.4,10.*" ` + L:              {pub, "address"},
		`from="192.168.?.*" ` + L:                 {pub, "address"},
		`expiry-time="20261121115959Z" ` + L:      {pub, "expired"},
		`expiry-time="202611211201Z" ` + L:        {pub, ""},
		`expiry-time="2026" ` + L:                 {pub, "malformed"},
		`tunnel="0" ` + L:                         {pub, "not known"},
		`restrict,pty,No-Port-Forwarding ` + L:    {pub, ""},
		`command="a,b c" ` + L:                    {pub, ""},
		`command="a ` + L:                         {pub, "unclosed"},
		`from="10.2.3.4",from="*" ` + L:           {pub, "twice"},
		`expiry-time="20200101Z" ` + L + "\n" + L: {pub, ""}, // another line may
		CA:                            {good, ""},
		CA + " ":                      {pub, "no line"},
		line(ca) + " ":                {good, "no line"}, // the CA's own key, not as one
		`principals="x,glenda",` + CA: {good, ""},
		`principals="x",` + CA:        {good, "not for"},
		CA + " a":                     {cert(sshkey.UserCert, "glenda", at, nil), "expired"},
		CA + " b":                     {cert(sshkey.UserCert, "eve", at.Add(1), nil), "expired"},
		CA + " c":                     {cert(sshkey.UserCert, "eve", at.Add(time.Hour), nil), "not for"},
		CA + " d":                     {cert(sshkey.HostCert, "glenda", at.Add(time.Hour), nil), "kind"},
		CA + " e":                     {cert(sshkey.UserCert, "glenda", at.Add(time.Hour), map[string]string{"source-address": "192.168.0.0/16"}), "address"},
		CA + " f":                     {cert(sshkey.UserCert, "glenda", at.Add(time.Hour), map[string]string{"source-address": "10.0.0.0/8"}), ""},
		CA + " g":                     {cert(sshkey.UserCert, "glenda", at.Add(time.Hour), map[string]string{"verify-required": ""}), "critical"},
		`command="x",` + CA:           {cert(sshkey.UserCert, "glenda", at.Add(time.Hour), map[string]string{"force-command": "y"}), "different"},
	} {
		g, err := AuthorizedKeys(text).Check(v.key, "glenda", netip.MustParseAddr("::ffff:10.2.3.4"), at)
		if (err == nil) != (v.why == "") || err != nil && (!strings.Contains(err.Error(), v.why) || !errors.Is(err, ErrNotAuthorized)) {
			t.Errorf("%s: %v, want %q", text, err, v.why)
		}
		if err == nil && strings.Contains(text, "restrict") != g.Restrict {
			t.Errorf("%s: %+v", text, g)
		}
	}
}

func TestKnownHosts(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	_, pub := keyPair(t, key)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, other := keyPair(t, ec)
	L, now := line(pub), time.Now()
	host := HostName("Node.example.org", "17011")
	if host != "[node.example.org]:17011" || HostName("x", "22") != "x" {
		t.Error(host)
	}
	for text, want := range map[string]error{
		"":                             ErrUnknownHost,
		"node.example.org " + L:        ErrUnknownHost, // at another port
		host + " " + L:                 nil,
		"[*.example.org]:17011,x " + L: nil,
		"[*.example.org]:17011,!" + host + " " + L:              ErrUnknownHost,
		host + " " + line(other):                                ErrHostChanged,
		host + " " + line(other) + "\n" + host + " " + L:        nil,
		host + " " + L + "\n@revoked * " + L:                    ErrHostRevoked,
		"@cert-authority * " + L:                                ErrUnknownHost,
		"# " + host + " " + L:                                   ErrUnknownHost,
		knownLine(host, pub):                                    nil,
		knownLine("other", pub):                                 ErrUnknownHost,
		strings.Replace(knownLine(host, pub), "|1|", "|1|x", 1): ErrUnknownHost,
	} {
		if err := KnownHosts(text).Check(host, pub, now); !errors.Is(err, want) && err != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	file := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(file, []byte("a b c"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tty, err := os.Open("/dev/tty"); err == nil {
		tty.Close()
	} else if err := CheckHost(file, host, pub); !errors.Is(err, ErrUnknownHost) {
		t.Errorf("without a terminal: %v", err)
	}
	if err := addHost(file, host, pub); err != nil {
		t.Fatal(err)
	}
	if err := CheckHost(file, host, pub); err != nil {
		t.Error(err)
	}
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not here: Debian's package openssh-client")
	}
	if out, err := exec.Command(keygen, "-F", host, "-f", file).CombinedOutput(); err != nil || !strings.Contains(string(out), L) {
		t.Errorf("ssh-keygen -F: %s, %v", out, err)
	}
	if err := os.WriteFile(file, []byte(host+" "+L+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(keygen, "-H", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen -H: %s", out)
	}
	if text, _ := os.ReadFile(file); !strings.HasPrefix(string(text), "|1|") || CheckHost(file, host, pub) != nil {
		t.Errorf("hashed by ssh-keygen: %s", text)
	}
}

// FuzzFiles reads any text as either file.
func FuzzFiles(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	_, pub := keyPair(f, key)
	_, k2, _ := ed25519.GenerateKey(rand.Reader)
	_, stranger := keyPair(f, k2)
	f.Add(`from="10.*",command="x" ` + line(pub))
	f.Add("@revoked [a]:1,!b " + line(pub))
	f.Add(knownLine("a", pub))
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := AuthorizedKeys(text).Check(stranger, "glenda", netip.Addr{}, time.Now()); err == nil {
			t.Fatalf("%q lets a stranger in: %+v", text, g)
		}
		if KnownHosts(text).Check("[a]:1", stranger, time.Now()) == nil {
			t.Fatalf("%q knows a stranger", text)
		}
	})
}
