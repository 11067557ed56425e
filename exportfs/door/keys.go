package door

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/srv/p9"
)

// A key is one to show and who signs by it.
type key struct {
	pub    *sshkey.Public
	signer crypto.Signer
}

var errNoKey = errors.New("no Ed25519 or ECDSA key is there, in factotum, an ssh-agent or a file: ssh-keygen -t ed25519 makes one")

// findKeys gives the keys that there are, those with a certificate first, and what to
// call when they have been used. want is "" or the file of the only key to take, or its
// fingerprint. host is whether the machine is to be known by it, and not a user.
func findKeys(ctx context.Context, want string, host bool) (keys []key, done func(), err error) {
	done = func() {}
	if want != "" && !strings.HasPrefix(want, "SHA256:") {
		k, err := fileKey(want)
		if err != nil {
			return nil, done, err
		}
		return []key{*k}, done, nil
	}
	if _, err := os.Stat(filepath.Join(p9.Namespace(), "factotum")); err == nil {
		// One that is there and does not answer is as none: there are others to ask.
		if f, err := auth.Dial(ctx, ""); err == nil {
			done = func() { f.Close() }
			pubs, err := f.Keys(ctx)
			if err != nil {
				return nil, done, err
			}
			for _, p := range pubs {
				keys = append(keys, key{p, f.Signer(p)})
			}
		}
	}
	if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" && !host {
		if more, err := agentKeys(ctx, socket); err == nil {
			keys = append(keys, more...)
		}
	}
	var refused error
	for _, name := range keyFiles(host) {
		k, err := fileKey(name)
		switch {
		case err == nil:
			keys = append(keys, *k)
		case !errors.Is(err, os.ErrNotExist):
			refused = err
		}
	}
	keys = choose(keys, want)
	if len(keys) > 0 {
		return keys, done, nil
	}
	done()
	if refused != nil {
		return nil, func() {}, refused
	}
	if host && os.Geteuid() == 0 {
		return nil, func() {}, errors.New("the machine has no Ed25519 or ECDSA key, in factotum or /etc/ssh: ssh-keygen -A makes it")
	}
	return nil, func() {}, errNoKey
}

// choose gives those keys that TLS can use and are wanted, each once.
func choose(keys []key, fp string) []key {
	var out []key
	for _, k := range keys {
		switch k.pub.Key.(type) {
		case ed25519.PublicKey, *ecdsa.PublicKey:
		default:
			continue
		}
		if fp != "" && k.pub.Fingerprint() != fp || slices.ContainsFunc(out, func(o key) bool { return bytes.Equal(o.pub.Blob, k.pub.Blob) }) {
			continue
		}
		out = append(out, k)
	}
	slices.SortStableFunc(out, func(a, b key) int {
		switch {
		case a.pub.Cert != nil && b.pub.Cert == nil:
			return -1
		case a.pub.Cert == nil && b.pub.Cert != nil:
			return 1
		}
		return 0
	})
	return out
}

// keyFiles are where OpenSSH has the keys of a user, or of a machine.
func keyFiles(host bool) []string {
	dir, pre := "/etc/ssh", "ssh_host_"
	if !host || os.Geteuid() != 0 {
		var err error
		if dir, err = auth.UserDir(); err != nil {
			return nil
		}
		pre = "id_"
	}
	var names []string
	for _, typ := range [...]string{"ed25519", "ecdsa"} {
		name := filepath.Join(dir, pre+typ)
		if pre != "id_" {
			name += "_key"
		}
		names = append(names, name)
	}
	return names
}

// fileKey reads a private key, which must be its owner's alone, and the certificate beside it.
func fileKey(name string) (*key, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is no file", name)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others: chmod go= %[1]s", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	private, _, err := sshkey.ParseFile(text, nil)
	if errors.Is(err, sshkey.ErrPassphrase) {
		return nil, fmt.Errorf("key file %s is sealed: give it to factotum or an ssh-agent, by ssh-add", name)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", name, err)
	}
	if cert, err := os.ReadFile(name + "-cert.pub"); err == nil {
		if f := strings.Fields(string(cert)); len(f) > 1 {
			blob, err := base64.StdEncoding.DecodeString(f[1])
			if err == nil {
				private, err = sshkey.WithCert(private, blob)
			}
			if err != nil {
				return nil, fmt.Errorf("%s-cert.pub: %w", name, err)
			}
		}
	}
	k, err := sshkey.ParsePrivate(&sshkey.Reader{B: private})
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", name, err)
	}
	return &key{&k.Public, k.Signer}, nil
}
