package nsd

import (
	"context"
	_ "embed"
	"flag"
	"os"
	"os/signal"
	"syscall"

	"ninespace/factotum/auth"
	"ninespace/ns"
	"ninespace/rc/bin"
	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/procfs"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main gives the command, which shows the commands of the binary that have these names, and
// those that are scripts.
func Main(names func() []string) func(context.Context, [3]*os.File, []string) error {
	return func(ctx context.Context, _ [3]*os.File, args []string) error {
		return serve(ctx, names(), args)
	}
}

func serve(ctx context.Context, names, args []string) error {
	fs := flag.NewFlagSet("nsd", flag.ContinueOnError)
	control := fs.Int("e", -1, "session's `descriptor`")
	noGraft := fs.Bool("G", false, "no grafts")
	v9fs := fs.Bool("9", false, "servers by the kernel")
	o := ns.EngineOptions{Namespace: p9.Namespace(), Near: procfs.Near, Attach: auth.Attach}
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 || *control < 0 {
		return flag.ErrHelp
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE)
	o.NoGraft, o.V9fs = *noGraft, *v9fs
	if err := o.Bin(names, bin.All()); err != nil {
		return err
	}
	syscall.CloseOnExec(*control)
	syscall.CloseOnExec(*control + 1) // by whose end the session knows of this process's
	return ns.Serve(ctx, os.NewFile(uintptr(*control), "control"), o,
		func() (srv.File, error) { return diskfs.New("/") })
}
