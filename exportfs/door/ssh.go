package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// SSHCommand is what ssh is told to run at the far end, in whatever shell the user has
// there: nine, which the PATH of a session without a terminal may not have.
const SSHCommand = `sh -c 'PATH="$HOME/.local/lib/ninespace:$PATH:$HOME/bin:$HOME/.local/bin"; exec nine cpud -i'`

// SSHArgs is the command line that runs command at host, which may be user@host!port.
func (d *Dialer) SSHArgs(host, command string) ([]string, error) {
	args := d.SSH
	if len(args) == 0 {
		args = []string{"ssh"}
	}
	args = append(args[:len(args):len(args)], "-T")
	host, port, ok := strings.Cut(host, "!")
	if ok {
		args = append(args, "-p", port)
	}
	if d.Jump != "" {
		args = append(args, "-J", d.Jump)
	}
	if host == "" || host[0] == '-' || ok && (port == "" || port[0] == '-') {
		return nil, errors.New("no host")
	}
	return append(args, "--", host, command), nil
}

// An sshConn is a stream through a running ssh.
type sshConn struct {
	net.Conn
	wait func() error // ssh's end; may be called twice
	kill func()
}

// Close ends ssh, which the far side hears of.
func (c *sshConn) Close() error {
	err := c.Conn.Close()
	c.kill()
	c.wait()
	return err
}

func (d *Dialer) dialSSH(ctx context.Context, host string, w Want) (*Conn, error) {
	args, err := d.SSHArgs(host, SSHCommand)
	if err != nil {
		return nil, err
	}
	nc, theirs, err := Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if d.Stderr != nil {
		cmd.Stderr = d.Stderr
	}
	d.log("%s", strings.Join(args, " "))
	if err := cmd.Start(); err != nil {
		nc.Close()
		return nil, err
	}
	c := &sshConn{nc, sync.OnceValue(cmd.Wait), func() { cmd.Process.Signal(syscall.SIGTERM) }}
	theirs.Close()
	arch, err := ask(ctx, patient{c.Conn}, w)
	if err != nil {
		var exit *exec.ExitError
		ended := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
		if ended { // by itself, and the status says why
			c.Conn.Close()
			ended = errors.As(c.wait(), &exit)
		}
		c.Close()
		switch {
		case ended && exit.ExitCode() == 127:
			return nil, errors.New("nine is not there; cpu -i puts it there")
		case ended && exit.ExitCode() == 126:
			return nil, errors.New("nine is there and may not be executed: is the directory mounted noexec?")
		case ended:
			return nil, fmt.Errorf("%s: %w", args[0], exit)
		}
		return nil, err
	}
	return &Conn{ReadWriteCloser: c, Want: w, Peer: Peer{Addr: "ssh!" + host, Arch: arch}, dialled: true}, nil
}

// patient has no deadline: ssh may have questions of its own.
type patient struct{ io.ReadWriteCloser }
