package mount

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
	fs := flag.NewFlagSet("mount", flag.ContinueOnError)
	after := fs.Bool("a", false, "after what is there")
	before := fs.Bool("b", false, "before what is there")
	create := fs.Bool("c", false, "new files go there")
	cache := fs.Bool("C", false, "cache")
	quiet := fs.Bool("q", false, "say nothing if it fails")
	var a ns.Auth
	fs.BoolVar(&a.None, "n", false, "without authentication")
	fs.StringVar(&a.Key, "k", "", "`attributes` of the key to authenticate with")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() < 2 || fs.NArg() > 3 || *after && *before {
		return flag.ErrHelp
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	name, err := ns.ServerOf(fs.Arg(0), func(n int) (int, error) { return n, nil })
	if err == nil {
		err = ns.Do(ctx, ns.Op{Verb: "mount", Flag: ns.Flags(*after, *before, *create, *cache), Auth: a,
			New: server(dir, name), Old: ns.Abs(dir, fs.Arg(1)), Spec: fs.Arg(2)})
	}
	if *quiet {
		return nil
	}
	return err
}

// server makes a relative name of a socket absolute.
func server(dir, name string) string {
	if path, ok := strings.CutPrefix(name, "unix!"); ok {
		return "unix!" + ns.Abs(dir, path)
	}
	if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		return "unix!" + ns.Abs(dir, name)
	}
	return name
}
