package door

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"ninespace/factotum/auth"
	"ninespace/factotum/capfs"
	"ninespace/factotum/sshkey"
	"ninespace/srv"
	"ninespace/srv/osthread"
)

// none is whom the listener is as far as capabilities go, Plan 9's name of a user who may
// nothing.
const none = "none"

// A Guard is the part of a door that has root's rights: it takes calls and gives them to a
// process that has none, which speaks with the callers, and starts the sessions of those who
// have proved to it who they are.
type Guard struct {
	// Args are those with which this program runs None. Begin starts it, where the
	// command's Start alone would not do.
	Args  []string
	Begin func(*exec.Cmd) error
	// Start starts the session of somebody who is known: of c there is Want, but at a Unix
	// socket, where the session has to read it, and Peer. stream leads to the caller. wait
	// waits for the session's end.
	Start func(ctx context.Context, c *Conn, stream *os.File) (wait func() error, err error)
	// Log is told why somebody was not let in, and how sessions ended that ended badly.
	Log func(addr string, err error)

	caps  *capfs.Broker
	tally Tally
}

// Serve serves those who come through the doors, until parent ends or something fails.
func (g *Guard) Serve(parent context.Context, doors []*Listener) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	g.caps = capfs.NewBroker(capfs.Config{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	var to *net.UnixConn
	for _, l := range doors {
		if to != nil || l.local() {
			continue
		}
		var wait func() error
		var err error
		if to, wait, err = g.listener(ctx); err != nil {
			return fmt.Errorf("the listener: %w", err)
		}
		defer to.Close()
		wg.Go(func() {
			err := wait()
			if err == nil {
				err = errors.New("it has left")
			}
			cancel(fmt.Errorf("the listener: %w", err))
		})
	}
	for _, l := range doors {
		wg.Go(func() {
			if err := g.accept(ctx, l, to); err != nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

func (l *Listener) local() bool { return l.key == nil && !l.plan9 }

// listener starts the process, and gives what it takes callers from.
func (g *Guard) listener(ctx context.Context) (*net.UnixConn, func() error, error) {
	a, b, err := packets()
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	f, err := b.File()
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	defer f.Close()
	who := somebodyElse()
	start := func(flags uintptr) (*exec.Cmd, io.ReadCloser, error) {
		// By that name it is found though nobody may look where it is.
		cmd := &exec.Cmd{Path: "/proc/self/exe", Args: g.Args}
		// Of the machine's networks it has none: its callers it is given.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: flags, Credential: who}
		cmd.Env, cmd.Dir, cmd.ExtraFiles = []string{}, "/", []*os.File{f}
		said, err := cmd.StderrPipe()
		switch {
		case err != nil:
		case g.Begin != nil:
			err = g.Begin(cmd)
		default:
			err = cmd.Start()
		}
		return cmd, said, err
	}
	begun, ended := make(chan error, 1), make(chan error, 1)
	osthread.Go(func() { // which lasts as long as the process: it would end with the thread
		if err := barren(who == nil); err != nil {
			begun <- err
			return
		}
		cmd, said, err := start(syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID)
		if errors.Is(err, syscall.EPERM) { // without CAP_SYS_ADMIN
			cmd, said, err = start(0)
		}
		begun <- err
		if err != nil {
			return
		}
		defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
		for in := bufio.NewScanner(said); in.Scan(); { // its own trouble
			g.Log("listener", errors.New(Plain(in.Text())))
		}
		io.Copy(io.Discard, said)
		ended <- cmd.Wait()
	})
	if err := <-begun; err != nil {
		a.Close()
		return nil, nil, err
	}
	if who == nil {
		g.Log("listener", errRootOnly)
	}
	return a, func() error { return <-ended }, nil
}

// accept gives a door's callers to the listener. Not a byte of theirs is read here.
func (g *Guard) accept(ctx context.Context, l *Listener, to *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		raw, err := srv.Accept(ctx, l, func(err error) { g.Log(l.Addr().String(), err) })
		switch {
		case ctx.Err() != nil:
			if err == nil {
				raw.Close()
			}
			return nil
		case err != nil:
			return err
		}
		wg.Go(func() {
			addr := raw.RemoteAddr().String()
			defer raw.Close()
			leave, err := l.places.enter(raw.RemoteAddr())
			if err != nil {
				g.Log(addr, err)
				return
			}
			defer leave()
			if l.local() {
				err = g.local(ctx, raw, leave)
			} else {
				err = g.stranger(ctx, l, raw, to, leave)
			}
			if err != nil && ctx.Err() == nil {
				g.Log(addr, err)
			}
		})
	}
}

// local has a session serve whom the kernel names.
func (g *Guard) local(ctx context.Context, raw net.Conn, leave func()) error {
	u, err := peerUser(raw)
	if err != nil {
		return err
	}
	c := &Conn{ReadWriteCloser: raw, Peer: Peer{User: u.Username, Addr: "unix"}}
	f, err := raw.(*net.UnixConn).File()
	if err != nil {
		return err
	}
	wait, err := g.begin(ctx, c, f)
	f.Close()
	if err != nil {
		c.Refuse(err)
		return err
	}
	raw.Close()
	leave()
	return wait()
}

// stranger gives a caller to the listener and answers what that asks about it.
func (g *Guard) stranger(ctx context.Context, l *Listener, raw net.Conn, to *net.UnixConn, leave func()) error {
	t := &talk{g: g, l: l, addr: raw.RemoteAddr().String(), leave: leave}
	what := []byte{0}
	if !l.plan9 {
		// A certificate that was never shown before: what a caller signs is for it.
		cert, err := auth.Renew(l.cert)
		if err != nil {
			return err
		}
		t.cert = cert.Certificate[0]
		what = sshkey.AppendBytes(sshkey.AppendBytes(what, t.cert), l.key.pub.Blob)
	}
	ours, theirs, err := packets()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
	conv, err := theirs.File()
	if err != nil {
		return err
	}
	defer conv.Close()
	f, err := raw.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	defer f.Close()
	err = send(to, what, f, conv)
	f.Close()
	conv.Close()
	theirs.Close()
	raw.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { ours.Close() })
	defer stop()
	defer t.close()
	ours.SetDeadline(time.Now().Add(deskLimit))
	return t.serve(ctx, ours)
}

// errStart is all that a caller is told of what went wrong.
var errStart = errors.New("no session can be made")

// begin has a session begin.
func (g *Guard) begin(ctx context.Context, c *Conn, stream *os.File) (wait func() error, err error) {
	leave, err := g.tally.Enter(c.Peer.User)
	if err != nil {
		g.Log(c.Peer.Addr, err)
		return nil, err
	}
	ended, err := g.Start(ctx, c, stream)
	if err != nil {
		leave()
		g.Log(c.Peer.Addr, err)
		if errors.As(err, new(told)) {
			return nil, err
		}
		return nil, errStart
	}
	return func() error {
		defer leave()
		return ended()
	}, nil
}

// Guarded tells whether this process is to have a Guard: it runs with root's rights.
func Guarded() bool { return os.Geteuid() == 0 }

// Tell makes an error of Guard.Start one of which the caller is told.
func Tell(err error) error { return told{err} }

type told struct{ error }

func (t told) Unwrap() error { return t.error }
