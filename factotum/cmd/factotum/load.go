package factotum

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"ninespace/factotum"
	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
)

// loadKeys gives f the user's keys of ssh, and says which it could not.
func loadKeys(ctx context.Context, std [3]*os.File, f *factotum.Factotum, asker *askpass) error {
	dir, err := auth.UserDir()
	if err != nil {
		return err
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		file := filepath.Join(dir, name)
		err := loadKey(ctx, std, f, asker, file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(std[2], "factotum: %s: %v: left out\n", file, err)
		}
	}
	return nil
}

func loadKey(ctx context.Context, std [3]*os.File, f *factotum.Factotum, asker *askpass, file string) error {
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("can be read by others: chmod go= %s", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	defer clear(text)
	wire, comment, err := sshkey.ParseFile(text, func() ([]byte, error) {
		fd := int(std[0].Fd())
		if !term.IsTerminal(fd) {
			if asker != nil {
				return asker.ask(ctx, "passphrase for "+file)
			}
			return nil, errors.New("it is sealed, and there is no terminal to ask for the passphrase")
		}
		fmt.Fprintf(std[2], "passphrase for %s: ", file)
		defer fmt.Fprintln(std[2])
		return term.ReadPassword(fd)
	})
	if err != nil {
		return err
	}
	defer clear(wire)
	if err := f.AddSSH(wire, comment, nil, 0); err != nil {
		return err
	}
	// A certificate makes another key of it.
	line, err := os.ReadFile(file + "-cert.pub")
	if err != nil {
		return nil
	}
	words := bytes.Fields(line)
	if len(words) < 2 {
		return errors.New("malformed certificate")
	}
	cert, err := base64.StdEncoding.AppendDecode(nil, words[1])
	if err != nil {
		return errors.New("malformed certificate")
	}
	with, err := sshkey.WithCert(wire, cert)
	if err != nil {
		return err
	}
	defer clear(with)
	return f.AddSSH(with, comment, nil, 0)
}
