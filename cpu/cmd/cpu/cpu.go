package cpu

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ninespace/cpu"
	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// An options is what the flags say.
type options struct {
	cpu.Cmd
	list, dir, nsfile, tree, command   string
	patterns, patternText              string // the file that says what of the tree is exported
	readOnly, install, verbose, reside bool
	label, plan9                       bool
	idle                               time.Duration
}

func (o *options) parse(args []string) (*flag.FlagSet, error) {
	fs := flag.NewFlagSet("cpu", flag.ContinueOnError)
	if o.list = os.Getenv("cpu"); o.list == "" {
		o.list = door.Local
	}
	fs.StringVar(&o.list, "h", o.list, "run at `addr`")
	fs.StringVar(&o.User, "u", "", "as `user`")
	fs.StringVar(&o.Jump, "J", "", "through `addr`")
	fs.StringVar(&o.Key, "k", "", "`key` to show")
	fs.StringVar(&o.dir, "d", "", "start in `dir`")
	fs.Func("e", "environment: `name`, or name=value", func(v string) error {
		name, _, ok := strings.Cut(v, "=")
		if name == "" {
			return errors.New("no name")
		}
		if !ok {
			value, ok := os.LookupEnv(name)
			if !ok {
				return nil
			}
			v += "=" + value
		}
		o.Env = append(o.Env, v)
		return nil
	})
	fs.StringVar(&o.nsfile, "n", "", "apply the lines of `nsfile`")
	fs.StringVar(&o.tree, "r", "/", "export only `tree`")
	fs.BoolVar(&o.readOnly, "R", false, "export for reading only")
	fs.StringVar(&o.patterns, "P", "", "export what `patternfile` says")
	fs.BoolVar(&o.Own, "N", false, "with the root from here")
	fs.BoolVar(&o.Leave, "f", false, "leave the command running")
	fs.StringVar(&o.Attach, "a", "", "go on with `command`")
	fs.BoolVar(&o.label, "l", false, "mark lines by their node")
	fs.BoolVar(&o.install, "i", false, "install nine at ssh's host")
	fs.BoolVar(&o.verbose, "v", false, "say what is done")
	fs.BoolVar(&o.plan9, "9", false, "by Plan 9's door")
	fs.BoolVar(&o.reside, "M", false, "keep the connection")
	fs.StringVar(&o.command, "c", "", "run `cmd`")
	args, rest := behindCommand(srv.Letters(fs, args))
	if err := srv.Parse(fs, args); err != nil {
		return nil, err
	}
	if o.Args = fs.Args(); o.command != "" {
		o.Args = append([]string{o.command}, rest...)
	}
	return fs, nil
}

// behindCommand parts the arguments behind -c cmd, all of which are cmd's.
func behindCommand(args []string) (ours, rest []string) {
	for i, a := range args {
		if a == "--" || a == "" || a[0] != '-' && (i == 0 || len(args[i-1]) != 2 || args[i-1][0] != '-') {
			break
		}
		if a == "-c" && i+1 < len(args) {
			return args[:i+2], args[i+2:]
		}
	}
	return args, nil
}

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	o := new(options)
	o.Env = environ()
	o.Stderr = std[2]
	if _, err := o.parse(args); err != nil {
		return err
	}
	root, err := filepath.Abs(o.tree)
	if err != nil {
		return err
	}
	if o.tree, err = filepath.EvalSymlinks(root); err != nil {
		return err
	}
	if o.Tree, err = serveTree(o.tree, o.readOnly); err != nil {
		return err
	}
	if err := o.choose(); err != nil {
		return err
	}
	if !o.reside && o.Attach == "" {
		if err := o.place(); err != nil {
			return err
		}
	}
	if o.nsfile != "" {
		b, err := os.ReadFile(o.nsfile)
		if err != nil {
			return err
		}
		o.NS = string(b)
	}
	if o.verbose {
		o.Log = func(format string, args ...any) { fmt.Fprintf(std[2], "cpu: "+format+"\n", args...) }
	}
	if o.SSH, err = srv.Fields(os.Getenv("SSH")); err != nil {
		return fmt.Errorf("$SSH: %w", err)
	}
	if o.idle, err = idleTime(); err != nil {
		return err
	}
	if o.reside {
		o.Addr = o.list
		return keep(ctx, o)
	}
	if o.plan9 && (o.Leave || o.Attach != "" || o.install || o.Own || o.nsfile != "" || o.Key != "") {
		return fmt.Errorf("%w: -9 goes with none of -a, -f, -i, -k, -n and -N", flag.ErrHelp)
	}
	if o.Leave && o.idle == 0 {
		return errors.New("-f needs a connection that is kept: $cpuidle")
	}
	addrs, err := nodes(o.list)
	if err != nil {
		return err
	}
	if len(addrs) > 1 || o.label {
		return everywhere(ctx, addrs, std, o.run)
	}
	return o.run(ctx, addrs[0], std)
}

