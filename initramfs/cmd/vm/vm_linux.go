package vm

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"ninespace/initramfs/vm"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var c vm.Config
	fs := flag.NewFlagSet("vm", flag.ContinueOnError)
	fs.StringVar(&c.Name, "s", "vm", "post as `srvname`")
	fs.StringVar(&c.Nine, "e", "", "the program's `file`")
	fs.StringVar(&c.Kernel, "k", "", "the kernel's `file`")
	fs.StringVar(&c.Modules, "M", "", "`directory` of its modules")
	fs.IntVar(&c.Memory, "m", 0, "memory, `MiB`")
	fs.StringVar(&c.Accel, "a", "", "qemu's `accelerators`")
	verbose := fs.Bool("v", false, "what the node says, on standard error")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if strings.ContainsAny(c.Name, "/ ") || c.Name == "" {
		return fmt.Errorf("%s: not a name", srv.Quote(c.Name))
	}
	if c.Memory != 0 && c.Memory < least {
		return fmt.Errorf("%w: -m %d: a node needs %d MiB", flag.ErrHelp, c.Memory, least)
	}
	if (c.Kernel == "") != (c.Modules == "") {
		return errors.New("-k and -M go together")
	}
	c.Params = strings.Join(fs.Args(), " ")
	if *verbose {
		c.Console = std[2]
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return vm.Run(ctx, c)
}

// least is the memory, in MiB, in which a node is known to boot.
const least = 128
