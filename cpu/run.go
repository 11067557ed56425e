package cpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/client"
)

// A Cmd is a command to run on another node.
type Cmd struct {
	Far
	Args []string // the command and its arguments; none: the far side's shell
	Dir  string   // where it runs; "" is the far side's choice
	Env  []string // added to its environment, name=value
	NS   string   // namespace(6) lines for its name space, each of which must hold
	Root *Root    // the caller's, for a command that the far side does not have; nil: never
	Own  bool     // Root for any command

	Leave  bool   // start the command and leave it, its name on standard output: the connection has to be kept
	Attach string // instead of a new command: the name of one that was left
}

// Run runs the command with std as its standard files and returns when it has
// ended: nil, an *ns.ExitError with its status, or what went wrong. If std[0] and
// std[1] are terminals, it runs on a pseudo-terminal that follows this one's
// size; else SIGINT, SIGTERM, SIGHUP and SIGQUIT go to it as notes. The end of ctx hangs up.
func (c *Cmd) Run(ctx context.Context, std [3]*os.File) error {
	var stream io.ReadWriteCloser
	var arch, number string
	var err error
	if c.Attach == "" {
		stream, arch, err = c.connect(ctx)
	} else {
		_, number, _ = strings.Cut(c.Attach, ".")
		stream, err = c.goOn(ctx, c.Attach)
	}
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	s, err := newSession(ctx, stream, number)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Addr, err)
	}
	s.arch = arch
	defer s.conn.Close()
	return s.run(ctx, c, std)
}

// line is a command for ctl.
func line(words ...string) string {
	for i, w := range words {
		words[i] = srv.Quote(w)
	}
	return strings.Join(words, " ") + "\n"
}

// ctlf writes lines to ctl: in one message, as the far side would do a part of a line.
func (s *session) ctlf(ctx context.Context, lines string) error {
	if len(lines) > int(s.ctl.Iounit()) {
		return syscall.E2BIG
	}
	_, err := s.ctl.Write(ctx, []byte(lines), 0)
	return err
}

// setup is all that the far side must know before the command starts.
func (c *Cmd) setup(tty bool, in *os.File) string {
	var b strings.Builder
	if c.Dir != "" {
		b.WriteString(line("dir", c.Dir))
	}
	if len(c.Env) > 0 {
		b.WriteString(line(append([]string{"env"}, c.Env...)...))
	}
	if tty {
		b.WriteString(line("pty", os.Getenv("TERM")))
		b.WriteString(winsize(in))
	}
	return b.String()
}

// start starts the command, with the caller's root as the root where the far side does not
// have the command.
func (s *session) start(ctx context.Context, c *Cmd, setup string) error {
	args := c.Args
	if len(args) == 0 {
		args = []string{"/bin/sh", "-c", `exec "${SHELL:-/bin/sh}"`}
	}
	run := line(append([]string{"exec"}, args...)...)
	err := fs.ErrNotExist
	if !c.Own {
		if err := s.names(ctx, c.NS); err != nil {
			return err
		}
		err = s.ctlf(ctx, setup+run)
		setup = ""
	}
	if c.Root != nil && errors.Is(err, fs.ErrNotExist) && (c.Own || !strings.Contains(args[0], "/")) {
		lines, lerr := c.Root.lines(s.arch)
		if lerr != nil {
			return lerr
		}
		c.log("with the root from here")
		if err := s.names(ctx, lines+c.NS); err != nil {
			return err
		}
		err = s.ctlf(ctx, setup+c.Root.setup()+run)
	}
	if err != nil {
		return s.startError(ctx, err, "exec "+strings.Join(args, " ")+": ")
	}
	return nil
}

// winsize is the line with a terminal's size.
func winsize(tty *os.File) string {
	ws, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("winsize %d %d %d %d\n", ws.Row, ws.Col, ws.Xpixel, ws.Ypixel)
}

