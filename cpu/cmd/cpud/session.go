package cpud

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/cpu"
	"ninespace/exportfs/door"
	"ninespace/exportfs/trees"
	"ninespace/factotum/users"
	"ninespace/ns"
	"ninespace/srv/devfs"
	"ninespace/srv/procfs"
)

// session serves one caller on standard input and output.
func session(ctx context.Context, std [3]*os.File, nsfile, want string, alive int, cfg cpu.Config) error {
	if done, err := ns.Privileged(std); done {
		return err // it ran, to its end, in a process that may mount
	}
	if alive >= 0 {
		unix.CloseOnExec(alive) // the daemon's pipe is for no command
	}
	var err error
	if cfg.NS, err = ns.File(nsfile); err != nil {
		return err
	}
	if err := ns.Adopt(); err != nil {
		return err
	}
	cfg.Reap = func() { ns.Reap(0, func(int) bool { return false }) }
	os.Unsetenv("PWD") // where this process is, and no command
	os.Unsetenv("OLDPWD")
	c, err := door.Stdio(stdio(std), want)
	if errors.Is(err, door.ErrLeft) {
		return nil
	}
	if err != nil {
		return err
	}
	give := trees.Config{Restricted: cfg.Restrict}
	cfg.Export = give.Export().Serve
	if c.Want.Service == door.Plan9 {
		proc := procfs.New()
		defer proc.Close()
		cfg.Proc, cfg.Dev = proc, devfs.New(devfs.Config{})
	}
	return cpu.Serve(ctx, c, cfg)
}

// stdio is a stream of standard input and output, which are one where that is a socket.
func stdio(std [3]*os.File) io.ReadWriteCloser {
	if a, err := std[0].Stat(); err == nil {
		if b, err := std[1].Stat(); err == nil && os.SameFile(a, b) {
			if c, err := net.FileConn(std[0]); err == nil && null(std[0], std[1]) == nil {
				return c
			}
		}
	}
	return files{std[0], std[1]}
}

// null makes files lead nowhere, for what they led to has another descriptor. Theirs are
// not let go of: they would be somebody else's.
func null(files ...*os.File) error {
	n, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer n.Close()
	for _, f := range files {
		if err := unix.Dup3(int(n.Fd()), int(f.Fd()), 0); err != nil {
			return err
		}
	}
	return nil
}

type files struct{ in, out *os.File }

func (f files) Read(p []byte) (int, error)  { return f.in.Read(p) }
func (f files) Write(p []byte) (int, error) { return f.out.Write(p) }

func (f files) Close() error {
	f.in.Close()
	return f.out.Close()
}

// command makes the process of a session, which is the caller's user from its start.
func (d *daemon) command(ctx context.Context, c *door.Conn) (*exec.Cmd, error) {
	args := []string{"nine", "cpud", "-i"}
	if c.Want.Service != "" { // else it is for the session to hear
		args = append(args, "-w", c.Want.String())
	}
	if d.nsfile != "" {
		args = append(args, "-n", d.nsfile)
	}
	if c.Peer.Command != "" {
		args = append(args, "-c", c.Peer.Command)
	}
	if c.Peer.Restrict {
		args = append(args, "-R")
	}
	cmd := exec.CommandContext(ctx, d.self)
	cmd.Args = args
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if os.Geteuid() != 0 {
		return cmd, nil // who serves himself alone
	}
	u, err := users.Lookup(c.Peer.User)
	if err != nil {
		return nil, err
	}
	if _, local := c.ReadWriteCloser.(*net.UnixConn); local && u.Uid == 0 {
		return cmd, nil // who is at home here already
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name == "TZ" || name == "LANG" || strings.HasPrefix(name, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	u.As(cmd)
	return cmd, nil
}
