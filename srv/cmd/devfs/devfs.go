package devfs

import (
	"context"
	_ "embed" // for the manual page
	"flag"
	"fmt"
	"os"
	"strings"

	"ninespace/srv"
	"ninespace/srv/devfs"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command devfs; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("devfs", flag.ContinueOnError)
	d.Flags(flags, "devfs")
	cfg := devfs.Config{SetTime: devfs.SetTime, Adjust: devfs.Adjust, SetName: devfs.SetName, Domain: devfs.SetDomain, Reboot: devfs.Reboot}
	flags.StringVar(&cfg.Cons, "c", terminal(std), "serve `tty` as cons")
	flags.StringVar(&cfg.Dev, "d", "", "look for devices in `dir`")
	flags.StringVar(&cfg.Proc, "p", "", "look for what /proc has in `dir`")
	flags.StringVar(&cfg.Sys, "y", "", "look for what /sys has in `dir`")
	if err := srv.Parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	tree := devfs.New(cfg)
	defer tree.Close()
	return d.Serve(ctx, std, srv.New(tree))
}

// terminal gives the name of the first terminal that the command has.
func terminal(std [3]*os.File) string {
	for _, f := range std {
		if f == nil {
			continue
		}
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		if err == nil && (strings.HasPrefix(name, "/dev/pts/") || strings.HasPrefix(name, "/dev/tty") || name == "/dev/console") {
			return name
		}
	}
	return ""
}
