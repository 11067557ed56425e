package exportfs

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/factotum/users"
)

// become serves a caller by a process that is his, so that what he may do is the kernel's
// to say, and nothing of his is read by root but who he is and what he wants.
func (o *options) become(ctx context.Context, c *door.Conn) error {
	defer c.Close()
	if c.Want.Service != door.Export || c.Peer.Command != "" {
		return o.Export().Serve(ctx, c) // which refuses
	}
	nc, theirs, err := pair()
	if err == nil {
		defer nc.Close()
		defer theirs.Close()
		err = o.start(ctx, c, theirs)
	}
	if err != nil {
		c.Refuse(errors.New("no session can be made"))
		return err
	}
	theirs.Close()
	if d, ok := c.ReadWriteCloser.(interface{ SetDeadline(time.Time) error }); ok {
		d.SetDeadline(time.Time{}) // the one of saying what is wanted
	}
	exportfs.Relay(ctx, c, nc)
	return nil
}

func pair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "caller"), os.NewFile(uintptr(fds[1]), "caller")
	defer ours.Close()
	nc, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return nc, theirs, nil
}

func (o *options) start(ctx context.Context, c *door.Conn, theirs *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{"nine", "exportfs", "-i", "-w", c.Want.String(), "-r", o.Root}
	for flag, on := range map[string]bool{"-R": o.ReadOnly, "-x": o.Restricted || c.Peer.Restrict} {
		if on {
			cmd.Args = append(cmd.Args, flag)
		}
	}
	for flag, value := range map[string]string{"-P": o.patterns, "-S": o.Server} {
		if value != "" {
			cmd.Args = append(cmd.Args, flag, value)
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	u, err := users.Lookup(c.Peer.User)
	if err != nil {
		return err
	}
	if _, local := c.ReadWriteCloser.(*net.UnixConn); !local || u.Uid != 0 { // else he is at home here already
		u.As(cmd)
	}
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait()
	return nil
}
