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
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("cpud", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	name := fs.String("s", "cpu", "post as `srvname`")
	addr := fs.String("l", "", "listen at `dialstring`")
	token := fs.String("k", cpu.TokenFile(), "`tokenfile` for TCP")
	nsfile := fs.String("n", "", "build name spaces from `nsfile`")
	one := fs.Bool("i", false, "serve standard input and output")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
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
		return cpu.Serve(ctx, std[0], cpu.Config{NS: src, Stderr: std[2]})
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
	return listen(ctx, l, std[2], *nsfile)
}

// listen gives each caller a process of its own: a session's name space and its
// failures are nobody else's.
func listen(ctx context.Context, l *cpu.Listener, stderr *os.File, nsfile string) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"cpud", "-i"}
	if nsfile != "" {
		args = append(args, "-n", nsfile)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := serve(ctx, l, c, self, args, stderr); err != nil && ctx.Err() == nil {
				fmt.Fprintf(stderr, "cpud: %s: %v\n", c.RemoteAddr(), err)
			}
		}()
	}
}

func serve(ctx context.Context, l *cpu.Listener, c net.Conn, self string, args []string, stderr *os.File) error {
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		f.Close()
		return err
	}
	f.Close()
	c.Close() // the session's alone now
	return cmd.Wait()
}
