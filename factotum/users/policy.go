package users

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
)

// File is where a Policy has its lines unless told otherwise.
const File = "/etc/ninespace/users"

// A Policy says who is whom. The zero Policy is the machine's.
type Policy struct {
	File string // "" is File; where there is none, it has no lines
	Keys string // of a user, below his directory; "" is .ssh/authorized_keys
	// Lookup finds users where they are not in the machine's files; nil is Lookup.
	Lookup func(name string) (*User, error)
}

// Errors of a Policy are auth.ErrNotAuthorized, which a stranger may be told, and why,
// which is for the log. That of Key may be an auth.Hint.
func refuse(format string, a ...any) error {
	return fmt.Errorf("%w: %w", auth.ErrNotAuthorized, fmt.Errorf(format, a...))
}

// Key says who comes with a key, or a certificate, that was proved, and wants to be the
// user login: that one, and what he is granted, or an error.
func (p *Policy) Key(login string, key *sshkey.Public, from netip.Addr, at time.Time) (*User, *auth.Grant, error) {
	u, err := p.user(login)
	if err != nil {
		return nil, nil, err
	}
	lines, err := p.lines()
	if err != nil {
		return nil, nil, err
	}
	fp := key.Fingerprint()
	for _, l := range lines {
		switch {
		case l.id != fp:
		case l.user == "-":
			return nil, nil, refuse("%s: key %s is nobody", login, fp)
		case l.user == login:
			return u, &auth.Grant{Line: l.n}, nil
		}
	}
	g, err := p.own(u, key, from, at)
	switch {
	case u.Uid != 0 && err == nil:
		return u, g, nil
	case u.Uid != 0:
		return nil, nil, err
	case err == nil && g.Command == "" && !g.Restrict:
		// For sshd who has this key is root, so nothing is given away.
		return nil, nil, auth.Hint(fmt.Sprintf("to be %s it needs a line in %s there: %s %[1]s", login, p.file(), fp))
	}
	return nil, nil, refuse("%s: no line of %s has key %s", login, p.file(), fp)
}

// own says what a user's own file grants to a key.
func (p *Policy) own(u *User, key *sshkey.Public, from netip.Addr, at time.Time) (*auth.Grant, error) {
	text, err := u.keys(p.Keys)
	if err != nil {
		return nil, refuse("%s: %w", u.Name, err)
	}
	g, err := auth.AuthorizedKeys(text).Check(key, u.Name, from, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Name, err)
	}
	return g, nil
}

// Name says who name@dom of dp9ik is, by the machine's lines alone.
func (p *Policy) Name(name, dom string) (*User, error) {
	lines, err := p.lines()
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		n, d, ok := strings.Cut(l.id, "@")
		if !ok || d != dom || n != name && n != "*" {
			continue
		}
		switch l.user {
		case "-":
			return nil, refuse("%s@%s is nobody", name, dom)
		case "*":
			u, err := p.user(name)
			if err == nil && u.Uid == 0 {
				return nil, refuse("%s@%s: root is who is named so by a line of his own", name, dom)
			}
			return u, err
		}
		return p.user(l.user)
	}
	return nil, refuse("no line of %s has %s@%s", p.file(), name, dom)
}

// user finds whom a process of ours may serve.
func (p *Policy) user(name string) (*User, error) {
	find := p.Lookup
	if find == nil {
		find = Lookup
	}
	u, err := find(name)
	switch {
	case err != nil:
		return nil, refuse("%w", err)
	case os.Geteuid() != 0 && u.Uid != uint32(os.Geteuid()):
		return nil, refuse("%s: this runs as user number %d and serves no other", name, os.Geteuid())
	case u.noShell() && u.Uid != uint32(os.Geteuid()):
		return nil, refuse("%s does not log in: shell %s", name, u.Shell)
	}
	return u, nil
}

type policyLine struct {
	n        int
	id, user string
}

func (p *Policy) file() string {
	if p.File == "" {
		return File
	}
	return p.File
}

// lines reads the machine's file. One that anybody but root, or whom we run as, can
// change, and one with a line that is none, is an error: it lets nobody in.
func (p *Policy) lines() (lines []policyLine, err error) {
	text, err := secure(p.file(), "/", uint32(os.Geteuid()))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, refuse("%w", err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s, _, _ := strings.Cut(string(line), "#")
		f := strings.Fields(s)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 || !strings.Contains(f[0], "@") && !strings.HasPrefix(f[0], "SHA256:") || f[1] == "*" && !strings.HasPrefix(f[0], "*@") {
			return nil, refuse("%s: line %d is not an identity and a user", p.file(), n)
		}
		lines = append(lines, policyLine{n, f[0], f[1]})
	}
	return lines, nil
}

// keys reads the user's file of keys.
func (u *User) keys(name string) ([]byte, error) {
	if name == "" {
		name = ".ssh/authorized_keys"
	}
	if !filepath.IsAbs(u.Home) {
		return nil, errors.New("no home directory")
	}
	return secure(filepath.Join(u.Home, name), u.Home, u.Uid)
}
