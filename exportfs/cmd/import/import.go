// Package imp is the command import, whose name is a word of Go's.
package imp

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// idle is how long a connection in the background is kept that nobody has mounted.
const idle = 10 * time.Second

// options are what the flags say.
type options struct {
	door.Dialer
	user, post string
	addr, tree string
	op         ns.Op // where it is mounted
	again      bool  // and mounted again where the connection was lost
	behind     bool  // this is the process in the background; descriptor 3 is told how it went
}

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var o options
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	after := f.Bool("a", false, "after what is there")
	before := f.Bool("b", false, "before what is there")
	create := f.Bool("c", false, "new files go there")
	cache := f.Bool("C", false, "cache")
	f.StringVar(&o.post, "s", "", "post as `srvname`")
	f.StringVar(&o.user, "u", "", "as `user` there")
	f.StringVar(&o.Key, "k", "", "show this `key`")
	f.StringVar(&o.Jump, "J", "", "through these `hosts`")
	verbose := f.Bool("v", false, "say what is done")
	f.BoolVar(&o.again, "r", false, "and again, when the host is there again")
	f.BoolVar(&o.behind, "B", false, "in the background")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() < 2 || f.NArg() > 3 || *after && *before {
		return flag.ErrHelp
	}
	o.addr, o.tree = door.Address(f.Arg(0), door.Port), f.Arg(1)
	o.Stderr = std[2]
	if *verbose {
		o.Log = func(format string, args ...any) { fmt.Fprintf(std[2], "import: "+format+"\n", args...) }
	}
	name := o.post
	if name == "" {
		name = postName(o.user, o.addr, o.tree)
	}
	if err := srv.CheckName(name); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	switch {
	case ns.Inside():
		at := f.Arg(2)
		if at == "" {
			at = o.tree
		}
		wd, err := os.Getwd()
		if err != nil {
			return err
		}
		// The door has proved who is at both ends. A proof to who serves behind it could be handed on.
		o.op = ns.Op{Verb: "mount", Flag: ns.Flags(*after, *before, *create, *cache), Auth: ns.Auth{None: true},
			New: "/srv/" + name, Old: ns.Abs(wd, at)}
		if o.behind {
			return o.background(name)
		}
		return o.mount(ctx, std, args, name)
	case o.again:
		return errors.New("-r mounts, and this is not in a name space")
	case f.NArg() == 3:
		return errors.New("not in a name space, where alone something can be mounted: start one with `nine up` or `nine newns`")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return o.serve(ctx, name, 0, func() error { return nil })
}

// maxName is the most that a socket's path, unix(7), leaves for a name.
func maxName() int { return 107 - len(p9.Namespace()) - 1 }

// postName is what a connection to a tree is posted as: one for each. It is no dial string.
func postName(user, addr, tree string) string {
	name := addr + strings.NewReplacer(":", "::", "/", ":").Replace(tree)
	if user != "" {
		name = user + "@" + name
	}
	if name = strings.NewReplacer("/", ":", "!", ",").Replace(name); len(name) > maxName() {
		name = fmt.Sprintf("import.%.8x", sha256.Sum256([]byte(name)))
	}
	return name
}

// mount mounts the tree by a connection that is there already, or one that a process in the
// background makes.
func (o *options) mount(ctx context.Context, std [3]*os.File, args []string, name string) error {
	if !posted(name) {
		if err := start(std, args); err != nil {
			return err
		}
	} else if o.post != "" {
		return fmt.Errorf("post %s: %w", name, p9.ErrorOf(syscall.EADDRINUSE))
	} else if o.again { // who keeps that connection mounts this nowhere
		return fmt.Errorf("post %s: %w: -r has a connection of its own: give -s another name", name, p9.ErrorOf(syscall.EADDRINUSE))
	}
	return ns.Do(ctx, o.op)
}

// posted tells whether somebody serves under a name.
func posted(name string) bool {
	c, err := net.Dial("unix", filepath.Join(p9.Namespace(), name))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// start starts the process in the background and waits until it has a connection. What it
// has to ask it asks on this terminal.
func start(std [3]*os.File, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(self)
	cmd.Args = append([]string{"nine", "import", "-B"}, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		cmd.Wait()
		return errors.New("the process in the background has ended")
	}
	if line = strings.TrimSuffix(line, "\n"); line != "ok" {
		cmd.Wait()
		return errors.New(line)
	}
	return nil
}

// background keeps a connection for those who mount it.
func (o *options) background(name string) error {
	tell := os.NewFile(3, "parent")
	unix.CloseOnExec(3)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := o.serve(ctx, name, idle, func() error {
		o.Log, o.Stderr = nil, nil
		if err := door.Detach(0, 1, 2); err != nil {
			return err
		}
		_, err := tell.WriteString("ok\n")
		tell.Close()
		return err
	})
	if o.again && errors.Is(err, exportfs.ErrLost) {
		return o.lost(ctx, name)
	}
	if err != nil {
		fmt.Fprintln(tell, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// serve connects, posts the connection, calls ready and serves.
func (o *options) serve(ctx context.Context, name string, idle time.Duration, ready func() error) error {
	i, err := exportfs.Dial(ctx, &o.Dialer, o.addr, o.user, o.tree)
	if err != nil {
		return err
	}
	defer i.Close()
	l, err := srv.Post(name)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		l.Close()
		return err
	}
	if err = i.Serve(ctx, l, idle); err != nil {
		return fmt.Errorf("%s: %w", o.addr, err)
	}
	return nil
}
