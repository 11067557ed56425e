package auth

import (
	"os"
	"os/user"
	"path/filepath"
)

// UserDir is where ssh has a user's files, ssh(1): .ssh in $HOME or, where that is not set, in
// the home directory of the account, as for what cron or a unit starts.
func UserDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		u, uerr := user.Current()
		if uerr != nil || !filepath.IsAbs(u.HomeDir) {
			return "", err
		}
		home = u.HomeDir
	}
	return filepath.Join(home, ".ssh"), nil
}
