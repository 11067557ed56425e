package cpud

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
	"sync"
	"syscall"
	"time"

	"ninespace/cpu"
	"ninespace/exportfs/door"
	"ninespace/factotum/users"
	"ninespace/ns"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("cpud", flag.ContinueOnError)
	d := daemon{stderr: std[2]}
	name := fs.String("s", "cpu", "post as `srvname`")
	addr := fs.String("l", "", "listen at `dialstring`")
	fs.StringVar(&d.door.Key, "k", "", "`key` of this machine")
	fs.StringVar(&d.door.Users.File, "a", users.File, "who is whom, a `file`")
	fs.DurationVar(&d.door.Keep, "t", 0, "keep a lost caller's session for this `time`")
	fs.StringVar(&d.nsfile, "n", "", "build name spaces from `nsfile`")
	one := fs.Bool("i", false, "serve standard input and output")
	want := fs.String("w", "", "what the caller wants, a `line`")
	cfg := cpu.Config{Stderr: std[2]}
	fs.StringVar(&cfg.Command, "c", "", "run this `command` only")
	fs.BoolVar(&cfg.Restrict, "R", false, "no terminal")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *one {
		return session(ctx, std, d.nsfile, *want, cfg)
	}
	var l *door.Listener
	var err error
	if *addr != "" {
		l, err = door.Listen(*addr, d.door)
	} else {
		l, err = door.Post(*name)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	d.Listener = l
	return d.serve(ctx)
}

// A daemon gives each caller a process of its own: a session's user, name space and
// failures are nobody else's.
type daemon struct {
	*door.Listener
	door   door.Options
	nsfile string
	stderr io.Writer
	self   string
	sessions
}

func (d *daemon) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { d.Listener.Close() })
	defer stop()
	if err := ns.Adopt(); err != nil {
		return err
	}
	var err error
	if d.self, err = os.Executable(); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		raw, err := srv.Accept(ctx, d, func(err error) { fmt.Fprintf(d.stderr, "cpud: %v\n", err) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		wg.Go(func() {
			err := d.caller(ctx, raw)
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.Exited() || errors.Is(err, door.ErrLeft) || ctx.Err() != nil {
				return // it has said why itself
			}
			if err != nil {
				fmt.Fprintf(d.stderr, "cpud: %s: %v\n", raw.RemoteAddr(), err)
			}
		})
	}
}

// caller serves one.
func (d *daemon) caller(ctx context.Context, raw net.Conn) error {
	c, err := d.Admit(ctx, raw)
	if err != nil {
		return err
	}
	defer c.Close()
	cmd, err := d.command(ctx, c)
	if err != nil {
		c.Refuse(errors.New("no session can be made"))
		return err
	}
	f, hand, err := descriptor(c)
	if err != nil {
		c.Refuse(err)
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, os.Stderr
	err = d.start(cmd)
	f.Close()
	if err != nil {
		c.Refuse(errors.New("no session can be made"))
		hand(nil)
		return err
	}
	relayed := make(chan struct{})
	go func() {
		hand(c)
		close(relayed)
	}()
	err = d.wait(cmd)
	// What the session said last is still on its way, to a caller who takes it.
	if t, ok := c.ReadWriteCloser.(interface{ SetDeadline(time.Time) error }); ok {
		t.SetDeadline(time.Now().Add(lastWords))
	}
	<-relayed
	return err
}

// lastWords is how long a caller may take to hear the end of a session.
const lastWords = 5 * time.Second

// descriptor gives a descriptor for a session that leads to its caller, and what copies
// between the two (or, for nil, does not). A Unix socket is the session's own from then on.
func descriptor(c *door.Conn) (*os.File, func(*door.Conn), error) {
	if uc, ok := c.ReadWriteCloser.(*net.UnixConn); ok {
		f, err := uc.File()
		return f, func(c *door.Conn) {
			if c != nil {
				c.Close()
			}
		}, err
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "session"), os.NewFile(uintptr(fds[1]), "session")
	defer ours.Close()
	nc, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return theirs, func(c *door.Conn) {
		defer nc.Close()
		if c == nil {
			return
		}
		go func() {
			io.Copy(nc, c)
			nc.(*net.UnixConn).CloseWrite()
		}()
		io.Copy(c, nc)
		c.Close()
	}, nil
}

// sessions are those that run. A child that is none of them was left behind by one
// that was killed.
type sessions struct {
	mu   sync.Mutex
	runs map[int]*exec.Cmd
}

// start starts a session.
func (ss *sessions) start(cmd *exec.Cmd) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if ss.runs == nil {
		ss.runs = map[int]*exec.Cmd{}
	}
	ss.runs[cmd.Process.Pid] = cmd
	return nil
}

// wait waits for a session's end and ends what it left behind.
func (ss *sessions) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if pid := cmd.Process.Pid; ss.runs[pid] == cmd { // and not another one by now
		delete(ss.runs, pid)
	}
	ns.Reap(0, func(pid int) bool { return ss.runs[pid] != nil })
	return err
}
