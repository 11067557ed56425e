package capfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"ninespace/srv"
)

// An Admission is how one connection is let in, or is not.
type Admission struct {
	// Conn is the stranger's connection. Nothing here reads a byte of it: Admit closes it
	// when the door has it.
	Conn *os.File
	// Door authenticates. It runs as a user without rights, whose name From is, with Conn
	// as descriptor 3, the broker's files by 9P as 4, and as 5 a stream: the session's,
	// once capuse has taken its capability.
	Door *exec.Cmd
	From string
	// Session makes the command for whom the capability names. Its standard input and
	// output become the stream's other end. An error refuses.
	Session func(to string) (*exec.Cmd, error)
}

// Admit starts the door and, where that shows a capability, the session, and returns when
// both have ended: the session's error, or the door's where there was none. The end of
// ctx kills both.
func (b *Broker) Admit(ctx context.Context, a Admission) error {
	defer a.Conn.Close()
	ours, theirs, err := pair()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
	stream, far, err := pair()
	if err != nil {
		return err
	}
	defer stream.Close()
	defer far.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	a.Door.ExtraFiles = []*os.File{a.Conn, theirs, far}
	if err := a.Door.Start(); err != nil {
		conn.Close()
		return fmt.Errorf("door: %w", err)
	}
	a.Conn.Close()
	theirs.Close()
	far.Close()
	s := &admitted{make: a.Session, stream: stream}
	// The kernel would say that the pair was made by us: who is there is whom we started.
	door := srv.NewUser(a.From, 0)
	tree := b.tree(func(context.Context) *srv.User { return door }, s.start)
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.New(tree).ServeConn(ctx, conn)
	}()
	stop := context.AfterFunc(ctx, func() {
		a.Door.Process.Kill()
		s.kill()
	})
	defer stop()
	doorErr := a.Door.Wait()
	conn.Close() // and what it began to ask for is over
	<-served
	stream.Close()
	session, err := s.wait()
	if !session && doorErr != nil {
		return fmt.Errorf("door: %w", doorErr)
	}
	if !session {
		return errors.New("nobody was let in")
	}
	return err
}

// admitted is the session of a door: one, and only one.
type admitted struct {
	make   func(to string) (*exec.Cmd, error)
	stream *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended bool
}

var errTwice = errors.New("the connection has its session already")

func (s *admitted) start(_ context.Context, _, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil || s.ended {
		return errTwice
	}
	cmd, err := s.make(to)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = s.stream, s.stream
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	s.stream.Close()
	return nil
}

func (s *admitted) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.cmd != nil {
		s.cmd.Process.Kill()
	}
}

func (s *admitted) wait() (session bool, err error) {
	s.mu.Lock()
	cmd := s.cmd
	s.ended = true
	s.mu.Unlock()
	if cmd == nil {
		return false, nil
	}
	return true, cmd.Wait()
}

// pair makes a stream of two ends.
func pair() (a, b *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "admit"), os.NewFile(uintptr(fds[1]), "admit"), nil
}
