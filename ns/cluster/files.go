package cluster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"ninespace/factotum/sshkey"
)

// writeFiles makes the nodes' directories below dir: for each a home with a key, which is
// both the machine's and its user's, and what each has in /etc.
//
//	users                  who a key is
//	etc/hosts              which address a name has
//	n1/passwd              the machine's, but for this user's home
//	n1/ns                  $NAMESPACE of the node
//	n1/home/.ssh           id_ed25519, id_ed25519.pub, known_hosts
//	n1/n                   empty directories, to be mounted on
func writeFiles(dir string, names []string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	var users, known bytes.Buffer
	hosts := bytes.NewBufferString("127.0.0.1 localhost\n::1 localhost\n")
	for i, name := range names {
		ssh := filepath.Join(dir, name, "home", ".ssh")
		if err := errors.Join(os.MkdirAll(ssh, 0o700), os.Mkdir(filepath.Join(dir, name, "ns"), 0o700)); err != nil {
			return err
		}
		for _, point := range points() {
			if err := os.MkdirAll(filepath.Join(dir, name, "n", point), 0o755); err != nil {
				return err
			}
		}
		pub, err := newKey(filepath.Join(ssh, "id_ed25519"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&users, "%s %s\n", pub.Fingerprint(), me.Username)
		fmt.Fprintf(hosts, "%s %s\n", address(i), name)
		fmt.Fprintf(&known, "[%s]:17011,[%s]:17011 %s\n", name, address(i), pub)
		err = os.WriteFile(filepath.Join(dir, name, "passwd"), passwd(me, filepath.Join(dir, name, "home")), 0o644)
		if err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name, "home", ".ssh", "known_hosts"), known.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "users"), users.Bytes(), 0o600), os.Mkdir(filepath.Join(dir, "etc"), 0o755),
		os.WriteFile(filepath.Join(dir, "etc", "hosts"), hosts.Bytes(), 0o644))
}

// points are what is in /n/NODE.
func points() []string {
	all := []string{"stats"}
	for _, s := range shared {
		all = append(all, s.name)
	}
	return all
}

// newKey makes a key's two files.
func newKey(name string) (*sshkey.Public, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return nil, err
	}
	text, err := sshkey.FormatFile(key, "")
	if err != nil {
		return nil, err
	}
	return pub, errors.Join(os.WriteFile(name, text, 0o600), os.WriteFile(name+".pub", []byte(pub.String()+"\n"), 0o644))
}

// passwd is the machine's file of users, passwd(5), in which a user has another home.
func passwd(me *user.User, home string) []byte {
	text, _ := os.ReadFile("/etc/passwd")
	var b bytes.Buffer
	found := false
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) == 7 && f[0] == me.Username {
			f[5], found = home, true
		}
		fmt.Fprintln(&b, strings.Join(f, ":"))
	}
	if !found {
		fmt.Fprintf(&b, "%s:x:%s:%s::%s:/bin/sh\n", me.Username, me.Uid, me.Gid, home)
	}
	return b.Bytes()
}
