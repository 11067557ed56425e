// Package keytest makes keys for tests.
package keytest

import (
	"crypto/ed25519"
	"testing"

	"ninespace/factotum/sshkey"
)

// New makes an Ed25519 key.
func New(t testing.TB) *sshkey.Private {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := sshkey.AppendPrivate(nil, key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sshkey.ParsePrivate(&sshkey.Reader{B: wire})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
