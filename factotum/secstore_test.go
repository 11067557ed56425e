package factotum

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/factotum/sshkey"
)

func TestSecstore(t *testing.T) {
	defer func(old byte) { storeLogN = old }(storeLogN)
	storeLogN = minLogN
	file := filepath.Join(t.TempDir(), "store")
	open := func(pass string) (*Factotum, error) {
		f := New(Config{})
		t.Cleanup(f.Close)
		return f, f.OpenStore(file, []byte(pass))
	}
	f, err := open("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	_, priv, _ := ed25519.GenerateKey(rand.Reader)
	wire, _ := sshkey.AppendPrivate(nil, priv)
	for _, err := range []error{
		f.Ctl("key proto=pass user='a b' !password='it''s # \"x\"'"),
		f.Ctl("key " + strings.TrimSpace(dpKey)),
		f.AddSSH(wire, "a comment", nil, 0),
		f.AddKey(Attrs{{Name: "proto", Value: "pass"}, {Name: "user", Value: "short"}, {Name: "!password", Value: "lived"}}, time.Hour),
		f.Ctl("save"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(file); fi.Mode() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	for _, s := range []string{"pass", "rabbit", "comment", "burrow"} {
		if bytes.Contains(sealed, []byte(s)) {
			t.Errorf("the file has %q", s)
		}
	}
	g, err := open("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	f.ring.del(func(k *key) bool { return !k.until.IsZero() })
	if a, b := f.ring.text(), g.ring.text(); a != b {
		t.Errorf("saved\n%sloaded\n%s", a, b)
	}
	o := own(g, "")
	defer o.close()
	rpcs(t, o, "start", "proto=pass user='a b'", "ok")
	if r := o.rpc("read", ""); r != `ok 'a b' 'it''s # "x"'` {
		t.Errorf("%s", r)
	}
	if err := g.Ctl("save"); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(file); bytes.Equal(again, sealed) {
		t.Error("sealed twice by the same nonce")
	}
	if _, err := open("open simsim"); !errors.Is(err, ErrSealed) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := open(""); err == nil {
		t.Error("no passphrase")
	}
	for i := range sealed {
		if i == len(storeMagic) {
			continue // how hard it is to open
		}
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		for _, text := range [][]byte{bad, sealed[:i]} {
			if i%5 != 0 && i > 60 {
				break
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if h, err := open("open sesame"); err == nil || len(h.ring.list()) > 0 || h.store != nil {
				t.Fatalf("byte %d changed, or cut there: %v", i, err)
			}
		}
	}
	if err := New(Config{}).Ctl("save"); err == nil {
		t.Error("saved without a store")
	}
	// What can't be written leaves the old one.
	if err := os.WriteFile(file, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replace(filepath.Join(file, "x"), nil); err == nil {
		t.Error("written below a file")
	}
	if ents, _ := os.ReadDir(filepath.Dir(file)); len(ents) != 1 {
		t.Errorf("left behind: %v", ents)
	}
}
