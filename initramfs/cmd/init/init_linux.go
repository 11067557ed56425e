package boot

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"

	"ninespace/doc"
	"ninespace/initramfs/node"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// config is what a node runs.
func config() node.Config {
	c := node.Config{
		Services: [][]string{{"cpud", "cpud", "-l", "tcp!*!17011", "-k", hostKey}, {"kernel", "init", serve}, {"ram", "ramfs", "-s", "ram"}, {"factotum", "factotum"}},
		Console:  []string{"newns", "rc", "-i"},
	}
	if _, err := os.Stat(nsfile); err == nil {
		c.Services[0] = append(c.Services[0], "-n", nsfile)
		c.Console = []string{"newns", "-n", nsfile, "rc", "-i"}
	}
	return c
}

// hostKey is the key by which the node is known. Of its own accord cpud takes those of root's factotum
// first, and who gives that one a key gives it to be used for him, not for the node.
const hostKey = "/etc/ssh/ssh_host_ed25519_key"

// nsfile is where an image has a name space of its own.
const nsfile = "/lib/namespace"

// What the first process has others of this program do.
const (
	run   = "-n" // the work
	serve = "-s" // the servers of kernel
	relay = "-r" // to be between the kernel and the server of the root
)

// kernel are the servers that keep nothing of anybody's, each with the name that it is posted by.
// As Plan 9's kernel one program has them: each of its own would take a tenth of a second and
// 3 MiB of a small machine. What ram has would be lost with any of the others.
var kernel = [...][2]string{{"procfs", "proc"}, {"devfs", "dev"}, {"envfs", "env"}, {"ipcfs", "ipc"}, {"netfs", "net"}, {"execfs", "exec"}}

// serveKernel serves until ctx ends, a signal says so, or one of the servers fails.
func serveKernel(ctx context.Context, std [3]*os.File, t doc.Table) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, s := range kernel {
		c, ok := t.Lookup(s[0])
		if !ok {
			return fmt.Errorf("%s: no such command", s[0])
		}
		go func() {
			err := c.Main(ctx, std, []string{"-s", s[1]})
			if err != nil {
				err = fmt.Errorf("%s: %w", s[0], err)
			}
			ended <- err
		}()
	}
	var first error
	for range kernel {
		if err := <-ended; first == nil {
			first = err
		}
		cancel()
	}
	return first
}

// Main gives the command, which runs others of a table.
func Main(t doc.Table) func(context.Context, [3]*os.File, []string) error {
	return func(ctx context.Context, std [3]*os.File, args []string) error {
		switch {
		case os.Getpid() == 1:
			node.Init([]string{"/init", run})
		case len(args) == 3 && args[0] == "-q": // the kernel's request for a module
			return node.Modprobe(args)
		case len(args) == 1 && args[0] == run && os.Getppid() == 1:
			return node.Run(ctx, config())
		case len(args) == 1 && args[0] == serve:
			return serveKernel(ctx, std, t)
		case len(args) == 4 && args[0] == relay:
			return node.Relay(ctx, std, args[1:])
		}
		return errors.New("only a kernel starts init, as its first process")
	}
}
