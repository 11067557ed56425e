package door

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
)

func (d *Dialer) known() string {
	if d.Known != "" {
		return d.Known
	}
	dir, err := auth.UserDir()
	if err != nil {
		return "" // no file: nobody is known
	}
	return filepath.Join(dir, "known_hosts")
}

// checkHost checks a host's key. Whoever listens at ssh's own port is the machine itself, so
// its key from there will do.
func (d *Dialer) checkHost(host, port string, key *sshkey.Public) error {
	text, err := os.ReadFile(d.known())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if more, err := os.ReadFile("/etc/ssh/ssh_known_hosts"); err == nil && d.Known == "" {
		text = append(append(text, '\n'), more...)
	}
	now := time.Now()
	if d.Pinned {
		for _, name := range []string{auth.HostName(host, port), auth.HostName(host, "")} {
			if err := auth.KnownHosts(text).Check(name, key.Plain(), now); err == auth.ErrHostChanged {
				return err
			}
		}
	}
	err = auth.KnownHosts(text).Check(auth.HostName(host, port), key, now)
	if err == auth.ErrUnknownHost {
		switch auth.KnownHosts(text).Check(auth.HostName(host, ""), key, now) {
		case nil:
			return nil
		case auth.ErrHostRevoked:
			return auth.ErrHostRevoked
		}
	}
	return err
}
