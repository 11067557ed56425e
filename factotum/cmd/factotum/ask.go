package factotum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ninespace/factotum/auth"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// prompt asks for an attribute: on a terminal a secret is not shown, otherwise it is a
// line of the input.
func prompt(std [3]*os.File, name string) (string, error) {
	fd := int(std[0].Fd())
	tty := term.IsTerminal(fd)
	if tty {
		fmt.Fprintf(std[2], "%s: ", strings.TrimPrefix(name, "!"))
	}
	if tty && strings.HasPrefix(name, "!") {
		b, err := term.ReadPassword(fd)
		fmt.Fprintln(std[2])
		return string(b), err
	}
	// A byte at a time: what follows may be for somebody else.
	var line []byte
	var b [1]byte
	for {
		n, err := std[0].Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, b[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("no %s on standard input, and it is no terminal to ask on", strings.TrimPrefix(name, "!"))
		case err != nil:
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
}

// writeCtl writes a message to the ctl of a factotum that is posted.
func writeCtl(ctx context.Context, name string, line []byte) error {
	return writeFile(ctx, name, "ctl", line)
}

// caphash gives a hash to a broker of capabilities.
func caphash(ctx context.Context, name string, hash []byte) error {
	return writeFile(ctx, name, "caphash", hash)
}

func writeFile(ctx context.Context, name, file string, p []byte) error {
	c, err := auth.DialOwn(ctx, name, &client.Options{Version: p9.Version9P2000}) // whose errors have a text
	if err != nil {
		return err
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		return err
	}
	f, err := root.WalkOpen(ctx, p9.OWRITE, file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = f.Write(ctx, p, 0)
	return err
}
