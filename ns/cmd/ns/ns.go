package ns

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("ns", flag.ContinueOnError)
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	pid := 0
	switch fs.NArg() {
	case 0:
	case 1:
		n, err := strconv.Atoi(fs.Arg(0))
		if err != nil || n <= 0 {
			return fmt.Errorf("%w: %q: no process id", flag.ErrHelp, fs.Arg(0))
		}
		pid = n
	default:
		return flag.ErrHelp
	}
	text, err := ns.Text(pid)
	if err != nil {
		return err
	}
	_, err = io.WriteString(std[1], text)
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
