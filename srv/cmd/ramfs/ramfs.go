package ramfs

import (
	"context"
	_ "embed"
	"flag"
	"os"
	"runtime/debug"

	"ninespace/srv"
	"ninespace/srv/ramfs"
)

//go:embed doc.go
var Man string // the manual page

// Main runs the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var door srv.Door
	f := flag.NewFlagSet("ramfs", flag.ContinueOnError)
	door.Flags(f, "ramfs")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 0 {
		return flag.ErrHelp
	}
	// Left alone, the collector lets the heap grow to twice what the tree holds:
	// near the tree's limit that would be all memory.
	limit := ramfs.Memory() / 2
	debug.SetMemoryLimit(limit + limit/4)
	return door.Serve(ctx, std, srv.New(ramfs.New(ramfs.Limit(limit))))
}
