package factotum

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"ninespace/factotum/sshkey"
	"ninespace/srv/p9"
)

// TestOnce has a signature by one request, from a key that has to be confirmed, too, and
// one that comes later; while it waits, the connection goes on.
func TestOnce(t *testing.T) {
	each(t, Config{}, "", func(x served) {
		add := func(more Attrs) ed25519.PublicKey {
			pub, priv, _ := ed25519.GenerateKey(rand.Reader)
			wire, err := sshkey.AppendPrivate(nil, priv)
			if err == nil {
				err = x.f.AddSSH(wire, "", more, 0)
			}
			if err != nil {
				x.Fatal(err)
			}
			return pub
		}
		content := tlsContext("client") + strings.Repeat("h", 32)
		right := func(s string, pub ed25519.PublicKey) {
			x.Helper()
			sig, ok := strings.CutPrefix(s, "ok ")
			if !ok || !ed25519.Verify(pub, []byte(content), []byte(sig)) {
				x.Errorf("%q", s)
			}
		}
		c := x.talk()
		defer c.close()
		once := func(attrs string) string { return c.rpc("once", attrs+"\n"+content) }
		for attrs, want := range map[string]string{
			"proto=tls role=client":  "needkey proto=ssh role=client",
			"proto=tls":              "error role",
			"proto=rot13":            "error unknown protocol",
			"proto=pass":             "needkey proto=pass user? !password?",
			"proto=totp role=client": "needkey proto=totp",
			"proto=tls role=server":  "error not what TLS",
		} {
			if r := once(attrs); !strings.HasPrefix(r, want) {
				x.Errorf("%s: %q, want %q", attrs, r, want)
			}
		}
		c.is("once", "proto=tls role=client", "error once without a message")
		c.is("read", "", "protocol not started")
		pub := add(Attrs{{Name: "which", Value: "plain"}})
		right(once("proto=tls role=client which=plain"), pub)
		right(once("proto=tls role=client which=plain"), pub)
		c.is("authinfo", "", "error authentication unfinished")

		pub = add(Attrs{{Name: "which", Value: "asked"}, {Name: "confirm"}})
		if r := once("proto=tls role=client which=asked"); !strings.HasPrefix(r, "error nobody is there to confirm") {
			x.Errorf("%q", r)
		}
		conf, need := x.open("confirm", p9.ORDWR), x.open("needkey", p9.ORDWR)
		got := make(chan string, 1)
		ask := func(which string) {
			x.Helper()
			if err := x.write(c.f, "once proto=tls role=client which="+which+"\n"+content); err != nil {
				x.Fatal(err)
			}
		}
		wait := func() {
			go func() {
				s, err := read(x.Context(), c.f)
				if err != nil {
					s = err.Error()
				}
				got <- s
			}()
		}
		ask("asked")
		wait()
		if q := x.read(conf); !strings.HasPrefix(q, "confirm tag=1 proto=ssh which=asked") { // while that read waits
			x.Errorf("%q", q)
		}
		if err := x.write(conf, "tag=1 answer=yes"); err != nil {
			x.Fatal(err)
		}
		right(<-got, pub)

		ask("later")
		ctx, cancel := context.WithCancel(x.Context())
		first := make(chan error, 1)
		go func() { _, err := read(ctx, c.f); first <- err }()
		if q := x.read(need); q != "needkey tag=1 proto=ssh role=client which=later !key?" {
			x.Errorf("%q", q)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			x.Errorf("flushed: %v", err)
		}
		wait() // the same request again
		if q := x.read(need); q != "needkey tag=2 proto=ssh role=client which=later !key?" {
			x.Errorf("%q", q)
		}
		pub = add(Attrs{{Name: "which", Value: "later"}})
		if err := x.write(need, "tag=2"); err != nil {
			x.Fatal(err)
		}
		right(<-got, pub)
		conf.Clunk(x.Context())
		need.Clunk(x.Context())
	})
}
