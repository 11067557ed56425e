package cpu

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"ninespace/cpu"
	"ninespace/exportfs/door"
	"ninespace/srv"
	"ninespace/srv/diskfs"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("cpu", flag.ContinueOnError)
	addr := os.Getenv("cpu")
	if addr == "" {
		addr = door.Local
	}
	var c cpu.Cmd
	c.Env = environ()
	c.Stderr = std[2]
	fs.StringVar(&addr, "h", addr, "run at `addr`")
	dir := fs.String("d", "", "start in `dir`")
	fs.StringVar(&c.Key, "k", "", "`key` to show")
	fs.StringVar(&c.User, "u", "", "as `user`")
	fs.StringVar(&c.Jump, "J", "", "through `addr`")
	nsfile := fs.String("n", "", "apply the lines of `nsfile`")
	tree := fs.String("r", "/", "export only `tree`")
	readOnly := fs.Bool("R", false, "export for reading only")
	verbose := fs.Bool("v", false, "say what is done")
	resident := fs.Bool("M", false, "keep the connection")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	root, err := filepath.Abs(*tree)
	if err != nil {
		return err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return err
	}
	c.Addr, c.Args, c.Dir = addr, fs.Args(), *dir
	var opts []diskfs.Option
	if *readOnly {
		opts = append(opts, diskfs.ReadOnly())
	}
	if c.Tree, err = diskfs.New(root, opts...); err != nil {
		return err
	}
	if c.Dir == "" {
		c.Dir = "/mnt/term"
		// The directory itself and not $PWD, by whose links the far side would
		// end elsewhere.
		if wd, err := syscall.Getwd(); err == nil {
			if rel, err := filepath.Rel(root, wd); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
				c.Dir = filepath.Join(c.Dir, rel)
			}
		}
	}
	if *nsfile != "" {
		b, err := os.ReadFile(*nsfile)
		if err != nil {
			return err
		}
		c.NS = string(b)
	}
	if *verbose {
		c.Log = func(format string, args ...any) { fmt.Fprintf(std[2], "cpu: "+format+"\n", args...) }
	}
	idle, err := idleTime()
	if err != nil {
		return err
	}
	name := keptAs(&c, root, *readOnly)
	if *resident {
		return keep(ctx, &c, name, idle)
	}
	if idle > 0 {
		c.Resident = func(ctx context.Context) (net.Conn, error) { return kept(ctx, &c, name, args) }
	}
	return c.Run(ctx, std)
}

// environ gives what of the environment is the caller's and not the machine's.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "TERM" || name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_") {
			env = append(env, v)
		}
	}
	return env
}