func (s *session) run(ctx context.Context, c *Cmd, std [3]*os.File) error {
	tty := term.IsTerminal(int(std[0].Fd())) && term.IsTerminal(int(std[1].Fd()))
	if c.Leave {
		return s.leave(ctx, c, tty, std)
	}
	if c.Attach != "" && tty {
		tty = s.ctlf(ctx, winsize(std[0])) == nil // it may have none
	}
	// The files are opened and read while the command starts, so that what it does at once
	// is here as soon as it can be. A terminal is as it was until there is a command.
	var files [4]*client.Fid
	opened, ended, out := make(chan error, 1), make(chan end, 1), make(chan error, 2)
	ahead := s.inOrder
	if c.Attach != "" { // whoever goes on with the command next misses what is read ahead here
		ahead = func() bool { return false }
	}
	copyOut := func() {
		for i := range 2 {
			go func() { out <- c.copyOut(ctx, std[1+i], files[1+i], ahead) }()
		}
	}
	go func() {
		var err error
		if files, err = s.files(ctx); err == nil {
			go func() { ended <- s.wait(ctx, files[3]) }()
			if !tty {
				copyOut()
			}
		}
		opened <- err
	}()
	if c.Attach == "" {
		if err := s.start(ctx, c, c.setup(tty, std[0])); err != nil {
			return err
		}
	}
	if err := <-opened; err != nil {
		return fmt.Errorf("%s: %w", c.Addr, err)
	}
	var err error
	if tty {
		old, err := term.MakeRaw(int(std[0].Fd()))
		if err != nil {
			return err
		}
		defer term.Restore(int(std[0].Fd()), old)
		copyOut()
	}
	stop := s.signals(ctx, tty, c.Attach != "", std[0])
	defer stop()
	from, left := std[0], make(chan struct{})
	if tty {
		if from, err = keyboard(std[0], func() { close(left) }); err != nil {
			return err
		}
	}
	go func() {
		// Ends with the process at the latest: nobody can interrupt a read of
		// an arbitrary standard input.
		in := files[0].Stream(ctx, s.inOrder)
		io.Copy(in, from)
		in.Flush()
		files[0].Clunk(ctx)
	}()
	var end end
	select {
	case end = <-ended:
	case <-left:
		return fmt.Errorf("%s: %w", c.Addr, errLeft)
	}
	if end.err != nil {
		return c.lost(end.err)
	}
	if c.Attach != "" {
		s.ctlf(ctx, "attach\n") // it has been heard of and need not be kept
	}
	var late <-chan time.Time
	if tty {
		late = time.After(linger)
	}
	for range 2 {
		select {
		case err := <-out:
			if err != nil {
				return err
			}
		case <-late:
			return exitStatus(end.message)
		}
	}
	return exitStatus(end.message)
}

// linger is how long the output of a terminal may last after its command: what was
// left in the background may hold the terminal for ever.
const linger = 500 * time.Millisecond

// copyOut copies what the command writes. Where it cannot be written here, the
// file is let go of, so that the command hears of it as it would here.
func (c *Cmd) copyOut(ctx context.Context, to *os.File, f *client.Fid, inOrder func() bool) error {
	_, err := f.Stream(ctx, inOrder).WriteTo(to)
	if err == nil {
		return nil
	}
	f.Clunk(ctx)
	var local *fs.PathError
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EBADF):
		return nil
	case errors.As(err, &local):
		return err
	}
	return c.lost(err)
}

func (c *Cmd) lost(err error) error {
	if c.Attach != "" {
		return fmt.Errorf("%s: command %s: somebody else goes on with it, or the connection is lost: %w", c.Addr, c.Attach, err)
	}
	return fmt.Errorf("%s: connection lost: %w", c.Addr, err)
}

// startError says why a command could not be started, with a shell's status.
// 9P2000.L carries only a number, so the words are in the conversation's status.
// What the file server puts before them is left away.
func (s *session) startError(ctx context.Context, err error, before string) error {
	code := 1
	switch {
	case errors.Is(err, fs.ErrNotExist):
		code = 127
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.E2BIG):
		code = 126
	}
	text := err.Error()
	for _, w := range s.status(ctx) {
		if len(w) > 1 && w[0] == "err" {
			text = strings.TrimPrefix(strings.Join(w[1:], " "), before)
		}
	}
	return &ns.ExitError{Code: code, Err: errors.New(text)}
}

// leave starts the command and leaves it: it is found again by its number.
func (s *session) leave(ctx context.Context, c *Cmd, tty bool, std [3]*os.File) error {
	if err := s.start(ctx, c, c.setup(tty, std[0])); err != nil {
		return err
	}
	if err := s.ctlf(ctx, "detach\n"); err != nil {
		return err
	}
	name, err := client.Fsys{Root: s.root}.ReadFile(ctx, fileLeft)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std[1], "%s.%s\n", name, s.number)
	return err
}
