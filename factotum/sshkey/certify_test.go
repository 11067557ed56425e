package sshkey

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func privates(t *testing.T) map[string]*Private {
	m := map[string]*Private{}
	for name, key := range signers(t) {
		wire, err := AppendPrivate(nil, key)
		if err != nil {
			t.Fatal(err)
		}
		if m[name], err = ParsePrivate(&Reader{B: wire}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestCertify has x/crypto/ssh check our certificates, and ourselves.
func TestCertify(t *testing.T) {
	all := privates(t)
	for name, ca := range all {
		for of, key := range all {
			now := time.Now()
			c := &Cert{Serial: 7, Kind: HostCert, ID: "node", Principals: []string{"node", "node.example.com"},
				After: uint64(now.Unix()) - 1, Before: uint64(now.Unix()) + 60, Extensions: map[string]string{"b@x": "", "a@x": "v"}}
			got, err := c.Certify(&key.Public, &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") })
			if err != nil {
				t.Fatalf("%s of %s: %v", name, of, err)
			}
			if err := got.Cert.Check(HostCert, "node.example.com", now); err != nil || !got.Equal(&key.Public) || got.Cert.Extensions["a@x"] != "v" {
				t.Errorf("%s of %s: %v", name, of, err)
			}
			theirs, err := ssh.ParsePublicKey(got.Blob)
			if err != nil {
				t.Fatal(err)
			}
			check := ssh.CertChecker{}
			if err := check.CheckCert("node", theirs.(*ssh.Certificate)); err != nil {
				t.Errorf("%s of %s: theirs: %v", name, of, err)
			}
			if _, err := c.Certify(&key.Public, got, nil); err == nil {
				t.Error("signed by a certificate")
			}
		}
	}
	a, b := all["ed25519"], all["P-256"]
	if _, err := (&Cert{}).Certify(&a.Public, &a.Public, func(data []byte) ([]byte, error) { return b.Sign(data, "") }); err == nil {
		t.Error("signed by another key than the authority's")
	}
}

// TestSignFile has ssh-keygen verify our signatures, and verifies its own.
func TestSignFile(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen")
	}
	dir := t.TempDir()
	text, sigFile, allowed := []byte("what is signed\n"), filepath.Join(dir, "sig"), filepath.Join(dir, "allowed")
	for name, key := range privates(t) {
		sig, err := key.SignFile("space", text)
		if err != nil {
			t.Fatal(err)
		}
		by, err := VerifyFile("space", text, sig)
		if err != nil || !by.Equal(&key.Public) {
			t.Errorf("%s: %v", name, err)
		}
		line := "me " + key.Type + " " + base64.StdEncoding.EncodeToString(key.Blob) + "\n"
		if err := os.WriteFile(allowed, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sigFile, sig, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(keygen, "-Y", "verify", "-f", allowed, "-I", "me", "-n", "space", "-s", sigFile)
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if _, err := VerifyFile("other", text, sig); err == nil {
			t.Error("good for another namespace")
		}
		if _, err := VerifyFile("space", text[1:], sig); err == nil {
			t.Error("good for another text")
		}
		block, _ := pem.Decode(sig)
		step := 1
		if name != "ed25519" { // the others are slow
			step = 23
		}
		for i := 0; i < len(block.Bytes); i += step {
			bad := bytes.Clone(block.Bytes)
			bad[i] ^= 1
			if by, err := VerifyFile("space", text, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: bad})); err == nil && by.Equal(&key.Public) {
				t.Errorf("%s: good with byte %d changed", name, i)
			}
			if _, err := VerifyFile("space", text, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: bad[:i]})); err == nil {
				t.Errorf("%s: good with %d bytes", name, i)
			}
		}
	}
	file := filepath.Join(dir, "key")
	if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(keygen, "-q", "-Y", "sign", "-f", file, "-n", "space")
	cmd.Stdin = bytes.NewReader(text)
	sig, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	by, err := VerifyFile("space", text, sig)
	pub, _ := os.ReadFile(file + ".pub")
	if err != nil || !strings.Contains(string(pub), base64.StdEncoding.EncodeToString(by.Blob)) {
		t.Errorf("ssh-keygen's: %v", err)
	}
}
