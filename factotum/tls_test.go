package factotum

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"ninespace/factotum/sshkey"
)

// TestTLSRoles: proto tls signs what TLS 1.3 has its role sign, and nothing else.
func TestTLSRoles(t *testing.T) {
	f := filled(t, Config{}, "")
	add := func(k crypto.Signer, more Attrs) string {
		t.Helper()
		wire, err := sshkey.AppendPrivate(nil, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.AddSSH(wire, "", more, 0); err != nil {
			t.Fatal(err)
		}
		pub, err := sshkey.New(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return " pub='" + base64.StdEncoding.EncodeToString(pub.Blob) + "'"
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rk, _ := rsa.GenerateKey(rand.Reader, 2048)
	edPub, ecPub, rsaPub := add(ed, nil), add(ec, Attrs{{Name: "role", Value: "server"}}), add(rk, nil)
	hash := strings.Repeat("h", 32)
	server, client := tlsContext("server")+hash, tlsContext("client")+hash
	for _, v := range []struct{ role, pub, content, want string }{
		{"server", edPub, server, "ok"},
		{"client", edPub, client, "ok"},
		{"server", ecPub, server + strings.Repeat("h", 16), "ok"},
		{"client", ecPub, client, "needkey proto=ssh role=client"},
		{"server", edPub, client, "error not what TLS 1.3 has a server sign"},
		{"client", edPub, server, "error not what TLS 1.3 has a client sign"},
		{"client", edPub, client + "h", "error not what"},
		{"client", edPub, client[1:], "error not what"},
		{"client", edPub, tlsContext("client"), "error not what"},
		{"client", edPub, "\x00\x00\x00\x20" + hash + "\x32", "error not what"}, // ssh's
		{"server", rsaPub, server, "error only Ed25519 and ECDSA"},
		{"server", " pub=none", server, "needkey proto=ssh role=server pub=none"},
	} {
		o := own(f, "")
		rpcs(t, o, "start", "proto=tls role="+v.role+v.pub, "ok")
		r := o.rpc("write", v.content)
		if !strings.HasPrefix(r, v.want) {
			t.Errorf("%s %s: %q, want %q", v.role, v.pub, r, v.want)
		}
		if r == "ok" {
			sig, ok := strings.CutPrefix(o.rpc("read", ""), "ok ")
			h := sha256.Sum256([]byte(v.content))
			switch {
			case v.pub == edPub:
				ok = ok && ed25519.Verify(ed.Public().(ed25519.PublicKey), []byte(v.content), []byte(sig))
			case v.pub == ecPub:
				ok = ok && ecdsa.VerifyASN1(&ec.PublicKey, h[:], []byte(sig))
			}
			if !ok {
				t.Errorf("%s %s: a wrong signature", v.role, v.pub)
			}
			if r := o.rpc("read", ""); r != "done" {
				t.Errorf("then %q", r)
			}
		}
		o.close()
	}
	if log := strings.Join(f.journal.lines, "\n"); !strings.Contains(log, "not what TLS 1.3 has a server sign") {
		t.Errorf("the log has no line of it:\n%s", log)
	}
	o := own(f, "eve")
	defer o.close()
	rpcs(t, o, "start", "proto=tls role=server", "ok")
	if r := o.rpc("write", server); !strings.HasPrefix(r, "needkey") {
		t.Errorf("another user: %s", r)
	}
}
