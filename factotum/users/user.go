package users

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// A User is one of Linux's, as the machine's files of users and groups have him.
type User struct {
	Name        string
	Uid, Gid    uint32
	Groups      []uint32 // all of them, Gid too
	Home, Shell string
}

// ErrUnknown says that the machine has no such user.
var ErrUnknown = errors.New("unknown user")

// Lookup finds a user by name.
func Lookup(name string) (*User, error) {
	pw, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, ErrUnknown)
	}
	u := &User{Name: pw.Username, Home: pw.HomeDir, Shell: shell(pw.Username)}
	ids, err := pw.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("%s: groups: %w", name, err)
	}
	for i, s := range append([]string{pw.Uid, pw.Gid}, ids...) {
		n, err := strconv.ParseUint(s, 10, 32)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		case i == 0:
			u.Uid = uint32(n)
		case i == 1:
			u.Gid = uint32(n)
		default:
			u.Groups = append(u.Groups, uint32(n))
		}
	}
	return u, nil
}

// shell is a user's in passwd(5), which os/user does not tell.
func shell(name string) string {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if f := strings.Split(s.Text(), ":"); len(f) == 7 && f[0] == name {
			return f[6]
		}
	}
	return ""
}

// noShell tells whether a user is one who is not to log in.
func (u *User) noShell() bool {
	base := filepath.Base(u.Shell)
	return base == "nologin" || base == "false"
}
