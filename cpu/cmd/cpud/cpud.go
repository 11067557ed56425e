package cpud

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/cpu"
	"ninespace/exportfs/door"
	"ninespace/factotum/auth"
	"ninespace/factotum/users"
	"ninespace/ns"
	"ninespace/rc/bin"
	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/p9"
	"ninespace/srv/procfs"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main gives the command, in whose name spaces the commands of the binary have these names.
func Main(names func() []string) func(context.Context, [3]*os.File, []string) error {
	return func(ctx context.Context, std [3]*os.File, args []string) error {
		return run(ctx, std, args, names)
	}
}

func run(ctx context.Context, std [3]*os.File, args []string, names func() []string) error {
	fs := flag.NewFlagSet("cpud", flag.ContinueOnError)
	d := daemon{stderr: std[2]}
	name := fs.String("s", "cpu", "post as `srvname`")
	addr := fs.String("l", "", "listen at `dialstring`")
	plan9 := fs.String("9", "", "listen at `dialstring` for Plan 9's clients")
	fs.StringVar(&d.door.Key, "k", "", "`key` of this machine")
	fs.StringVar(&d.door.Users.File, "a", users.File, "who is whom, a `file`")
	fs.DurationVar(&d.door.Keep, "t", 0, "keep a lost caller's session for this `time`")
	fs.StringVar(&d.nsfile, "n", "", "build name spaces from `nsfile`")
	one := fs.Bool("i", false, "serve standard input and output")
	listener := fs.Bool("D", false, "have the callers' connections, for cpud")
	want := fs.String("w", "", "what the caller wants, a `line`")
	alive := fs.Int("e", -1, "pipe to cpud, a `descriptor`")
	cfg := cpu.Config{Stderr: std[2]}
	fs.StringVar(&cfg.Command, "c", "", "run this `command` only")
	fs.BoolVar(&cfg.Restrict, "R", false, "no terminal")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	if d.door.Keep < 0 {
		return fmt.Errorf("%w: invalid value %q for flag -t: less than nothing", flag.ErrHelp, d.door.Keep.String())
	}
	if file := d.door.Users.File; file != users.File {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("-a: %w", err)
		}
	}
	if d.nsfile != "" {
		if _, err := os.Stat(d.nsfile); err != nil {
			return fmt.Errorf("-n: %w", err)
		}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *listener {
		return door.None(ctx, d.door.Keep)
	}
	if *one {
		cfg.Engine = func(streams ...io.ReadWriteCloser) (*ns.Session, error) {
			o := ns.EngineOptions{Namespace: p9.Namespace(), Streams: streams, Near: procfs.Near, Attach: auth.Attach}
			if err := o.Bin(names(), bin.All()); err != nil {
				return nil, err
			}
			s, err := ns.StartHere(o, func() (srv.File, error) { return diskfs.New("/") })
			if err == nil && *alive >= 0 {
				err = s.Tell(*alive)
			}
			return s, err
		}
		return session(ctx, std, d.nsfile, *want, *alive, cfg)
	}
	var doors []*door.Listener
	open := func(l *door.Listener, err error) error {
		if err == nil {
			doors = append(doors, l)
		}
		return err
	}
	var err error
	switch {
	case *addr != "":
		err = open(door.Listen(*addr, d.door))
	case *plan9 == "":
		err = open(door.Post(*name))
	}
	if err == nil && *plan9 != "" {
		err = open(door.ListenPlan9(ctx, *plan9, d.door))
	}
	for _, l := range doors {
		defer l.Close()
	}
	if err != nil {
		return err
	}
	return d.serve(ctx, doors)
}

// A daemon gives each caller a process of its own: a session's user, name space and
// failures are nobody else's.
type daemon struct {
	door   door.Options
	nsfile string
	stderr io.Writer
	self   string
	tally  door.Tally // of who is served where there is no Guard
	sessions
}

// serve serves those who come through the doors, until ctx ends or one of them fails.
func (d *daemon) serve(ctx context.Context, doors []*door.Listener) error {
	if err := ns.Adopt(); err != nil {
		return err
	}
	var err error
	if d.self, err = os.Executable(); err != nil {
		return err
	}
	if door.Guarded() {
		// What root has opened before is not for sessions.
		if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return os.NewSyscallError("close_range", err)
		}
		args := []string{"nine", "cpud", "-D", "-t", d.door.Keep.String()}
		g := door.Guard{Args: args, Begin: d.start, Start: d.run, Log: d.log}
		return g.Serve(ctx, doors)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, l := range doors {
		go func() { ended <- d.listen(ctx, l) }()
	}
	for range doors {
		if e := <-ended; err == nil {
			err = e
		}
		cancel()
	}
	return err
}

func (d *daemon) listen(ctx context.Context, l *door.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		raw, err := srv.Accept(ctx, l, func(err error) { fmt.Fprintf(d.stderr, "cpud: %v\n", err) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		wg.Go(func() {
			if err := d.caller(ctx, l, raw); err != nil && ctx.Err() == nil {
				d.log(raw.RemoteAddr().String(), err)
			}
		})
	}
}

// log tells of a caller who was not served as it should be.
func (d *daemon) log(addr string, err error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() || errors.Is(err, door.ErrLeft) {
		return // it has said why itself
	}
	if errors.Is(err, context.Canceled) {
		return // the daemon ends
	}
	fmt.Fprintf(d.stderr, "cpud: %s: %v\n", addr, err)
}

// caller serves one.
func (d *daemon) caller(ctx context.Context, l *door.Listener, raw net.Conn) error {
	c, err := l.Admit(ctx, raw)
	if err != nil {
		return err
	}
	defer c.Close()
	leave, err := d.tally.Enter(c.Peer.User)
	if err != nil {
		c.Refuse(err)
		return err
	}
	defer leave()
	f, session, err := descriptor(c)
	if err != nil {
		c.Refuse(err)
		return err
	}
	wait, err := d.run(ctx, c, f)
	f.Close()
	if err != nil {
		c.Refuse(errors.New("no session can be made"))
		if session != nil {
			session.Close()
		}
		return err
	}
	if session == nil {
		c.Close()
		return wait()
	}
	return c.Carry(session, wait)
}

// run starts a session.
func (d *daemon) run(ctx context.Context, c *door.Conn, stream *os.File) (wait func() error, err error) {
	cmd, err := d.command(ctx, c)
	if err != nil {
		return nil, err
	}
	said := os.Stderr
	if cmd.SysProcAttr.Credential != nil {
		if said, err = d.saying(); err != nil {
			return nil, err
		}
		defer said.Close()
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stream, stream, said
	if err := d.start(cmd); err != nil {
		return nil, err
	}
	return func() error { return d.wait(cmd) }, nil
}

// saying gives what a session of another user may write to for the log: what root has there,
// a terminal say, is not for that one to have.
func (d *daemon) saying() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer r.Close()
		for in := bufio.NewScanner(r); in.Scan(); {
			fmt.Fprintln(d.stderr, door.Plain(in.Text()))
		}
		io.Copy(io.Discard, r)
	}()
	return w, nil
}

// descriptor gives a descriptor for a session that leads to its caller, and what there is to
// be carried to it, nil where the descriptor is the caller's own, a Unix socket.
func descriptor(c *door.Conn) (*os.File, net.Conn, error) {
	if uc, ok := c.ReadWriteCloser.(*net.UnixConn); ok {
		f, err := uc.File()
		return f, nil, err
	}
	nc, theirs, err := door.Pair()
	return theirs, nc, err
}
