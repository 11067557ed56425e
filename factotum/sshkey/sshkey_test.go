package sshkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func signers(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]crypto.Signer{"ed25519": ed}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if m[c.Params().Name], err = ecdsa.GenerateKey(c, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if m["rsa"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForeign compares with x/crypto/ssh: public keys, signatures both ways, and
// certificates.
func TestForeign(t *testing.T) {
	_, caKey, _ := ed25519.GenerateKey(rand.Reader)
	ca, err := ssh.NewSignerFromKey(caKey)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("what is signed")
	for name, key := range signers(t) {
		wire, err := AppendPrivate(nil, key)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePrivate(&Reader{B: wire})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		theirs, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.Blob, theirs.PublicKey().Marshal()) || p.Fingerprint() != ssh.FingerprintSHA256(theirs.PublicKey()) {
			t.Errorf("%s: another public key", name)
		}
		for _, algorithm := range []string{RSASHA256, RSASHA512} {
			sig, err := p.Sign(data, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			var s ssh.Signature
			if err := ssh.Unmarshal(sig, &s); err != nil {
				t.Fatal(err)
			}
			if err := theirs.PublicKey().Verify(data, &s); err != nil {
				t.Errorf("%s: theirs of our signature: %v", name, err)
			}
			if err := p.Verify(data, sig); err != nil {
				t.Errorf("%s: our signature: %v", name, err)
			}
			if err := p.Verify([]byte("what is sogned"), sig); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: other data: %v", name, err)
			}
			for i := 0; i < len(sig); i += 7 {
				bad := bytes.Clone(sig)
				bad[i] ^= 1
				if p.Verify(data, bad) == nil || p.Verify(data, sig[:i]) == nil {
					t.Errorf("%s: byte %d changed, or cut there: verified", name, i)
				}
			}
			if name != "rsa" {
				break
			}
		}
		if as, ok := theirs.(ssh.AlgorithmSigner); ok && name == "rsa" {
			for algorithm, good := range map[string]bool{RSASHA256: true, RSASHA512: true, RSA: false} {
				s, err := as.SignWithAlgorithm(rand.Reader, data, algorithm)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Verify(data, ssh.Marshal(s)); (err == nil) != good {
					t.Errorf("%s: %v", algorithm, err)
				}
			}
		}
		cert := &ssh.Certificate{Key: theirs.PublicKey(), Serial: 7, CertType: ssh.UserCert, KeyId: "id", ValidPrincipals: []string{"glenda", "root"},
			ValidAfter: 1000, ValidBefore: 2000, Permissions: ssh.Permissions{CriticalOptions: map[string]string{"force-command": "date"}, Extensions: map[string]string{"permit-pty": ""}}}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		c, err := ParsePublic(cert.Marshal())
		if err != nil {
			t.Fatalf("%s: certificate: %v", name, err)
		}
		if !c.Equal(&p.Public) || c.Cert.Serial != 7 || c.Cert.Critical["force-command"] != "date" {
			t.Errorf("%s: %+v", name, c.Cert)
		}
		for _, v := range []struct {
			kind  uint32
			who   string
			at    int64
			known string
			want  string
		}{
			{UserCert, "glenda", 1500, "force-command", ""},
			{UserCert, "glenda", 999, "force-command", "not yet"},
			{UserCert, "glenda", 2000, "force-command", "expired"},
			{UserCert, "eve", 1500, "force-command", "not for"},
			{HostCert, "glenda", 1500, "force-command", "kind"},
			{UserCert, "glenda", 1500, "", "critical"},
		} {
			err := c.Cert.Check(v.kind, v.who, time.Unix(v.at, 0), v.known)
			if (err == nil) != (v.want == "") || err != nil && !strings.Contains(err.Error(), v.want) {
				t.Errorf("%s: %+v: %v", name, v, err)
			}
		}
		// Parsed again, with and without the certificate, it is the same key, until it is wiped.
		with, err := WithCert(wire, cert.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		for pub, wire := range map[*Public][]byte{&p.Public: wire, c: with} {
			wire = bytes.Clone(wire)
			again, err := Again(wire, pub)
			if (err == nil) == (name == "rsa") {
				t.Fatalf("%s: parsed again: %v", name, err)
			}
			if err != nil {
				continue
			}
			sig, err := again.Sign(data, "")
			if err != nil || p.Verify(data, sig) != nil {
				t.Errorf("%s: parsed again: %v", name, err)
			}
			again.Wipe()
			if sig, err := again.Sign(data, ""); err == nil && name == "ed25519" && p.Verify(data, sig) == nil {
				t.Errorf("%s: signs after it was wiped", name)
			}
		}
		bad := bytes.Clone(cert.Marshal())
		if i := bytes.Index(bad, []byte("glenda")); i > 0 {
			copy(bad[i:], "gleneve")
		}
		if c, err := ParsePublic(bad); err == nil && c.Cert.Check(UserCert, "gleneve"[:6], time.Unix(1500, 0), "force-command") == nil {
			t.Errorf("%s: a certificate that was changed is good", name)
		}
	}
}

// TestKeygen reads what ssh-keygen writes.
func TestKeygen(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not here: Debian's package openssh-client")
	}
	for _, typ := range []string{"ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"} {
		for _, pass := range []string{"", "open sesame"} {
			file := filepath.Join(t.TempDir(), "id")
			args := append([]string{"-q", "-a", "2", "-N", pass, "-C", "a comment", "-f", file, "-t"}, strings.Fields(typ)...)
			if out, err := exec.Command(keygen, args...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %s", err, out)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			line, err := os.ReadFile(file + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			wire, comment, err := ParseFile(text, func() ([]byte, error) { return []byte(pass), nil })
			if err != nil {
				t.Fatalf("%s, %q: %v", typ, pass, err)
			}
			p, err := ParsePrivate(&Reader{B: wire})
			if err != nil || comment != "a comment" || base64.StdEncoding.EncodeToString(p.Blob) != strings.Fields(string(line))[1] {
				t.Errorf("%s: %s, %v", typ, comment, err)
			}
			if pass == "" {
				continue
			}
			if _, _, err := ParseFile(text, nil); !errors.Is(err, ErrPassphrase) {
				t.Errorf("%s without a passphrase: %v", typ, err)
			}
			if _, _, err := ParseFile(text, func() ([]byte, error) { return []byte("x"), nil }); !errors.Is(err, ErrPassphrase) {
				t.Errorf("%s with a wrong passphrase: %v", typ, err)
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	for name, key := range signers(t) {
		wire, _ := AppendPrivate(nil, key)
		for i := range wire {
			if _, err := ParsePrivate(&Reader{B: bytes.Clone(wire[:i])}); err == nil {
				t.Errorf("%s cut at %d is a key", name, i)
			}
		}
		p, _ := ParsePrivate(&Reader{B: wire})
		for i := range p.Blob {
			if _, err := ParsePublic(p.Blob[:i]); err == nil {
				t.Errorf("%s cut at %d is a public key", name, i)
			}
		}
		if _, err := ParsePublic(append(bytes.Clone(p.Blob), 0)); err == nil {
			t.Errorf("%s and a byte more is a public key", name)
		}
	}
	ed := signers(t)["ed25519"].(ed25519.PrivateKey)
	ed[40] ^= 1
	wire, _ := AppendPrivate(nil, ed)
	if _, err := ParsePrivate(&Reader{B: wire}); err == nil {
		t.Error("an Ed25519 key with another's public one is taken")
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(&weak.PublicKey); err == nil {
		t.Error("an RSA key of 1024 bits is taken")
	}
}

func FuzzKeys(f *testing.F) {
	for _, key := range signers(f) {
		wire, _ := AppendPrivate(nil, key)
		p, err := ParsePrivate(&Reader{B: wire})
		if err != nil {
			f.Fatal(err)
		}
		sig, _ := p.Sign([]byte("x"), "")
		f.Add(wire)
		f.Add([]byte(p.Blob))
		f.Add(sig)
		f.Add([]byte(fmt.Sprintf("-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n", base64.StdEncoding.EncodeToString(append([]byte(magic), wire...)))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePublic(b); err == nil && p.Cert == nil && p.Key != nil {
			if q, err := New(p.Key); err != nil || !bytes.Equal(q.Blob, b) {
				t.Fatalf("%x: %v", b, err)
			}
			p.Verify([]byte("x"), b)
		}
		if p, err := ParsePrivate(&Reader{B: bytes.Clone(b)}); err == nil {
			if sig, err := p.Sign(b, ""); err != nil || p.Verify(b, sig) != nil {
				t.Fatalf("%x", b)
			}
		}
		ParseFile(b, func() ([]byte, error) { return []byte("x"), nil })
	})
}