// choose leaves of the tree what the patterns say.
func (o *options) choose() error {
	if o.patterns == "" {
		return nil
	}
	var err error
	if o.patterns, err = filepath.Abs(o.patterns); err != nil {
		return err
	}
	b, err := os.ReadFile(o.patterns)
	if err != nil {
		return err
	}
	o.patternText = string(b)
	p, err := exportfs.ParsePatterns(strings.NewReader(o.patternText))
	if err != nil {
		return fmt.Errorf("%s: %w", o.patterns, err)
	}
	o.Tree, err = p.Tree(o.Tree, "/")
	return err
}

// run runs the command at one node.
func (o *options) run(ctx context.Context, at string, std [3]*os.File) error {
	c := o.Cmd
	port := door.Port
	if o.plan9 {
		port = door.Plan9Port
	}
	addr, user := address(at, port)
	if c.Addr = addr; user != "" {
		c.User = user
	}
	if o.verbose {
		o.Log("%s", o.mounts())
	}
	if o.plan9 {
		return c.RunPlan9(ctx, std)
	}
	if o.install {
		if !strings.HasPrefix(addr, "ssh!") {
			return fmt.Errorf("%w: -i is for ssh!host", flag.ErrHelp)
		}
		if err := c.Install(ctx, addr, "/proc/self/exe"); err != nil {
			return err
		}
	}
	if o.verbose && o.Attach == "" { // whose files may be another machine's
		c.Trips = new(atomic.Uint64)
		defer o.tellTrips(ctx, &c)
	}
	if o.idle > 0 {
		c.Resident = func(ctx context.Context) (net.Conn, string, error) { return kept(ctx, &c, o) }
	}
	return c.Run(ctx, std)
}

// tellTrips says how many round trips the command took, of a connection that is kept by asking
// that: without an answer it is not known.
func (o *options) tellTrips(ctx context.Context, c *cpu.Cmd) {
	if c.Resident != nil {
		conn, _, trips, err := o.there(ctx, c)
		if err != nil {
			return
		}
		conn.Close()
		c.Trips.Add(trips)
	}
	o.Log("your files took %d round trips at most", c.Trips.Load())
}

// mounts says what the far side is given, and where the command begins.
func (o *options) mounts() string {
	s := o.tree + " is /mnt/term there"
	if o.patterns != "" {
		s += ", what of it " + o.patterns + " says"
	}
	if o.readOnly {
		s += ", for reading only"
	}
	if o.Own {
		s += ", and the root"
	}
	if o.nsfile != "" {
		s += ", with the lines of " + o.nsfile
	}
	return s + "; the command begins in " + o.Dir
}

// place says where the command runs, and what of this machine's root may be its own.
func (o *options) place() error {
	o.Dir = o.dir
	o.Root = &cpu.Root{Tree: o.tree, Env: []string{"PATH=" + os.Getenv("PATH")}}
	if o.dir != "" {
		return nil
	}
	o.Dir = "/mnt/term"
	// The directory itself and not $PWD, by whose links the far side would end elsewhere.
	wd, err := syscall.Getwd()
	if err != nil { // it was removed: what is meant for it is done nowhere else
		return fmt.Errorf("working directory: %w; -d says where to start", err)
	}
	if rel, err := filepath.Rel(o.tree, wd); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		o.Dir = filepath.Join(o.Dir, rel)
	}
	o.Root.Dir = o.Dir
	return nil
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
