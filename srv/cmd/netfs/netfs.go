package netfs

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"os"

	"ninespace/srv"
	"ninespace/srv/netfs"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command netfs; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	var cfg netfs.Config
	flags := flag.NewFlagSet("netfs", flag.ContinueOnError)
	d.Flags(flags, "net")
	flags.StringVar(&cfg.Ndb, "f", "/lib/ndb/local", "look up names and services in `ndbfile`")
	flags.StringVar(&cfg.Root, "x", "/net", "say in cs that the tree is at `netmtpt`")
	if err := srv.Parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	tree := netfs.New(cfg)
	defer tree.Close()
	return d.Serve(ctx, std, srv.New(tree))
}
