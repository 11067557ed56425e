package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/factotum/sshkey"
)

// hostKey is what the node is known by, where sshd has its own too.
const hostKey = "/etc/ssh/ssh_host_ed25519_key"

// key makes the node a key, unless its image has brought one along, and says which it is.
func (n *node) key(context.Context) error {
	if _, err := os.Stat(hostKey); err == nil {
		b, err := os.ReadFile(hostKey + ".pub")
		n.public = strings.TrimSpace(string(b))
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return err
	}
	text, err := sshkey.FormatFile(key, "")
	if err != nil {
		return err
	}
	n.public = pub.String()
	n.log.Printf("init: key %s", n.public)
	return errors.Join(os.MkdirAll(filepath.Dir(hostKey), 0o755),
		os.WriteFile(hostKey, text, 0o600), os.WriteFile(hostKey+".pub", []byte(n.public+"\n"), 0o644))
}

// setName gives the machine its name, which prompts and logs show: a network may say anything.
func setName(name string) error {
	if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return fmt.Errorf("host's name %q: has other characters than letters, digits, dots, - and _", name)
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("host's name %s: %w", name, err)
	}
	return nil
}
