package unmount

import (
	"context"
	_ "embed"
	"flag"
	"os"
	"strings"

	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, _ [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("unmount", flag.ContinueOnError)
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() < 1 || fs.NArg() > 2 {
		return flag.ErrHelp
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	op := ns.Op{Verb: "unmount", Old: ns.Abs(dir, fs.Arg(fs.NArg()-1))}
	if fs.NArg() == 2 {
		op.New = fs.Arg(0)
		_, err := os.Lstat(op.New)
		if err == nil || strings.Contains(op.New, "/") && !strings.Contains(op.New, "!") {
			op.New = ns.Abs(dir, op.New)
		} // else a server's name
	}
	return ns.Do(ctx, op)
}
