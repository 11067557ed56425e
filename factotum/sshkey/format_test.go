package sshkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFormatFile has ssh-keygen read what FormatFile wrote.
func TestFormatFile(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen (Debian: openssh-client)")
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{ed, ec} {
		text, err := FormatFile(key, "of a test")
		if err != nil {
			t.Fatal(err)
		}
		if _, comment, err := ParseFile(text, nil); err != nil || comment != "of a test" {
			t.Errorf("%T: %q, %v", key, comment, err)
		}
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(keygen, "-y", "-f", file).CombinedOutput()
		pub, err1 := New(key.Public())
		if err != nil || err1 != nil || strings.TrimSpace(string(out)) != pub.String()+" of a test" {
			t.Errorf("%T: ssh-keygen says %q, %v, not %v, %v", key, out, err, pub, err1)
		}
	}
}
