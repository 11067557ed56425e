package diskfs

import (
	"context"
	_ "embed"
	"flag"
	"io"
	"os"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/diskfs"
)

//go:embed doc.go
var Man string // the manual page

// Main runs the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var door srv.Door
	f := flag.NewFlagSet("diskfs", flag.ContinueOnError)
	readOnly := f.Bool("R", false, "read only")
	asMe := f.Bool("m", false, "all act as me")
	door.Flags(f, "diskfs")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return flag.ErrHelp
	}
	var opts []diskfs.Option
	if *readOnly {
		opts = append(opts, diskfs.ReadOnly())
	}
	if !*asMe {
		opts = append(opts, diskfs.PerUser())
		// Without groups of its own to lay aside, a root's server becomes other
		// users at half the cost. It may not be root's.
		syscall.Setgroups(nil)
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
