package version

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"

	"ninespace/doc"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	if len(args) > 0 {
		return flag.ErrHelp
	}
	_, err := fmt.Fprintln(std[1], doc.Version())
	return err
}
