package envfs

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"fmt"
	"io"
	"os"

	"ninespace/srv"
	"ninespace/srv/envfs"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command envfs; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("envfs", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	d.Flags(flags, "env")
	if err := flags.Parse(srv.Letters(flags, args)); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	return d.Serve(ctx, std, srv.New(envfs.New(envfs.Config{})))
}
