//go:build linux

package cpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"ninespace/exportfs/door"
	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// Whoever comes by Plan 9's door (9front's rcpu(1), drawterm) sends an rc script, before it
// its length as a decimal number in a line. From then on the stream is the script's standard
// input and output, on which the caller serves its own tree: it is for the script to mount
// that (mount -nc /fd/0 /mnt/term), and to run there what the caller wants.

// scriptLimit is how long it may take to come. It is a variable for the tests.
var scriptLimit = time.Minute

// readScript reads it, and not a byte more.
func readScript(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			break
		}
		if len(line) == 32 {
			return "", errors.New("the script's length is none")
		}
	}
	n, err := strconv.ParseUint(string(bytes.Trim(line, " \t")), 10, 32)
	switch {
	case err != nil:
		return "", fmt.Errorf("the script's length is none: %.32q", line)
	case n > maxScript:
		return "", fmt.Errorf("a script of %d bytes, more than %d", n, maxScript)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", fmt.Errorf("script: %w", err)
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return "", errors.New("the script has a NUL")
	}
	return string(b), nil
}

// deviceLines mount, quietly where there is nothing, what Plan 9 has and Linux has not.
const deviceLines = `mount -n #d/0 /mnt/proc proc
mount -n #d/0 /mnt/dev dev
`

// devices is for an attach.
func (cfg *Config) devices(_ context.Context, _, aname string) (srv.File, error) {
	switch {
	case aname == "proc" && cfg.Proc != nil:
		return cfg.Proc, nil
	case aname == "dev" && cfg.Dev != nil:
		return cfg.Dev, nil
	}
	return nil, p9.ErrNotExist
}

// servePlan9 runs the script of such a caller, until it ends or the caller hangs up. What it
// leaves behind is ended.
func servePlan9(ctx context.Context, c *door.Conn, cfg Config) error {
	late := time.AfterFunc(scriptLimit, func() { c.Close() })
	stop := context.AfterFunc(ctx, func() { c.Close() })
	script, err := readScript(c)
	stop() // from here on it is for who waits for the script
	if !late.Stop() {
		return errors.New("no script came")
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	space, end, err := cfg.space(ctx)
	if err != nil {
		return err
	}
	defer end()
	stream, far, err := door.Pair()
	if err != nil {
		return err
	}
	// Not as an argument: those everybody can read, and it may have secrets (cpu -e).
	text, err := ns.MemFile("script", script)
	if err != nil {
		stream.Close()
		far.Close()
		return err
	}
	cmd := &exec.Cmd{Path: "rc", Args: []string{"rc", "-C", "3"}, ExtraFiles: []*os.File{text}}
	cmd.Env = append(os.Environ(), "objtype="+runtime.GOARCH)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, cfg.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for hangUp
	err = space.Start(ctx, cmd, cfg.NS, ns.Source{Name: "cpud", Text: deviceLines})
	text.Close()
	far.Close()
	if err != nil {
		stream.Close()
		return err
	}
	hungUp := make(chan struct{})
	go func() {
		io.Copy(stream, c)
		stream.(*net.UnixConn).CloseWrite()
		close(hungUp)
	}()
	said := make(chan struct{})
	go func() {
		io.Copy(c, stream)
		close(said)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended: // how is for the caller, who has asked for it or has not
	case <-hungUp:
		hangUp(cmd, ended)
	case <-ctx.Done():
		hangUp(cmd, ended)
	case <-space.Done():
		err = errNoSpace
		hangUp(cmd, ended)
	}
	end()
	// Now nobody has the other end of the stream, and what was said last is on its way.
	late = time.AfterFunc(lastWords, func() { c.Close() })
	<-said
	late.Stop()
	c.Close()
	<-hungUp
	stream.Close()
	return err
}

// lastWords is how long a caller may take to hear the end of a session.
const lastWords = 5 * time.Second

// space starts an engine around what Plan 9 has. end ends it and all that runs in its name
// spaces.
func (cfg *Config) space(ctx context.Context) (space *ns.Session, end func(), err error) {
	ours, theirs := net.Pipe()
	space, err = cfg.Engine(theirs)
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, err
	}
	var served sync.WaitGroup
	served.Go(func() { (&srv.Server{Attach: cfg.devices}).ServeConn(ctx, ours) })
	return space, sync.OnceFunc(func() {
		space.Close()
		if cfg.Reap != nil {
			cfg.Reap()
		}
		ours.Close()
		served.Wait()
	}), nil
}

// hangUp ends a script whose caller has gone, and those whom it has in its group.
func hangUp(cmd *exec.Cmd, ended <-chan error) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
	select {
	case <-ended:
	case <-time.After(hangUpGrace):
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
}
