package ninep

import (
	"context"
	_ "embed" // for the manual page
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"ninespace/factotum/auth"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

//go:embed doc.go
var Man string // the manual page

// A session is one run of the command: its options and the servers that it has
// dialled.
type session struct {
	ctx   context.Context
	std   [3]*os.File
	opts  client.Options
	dial  string
	aname string
	uname string
	trees map[string]client.Fsys
	long  bool // ls -l, write -l
	dir   bool // ls -d
}

// A command is what can be done. flags are the letters that it takes.
type command struct {
	flags    string
	min, max int // number of paths; 0: any
	run      func(s *session, paths []string) error
}

// commands are made when they are asked for: each command of nine would pay for a
// variable's map.
func commands() map[string]command {
	return map[string]command{
		"ls":     {"ld", 1, 0, (*session).ls},
		"read":   {"", 1, 0, each((*session).read)},
		"write":  {"l", 1, 1, each((*session).write)},
		"rdwr":   {"", 1, 1, each((*session).rdwr)},
		"stat":   {"", 1, 0, each((*session).stat)},
		"create": {"", 1, 0, each((*session).create)},
		"mkdir":  {"", 1, 0, each((*session).mkdir)},
		"mv":     {"", 2, 2, (*session).mv},
		"cp":     {"", 2, 0, (*session).cp},
		"rm":     {"", 1, 0, each((*session).rm)},
	}
}

// Main is the command 9p; see doc.go.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	s := &session{std: std, trees: map[string]client.Fsys{}}
	f := flag.NewFlagSet("9p", flag.ContinueOnError)
	dotl := f.Bool("l", false, "speak 9P2000.L")
	trace := f.Bool("D", false, "trace")
	f.StringVar(&s.dial, "a", "", "dial string")
	f.StringVar(&s.aname, "A", "", "attach name")
	f.StringVar(&s.uname, "u", "", "user name")
	if err := srv.Parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return flag.ErrHelp
	}
	cmd, ok := commands()[f.Arg(0)]
	if !ok {
		return fmt.Errorf("%w: unknown command %s", flag.ErrHelp, f.Arg(0))
	}
	sub := flag.NewFlagSet(f.Arg(0), flag.ContinueOnError)
	if strings.Contains(cmd.flags, "l") {
		sub.BoolVar(&s.long, "l", false, "long, or by lines")
	}
	if strings.Contains(cmd.flags, "d") {
		sub.BoolVar(&s.dir, "d", false, "directories themselves")
	}
	if err := srv.Parse(sub, f.Args()[1:]); err != nil {
		return err
	}
	if n := sub.NArg(); n < cmd.min || cmd.max > 0 && n > cmd.max {
		return flag.ErrHelp
	}
	s.opts.Version = p9.Version9P2000
	if *dotl {
		s.opts.Version = p9.Version9P2000L
	}
	if *trace {
		var mu sync.Mutex
		s.opts.Trace = func(line string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(std[2], line)
		}
	}
	var stop func() os.Signal
	s.ctx, stop = notes(ctx)
	err := cmd.run(s, sub.Args())
	for _, t := range s.trees {
		t.Root.Conn().Close()
	}
	if sig := stop(); sig != nil && errors.Is(err, context.Canceled) {
		return interrupted{sig.(syscall.Signal)}
	}
	return err
}

// notes ends the context at the first signal that asks for that. A second one
// does what it does to any program. stop tells which came.
func notes(ctx context.Context) (_ context.Context, stop func() os.Signal) {
	ctx, cancel := context.WithCancel(ctx)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	got := make(chan os.Signal, 1)
	go func() {
		select {
		case sig := <-c:
			got <- sig
			signal.Stop(c)
			cancel()
		case <-ctx.Done():
		}
		close(got)
	}()
	return ctx, func() os.Signal {
		signal.Stop(c)
		cancel()
		return <-got
	}
}

// interrupted is the exit status that a shell gives to a death by signal.
type interrupted struct{ sig syscall.Signal }

func (i interrupted) Error() string { return i.sig.String() }

// ExitCode is 128 and the signal's number.
func (i interrupted) ExitCode() int { return 128 + int(i.sig) }

// each makes a command for many paths out of one for one.
func each(do func(s *session, t client.Fsys, path string) error) func(*session, []string) error {
	return func(s *session, paths []string) error {
		var errs []error
		for _, p := range paths {
			t, path, err := s.tree(p)
			if err == nil {
				err = do(s, t, path)
			}
			if err != nil {
				errs = append(errs, err)
			}
			if s.ctx.Err() != nil {
				break
			}
		}
		return errors.Join(errs...)
	}
}

// tree finds the server that a path is of, and the path in its tree.
func (s *session) tree(path string) (client.Fsys, string, error) {
	dial := s.dial
	if dial == "" {
		if dial, path, _ = strings.Cut(path, "/"); dial == "" {
			return client.Fsys{}, "", fmt.Errorf("/%s: no server name", path)
		}
	}
	if path == "" {
		path = "/"
	}
	if t, ok := s.trees[dial]; ok {
		return t, path, nil
	}
	c, err := client.Dial(s.ctx, dial, &s.opts)
	if err != nil {
		return client.Fsys{}, "", err
	}
	root, err := s.attach(c)
	if err != nil {
		c.Close()
		return client.Fsys{}, "", fmt.Errorf("attach %s: %w", strings.TrimSpace(dial+" "+s.aname), err)
	}
	s.trees[dial] = client.Fsys{Root: root}
	return s.trees[dial], path, nil
}

// attach attaches to one of a server's trees. To prove who one is, which the server could hand on to
// another, is asked for by saying who that is.
func (s *session) attach(c *client.Conn) (*client.Fid, error) {
	if s.uname == "" {
		return c.Attach(s.ctx, nil, "", s.aname)
	}
	return auth.Attach(s.ctx, c, s.uname, s.aname, "user="+srv.Quote(s.uname), nil)
}
