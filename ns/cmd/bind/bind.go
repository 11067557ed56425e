package bind

import (
	"context"
	_ "embed"
	"flag"
	"os"

	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, _ [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("bind", flag.ContinueOnError)
	after := fs.Bool("a", false, "after what is there")
	before := fs.Bool("b", false, "before what is there")
	create := fs.Bool("c", false, "new files go there")
	cache := fs.Bool("C", false, "cache")
	quiet := fs.Bool("q", false, "say nothing if it fails")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() != 2 || *after && *before {
		return flag.ErrHelp
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	err = ns.Do(ctx, ns.Op{Verb: "bind", Flag: ns.Flags(*after, *before, *create, *cache),
		New: ns.Abs(dir, fs.Arg(0)), Old: ns.Abs(dir, fs.Arg(1))})
	if *quiet {
		return nil
	}
	return err
}
