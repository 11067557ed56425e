package door

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/factotum/users"
)

// errRoot refuses root's sessions where they were not asked for.
var errRoot = errors.New("no sessions of root")

func (o *Options) who(name string, key *sshkey.Public, from netip.Addr) (*users.User, *auth.Grant, error) {
	if o.Authorized == "" && !o.Root {
		return o.Users.Key(name, key, from, time.Now())
	}
	u, g, err := o.grant(name, key, from)
	if err != nil {
		return nil, nil, err
	}
	return &users.User{Name: u.Username}, g, nil
}

// grant says whether a key is let in as a user of this machine: by the user's own
// authorized_keys, or by Options.Authorized. Somebody who is not root serves nobody else.
func (o *Options) grant(name string, key *sshkey.Public, from netip.Addr) (*user.User, *auth.Grant, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	if me := os.Geteuid(); me != 0 && u.Uid != strconv.Itoa(me) {
		return nil, nil, fmt.Errorf("user %s is not who serves here", u.Username)
	}
	if u.Uid == "0" && !o.Root {
		return nil, nil, errRoot
	}
	file := o.Authorized
	if file == "" {
		file = filepath.Join(u.HomeDir, ".ssh", "authorized_keys")
	}
	text, err := readOwn(file, u)
	if err != nil {
		return nil, nil, err
	}
	g, err := auth.AuthorizedKeys(text).Check(key, u.Username, from, time.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return u, g, nil
}

// maxFile is how long an authorized_keys may be.
const maxFile = 1 << 20

// readOwn reads a file that says who may be a user: the user's or root's, and nobody
// else's to write.
func readOwn(name string, u *user.User) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // which does not wait for a fifo's writer
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	case st.Uid != 0 && strconv.Itoa(int(st.Uid)) != u.Uid:
		return nil, fmt.Errorf("%s belongs to another user", name)
	case fi.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s can be written by others: mode %#o", name, fi.Mode().Perm())
	case fi.Size() > maxFile:
		return nil, fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}
