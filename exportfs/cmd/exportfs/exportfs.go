package exportfs

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/exportfs/trees"
	"ninespace/factotum/users"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// options are what the flags say.
type options struct {
	trees.Config
	door     door.Options
	patterns string // file of Patterns
	post     string
	listen   string
	one      bool   // serve one caller, on standard input and output
	listener bool   // have the callers' connections, for another exportfs
	want     string // what that one wants
}

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var o options
	f := flag.NewFlagSet("exportfs", flag.ContinueOnError)
	f.StringVar(&o.Root, "r", "/", "give only `tree`")
	f.BoolVar(&o.ReadOnly, "R", false, "read only")
	f.StringVar(&o.patterns, "P", "", "give only what `patternfile` says")
	f.StringVar(&o.Server, "S", "", "give what `srvname` serves")
	f.StringVar(&o.post, "s", "", "post as `srvname`")
	f.StringVar(&o.listen, "l", "", "listen at `dialstring`")
	f.StringVar(&o.door.Key, "k", "", "`key` of this machine")
	f.StringVar(&o.door.Users.File, "a", users.File, "who is whom, a `file`")
	f.BoolVar(&o.one, "i", false, "serve standard input and output")
	f.BoolVar(&o.listener, "D", false, "have the callers' connections, for exportfs")
	f.StringVar(&o.want, "w", "", "what the caller wants, a `line`")
	f.BoolVar(&o.Restricted, "x", false, "no network")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return flag.ErrHelp
	}
	if o.Server != "" && (o.ReadOnly || o.patterns != "" || o.Root != "/") {
		return fmt.Errorf("%w: a server's tree is given whole: no -R, -P or -r with -S", flag.ErrHelp)
	}
	var err error
	if o.Root, err = filepath.Abs(o.Root); err != nil {
		return err
	}
	if o.patterns != "" {
		if o.patterns, err = filepath.Abs(o.patterns); err != nil {
			return err
		}
		file, err := os.Open(o.patterns)
		if err != nil {
			return err
		}
		o.Patterns, err = exportfs.ParsePatterns(file)
		file.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", o.patterns, err)
		}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	switch {
	case o.listener:
		return door.None(ctx, 0)
	case o.one:
		return o.stdio(ctx, std)
	case o.listen != "":
		return o.doors(ctx, std[2])
	}
	if o.post == "" {
		if c := stream(std); c != nil {
			return o.serve(ctx, c)
		}
		o.post = "exportfs"
	}
	return o.posted(ctx)
}

// stream gives the connection that is both standard input and output, nil where none is.
func stream(std [3]*os.File) net.Conn {
	in, err := std[0].Stat()
	if err != nil {
		return nil
	}
	if out, err := std[1].Stat(); err != nil || !os.SameFile(in, out) {
		return nil
	}
	c, err := net.FileConn(std[0])
	if err != nil {
		return nil
	}
	return c
}

// serve gives the tree to whoever is at the other end, as exportfs(4) does.
func (o *options) serve(ctx context.Context, c net.Conn) error {
	serve, done, err := o.Export().Tree(ctx, "")
	if err != nil {
		c.Close()
		return err
	}
	defer done()
	serve(ctx, c)
	return nil
}

// posted gives the tree to whoever may connect to a socket of ours, without ceremony.
func (o *options) posted(ctx context.Context) error {
	e := o.Export()
	c, err := e.Dial(ctx, "")
	if err != nil {
		return err
	}
	if c == nil {
		tree, err := e.Open(ctx, "")
		if err != nil {
			return err
		}
		if c, ok := tree.(io.Closer); ok {
			defer c.Close()
		}
		l, err := srv.Post(o.post)
		if err != nil {
			return err
		}
		return srv.New(tree).Serve(ctx, l)
	}
	c.Close()
	l, err := srv.Post(o.post)
	if err != nil {
		return err
	}
	return each(ctx, l, func(c net.Conn) {
		to, err := e.Dial(ctx, "")
		if err != nil {
			c.Close()
			return
		}
		exportfs.Relay(ctx, c, to)
	})
}

// each serves those who come until ctx ends, and waits for them.
func each(ctx context.Context, l net.Listener, serve func(net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := srv.Accept(ctx, l, nil)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case err != nil:
			return err
		}
		wg.Go(func() { serve(c) })
	}
}

// doors lets callers in who have a key. Run by root, it only starts processes: one without
// rights, which has their connections, and each caller's own.
func (o *options) doors(ctx context.Context, stderr *os.File) error {
	l, err := door.Listen(o.listen, o.door)
	if err != nil {
		return err
	}
	log := func(addr string, err error) {
		if !errors.Is(err, door.ErrLeft) && ctx.Err() == nil {
			fmt.Fprintf(stderr, "exportfs: %s: %v\n", addr, err)
		}
	}
	if door.Guarded() {
		g := door.Guard{Args: []string{"nine", "exportfs", "-D"}, Start: o.become, Log: log}
		return g.Serve(ctx, []*door.Listener{l})
	}
	return each(ctx, l, func(raw net.Conn) {
		if err := o.caller(ctx, l, raw); err != nil {
			log(raw.RemoteAddr().String(), err)
		}
	})
}

func (o *options) caller(ctx context.Context, l *door.Listener, raw net.Conn) error {
	c, err := l.Admit(ctx, raw)
	if err != nil {
		return err
	}
	cfg := o.Config // a caller's own
	cfg.Restricted = cfg.Restricted || c.Peer.Restrict
	return cfg.Export().Serve(ctx, c)
}

// become serves a caller by a process that is his, so that what he may do is the kernel's
// to say.
func (o *options) become(ctx context.Context, c *door.Conn, stream *os.File) (wait func() error, err error) {
	if c.Peer.Command != "" {
		return nil, door.Tell(exportfs.ErrCommand)
	}
	u, err := users.Lookup(c.Peer.User)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{"nine", "exportfs", "-i", "-r", o.Root}
	for flag, on := range map[string]bool{"-R": o.ReadOnly, "-x": o.Restricted || c.Peer.Restrict} {
		if on {
			cmd.Args = append(cmd.Args, flag)
		}
	}
	want := ""
	if c.Want.Service != "" { // else it is for the process to hear
		want = c.Want.String()
	}
	for flag, value := range map[string]string{"-P": o.patterns, "-S": o.Server, "-w": want} {
		if value != "" {
			cmd.Args = append(cmd.Args, flag, value)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stream, stream, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	if _, local := c.ReadWriteCloser.(*net.UnixConn); !local || u.Uid != 0 { // else he is at home here already
		u.As(cmd)
	}
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		cmd.Wait() // it says itself what is wrong
		return nil
	}, nil
}

// stdio serves the one whom somebody else has let in.
func (o *options) stdio(ctx context.Context, std [3]*os.File) error {
	c, err := net.FileConn(std[0])
	if err != nil {
		return fmt.Errorf("standard input is no socket: %w", err)
	}
	dc, err := door.Stdio(c, o.want)
	if err != nil {
		c.Close()
		if errors.Is(err, door.ErrLeft) {
			return nil
		}
		return err
	}
	return o.Export().Serve(ctx, dc)
}
