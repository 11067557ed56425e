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

	"ninespace/cpu"
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
	name := fs.String("s", "cpu", "post as `srvname`")
	addr := fs.String("l", "", "listen at `dialstring`")
	token := fs.String("k", cpu.TokenFile(), "`tokenfile` for TCP")
	nsfile := fs.String("n", "", "build name spaces from `nsfile`")
	one := fs.Bool("i", false, "serve standard input and output")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *one {
		if done, err := ns.Privileged(std); done {
			return err // it ran, to its end, in a process that may mount
		}
		src, err := ns.File(*nsfile)
		if err != nil {
			return err
		}
		if err := ns.Adopt(); err != nil {
			return err
		}
		os.Unsetenv("PWD") // where this process is, and no command
		os.Unsetenv("OLDPWD")
		return cpu.Serve(ctx, std[0], cpu.Config{NS: src, Stderr: std[2], Reap: func() {
			ns.Reap(0, func(int) bool { return false })
		}})
	}
	var l *cpu.Listener
	var err error
	if *addr != "" {
		l, err = cpu.Listen(*addr, *token)
	} else {
		l, err = cpu.Post(*name)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	return listen(ctx, l, std[2], *nsfile)
}

// listen gives each caller a process of its own: a session's name space and its
// failures are nobody else's.
func listen(ctx context.Context, l *cpu.Listener, stderr *os.File, nsfile string) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if err := ns.Adopt(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"cpud", "-i"}
	if nsfile != "" {
		args = append(args, "-n", nsfile)
	}
	var ss sessions
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := srv.Accept(ctx, l, func(err error) { fmt.Fprintf(stderr, "cpud: %v\n", err) })
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := ss.serve(ctx, l, c, self, args, stderr)
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.Exited() {
				return // it has said why itself
			}
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(stderr, "cpud: %s: %v\n", c.RemoteAddr(), err)
			}
		}()
	}
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

func (ss *sessions) serve(ctx context.Context, l *cpu.Listener, c net.Conn, self string, args []string, stderr *os.File) error {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := l.Admit(c); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // somebody looked whether we are here
		}
		return err
	}
	fc, ok := c.(interface{ File() (*os.File, error) })
	if !ok {
		return errors.New("connection without a descriptor")
	}
	f, err := fc.File()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args = append([]string{"nine"}, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = ss.start(cmd)
	f.Close()
	if err != nil {
		return err
	}
	c.Close() // the session's alone now
	return ss.wait(cmd)
}
