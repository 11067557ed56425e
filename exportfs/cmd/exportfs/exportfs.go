package exportfs

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
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
	f.StringVar(&o.post, "s", "exportfs", "post as `srvname`")
	f.StringVar(&o.listen, "l", "", "listen at `dialstring`")
	f.StringVar(&o.door.Key, "k", "", "`key` of this machine")
	f.StringVar(&o.door.Users.File, "a", users.File, "who is whom, a `file`")
	f.BoolVar(&o.one, "i", false, "serve standard input and output")
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
	case o.one:
		return o.stdio(ctx, std)
	case o.listen != "":
		return o.doors(ctx, std[2])
	}
	return o.posted(ctx)
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
		if c, ok := tree.(interface{ Close() error }); ok {
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

// doors lets callers in who have a key.
func (o *options) doors(ctx context.Context, stderr *os.File) error {
	l, err := door.Listen(o.listen, o.door)
	if err != nil {
		return err
	}
	return each(ctx, l, func(raw net.Conn) {
		err := o.caller(ctx, l, raw)
		if err != nil && !errors.Is(err, door.ErrLeft) && ctx.Err() == nil {
			fmt.Fprintf(stderr, "exportfs: %s: %v\n", raw.RemoteAddr(), err)
		}
	})
}

func (o *options) caller(ctx context.Context, l *door.Listener, raw net.Conn) error {
	c, err := l.Admit(ctx, raw)
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return o.become(ctx, c)
	}
	cfg := o.Config // a caller's own
	cfg.Restricted = cfg.Restricted || c.Peer.Restrict
	return cfg.Export().Serve(ctx, c)
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
		return err
	}
	return o.Export().Serve(ctx, dc)
}
