package procfs

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"fmt"
	"io"
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
	flags.SetOutput(io.Discard)
	d.Flags(flags, "procfs")
	if err := flags.Parse(srv.Letters(flags, args)); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	tree := procfs.New()
	defer tree.Close()
	return d.Serve(ctx, std, srv.New(tree))
}
