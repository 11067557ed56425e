package boot

import (
	"context"
	_ "embed"
	"errors"
	"os"

	"ninespace/initramfs/node"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// config is what a node runs.
func config() node.Config {
	c := node.Config{Console: []string{"newns", "rc", "-i"}}
	for _, s := range [][]string{{"cpud", "cpud", "-l", "tcp!*!17011"}, {"ram", "ramfs"}, {"proc", "procfs"}, {"dev", "devfs"}, {"exec", "execfs"},
		{"env", "envfs"}, {"ipc", "ipcfs"}, {"net", "netfs"}} {
		if len(s) == 2 {
			s = append(s, "-s", s[0])
		}
		c.Services = append(c.Services, s)
	}
	if _, err := os.Stat(nsfile); err == nil {
		c.Services[0] = append(c.Services[0], "-n", nsfile)
		c.Console = []string{"newns", "-n", nsfile, "rc", "-i"}
	}
	return c
}

// nsfile is where an image has a name space of its own.
const nsfile = "/lib/namespace"

// run is the argument by which the first process starts the one that does the work.
const run = "-n"

// Main is the command.
func Main(ctx context.Context, _ [3]*os.File, args []string) error {
	switch {
	case os.Getpid() == 1:
		node.Init([]string{"/init", run})
	case len(args) == 3 && args[0] == "-q": // the kernel's request for a module
		return node.Modprobe(args)
	case len(args) == 1 && args[0] == run && os.Getppid() == 1:
		return node.Run(ctx, config())
	}
	return errors.New("only a kernel starts init, as its first process")
}
