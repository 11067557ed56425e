package execfs

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/creack/pty"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// config makes a change that must come before exec.
func (c *conv) config(change func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != "open" {
		return p9.NewError(syscall.EBUSY, "command already started")
	}
	return change()
}

func (c *conv) setDir(_ context.Context, args []string) error {
	return c.config(func() error {
		if len(args) != 1 || args[0] == "" {
			return invalid("usage: dir path")
		}
		if c.cfg.Start == nil { // else it is in a name space that is not there yet
			st, err := os.Stat(args[0])
			switch {
			case err != nil:
				return cause(err)
			case !st.IsDir():
				return p9.ErrNotDir
			}
		}
		c.path = args[0]
		return nil
	})
}

func (c *conv) setEnv(_ context.Context, args []string) error {
	return c.config(func() error {
		for _, a := range args {
			switch name, _, ok := strings.Cut(a, "="); {
			case a == "-":
				c.env = nil
			case !ok || name == "" || strings.Contains(a, "\x00"):
				return invalid("bad variable " + srv.Quote(a))
			default:
				c.env = append(c.env[:len(c.env):len(c.env)], a) // exec.Cmd has the last one count
			}
		}
		return nil
	})
}

func (c *conv) setArg0(_ context.Context, args []string) error {
	return c.config(func() error {
		if len(args) != 1 {
			return invalid("usage: arg0 name")
		}
		c.arg0 = args[0]
		return nil
	})
}

func (c *conv) setPty(ctx context.Context, args []string) error {
	if len(args) > 1 {
		return invalid("usage: pty [term]")
	}
	err := c.config(func() error {
		if c.tty[0] != nil {
			return nil
		}
		master, slave, err := pty.Open()
		if err != nil {
			return cause(err)
		}
		c.tty = [2]*os.File{master, slave}
		return interruptible(master)
	})
	if err != nil || len(args) == 0 {
		return err
	}
	return c.setEnv(ctx, []string{"TERM=" + args[0]})
}

func (c *conv) winsize(_ context.Context, args []string) error {
	if len(args) != 2 && len(args) != 4 {
		return invalid("usage: winsize rows cols [xpixels ypixels]")
	}
	var v [4]uint16
	for i, a := range args {
		n, err := number(a, 16)
		if err != nil {
			return err
		}
		v[i] = uint16(n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tty[0] == nil {
		return p9.NewError(syscall.ENOTTY, "no pty")
	}
	err := pty.Setsize(c.tty[0], &pty.Winsize{Rows: v[0], Cols: v[1], X: v[2], Y: v[3]})
	if err == nil {
		err = interruptible(c.tty[0])
	}
	return err
}

// interruptible has reads and writes of a terminal end at their deadlines: package
// pty asks for the descriptor's number, by which Go takes it to be a blocking one.
func interruptible(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.SetNonblock(int(fd), true) }); cerr != nil {
		return cerr
	}
	return err
}

// closeStdin is for the last clunk of 0.
func (c *conv) closeStdin() {
	c.mu.Lock()
	tty := c.tty[0]
	c.mu.Unlock()
	if tty == nil {
		c.std[0].shut()
		return
	}
	tail := c.std[0].tail.Load()
	typeEnd(tty, tail == 0 || tail == '\n' || tail == '\r')
}

// detach keeps the conversation and what its files are connected to when nobody has
// them open any more.
func (c *conv) detach(context.Context, []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return p9.NewError(syscall.ESRCH, "no command is running")
	}
	if c.free == nil {
		c.free = c.hold()
	}
	return nil
}

func (c *conv) attach(context.Context, []string) error {
	c.mu.Lock()
	free := c.free
	c.free = nil
	c.mu.Unlock()
	if free != nil {
		free()
	}
	return nil
}

// left is what happens when the last of a file's fids is clunked: then, unless the
// conversation is detached.
func (c *conv) left(then func()) func() {
	return func() {
		c.mu.Lock()
		detached := c.free != nil
		c.mu.Unlock()
		if !detached {
			then()
		}
	}
}

func (c *conv) killOnClose(context.Context, []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill = true
	return nil
}

func (c *conv) ctlKill(context.Context, []string) error { return c.note("kill") }

func (c *conv) ctlNote(_ context.Context, args []string) error {
	return c.note(strings.Join(args, " "))
}

// note sends the process group the signal that a note stands for.
func (c *conv) note(note string) error {
	sig, err := srv.ParseNote(note)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case "running", "ended":
		return syscall.Kill(-c.cmd.Process.Pid, sig)
	}
	return p9.NewError(syscall.ESRCH, "no command is running")
}

func (c *conv) status() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	line := func(name string, words ...string) {
		b.WriteString(name)
		for _, w := range words {
			b.WriteString(" " + srv.Quote(w))
		}
		b.WriteString("\n")
	}
	line("state", c.state)
	if c.cmd != nil {
		line("pid", strconv.Itoa(c.cmd.Process.Pid))
	}
	if c.path != "" {
		line("dir", c.path)
	}
	if len(c.args) > 0 {
		line("cmd", c.args...)
	}
	if c.state == "ended" {
		line("wait", c.wait.Status)
	}
	if c.cred != nil {
		line("uid", strconv.Itoa(int(c.cred.Uid)))
	}
	if c.nice != nil {
		line("nice", strconv.Itoa(*c.nice))
	}
	if c.group != nil {
		c.group.status(line)
	}
	if c.free != nil {
		line("detached")
	}
	line("inorder")
	if c.err != nil {
		line("err", c.err.Error())
	}
	return b.String()
}
