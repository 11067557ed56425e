package procfs

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"os"

	"ninespace/srv"
	"ninespace/srv/procfs"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command procfs; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("procfs", flag.ContinueOnError)
	d.Flags(flags, "procfs")
	if err := srv.Parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	tree := procfs.New()
	defer tree.Close()
	return d.Serve(ctx, std, srv.New(tree))
}
