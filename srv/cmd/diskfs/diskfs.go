package diskfs

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"

	"ninespace/srv"
	"ninespace/srv/diskfs"
)

//go:embed doc.go
var Man string // the manual page

// Main runs the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var door srv.Door
	f := flag.NewFlagSet("diskfs", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	readOnly := f.Bool("R", false, "read only")
	door.Flags(f, "diskfs")
	if err := f.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	if f.NArg() != 1 {
		return flag.ErrHelp
	}
	var opts []diskfs.Option
	if *readOnly {
		opts = append(opts, diskfs.ReadOnly())
	}
	root, err := diskfs.New(f.Arg(0), opts...)
	if err != nil {
		return err
	}
	if c, ok := root.(io.Closer); ok {
		defer c.Close()
	}
	return door.Serve(ctx, std, srv.New(root))
}
