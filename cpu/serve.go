package cpu

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/hashicorp/yamux"

	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/execfs"
)

// A Config says how a session's commands are run.
type Config struct {
	NS     ns.Source // lines that build every name space, before the caller's own
	Stderr *os.File  // where the name space's engine tells its troubles
	Reap   func()    // ends what commands left behind; nil: nothing
}

// Serve runs a session on a stream whose caller has been let in: it serves the
// running of commands until the caller hangs up, then ends what still runs. The
// process must be able to mount (ns.Privileged).
func Serve(ctx context.Context, rwc io.ReadWriteCloser, cfg Config) error {
	mux, err := yamux.Server(rwc, muxConfig())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { mux.Close() })
	defer stop()
	s := &server{mux: mux, cfg: cfg, fail: cancel}
	fs := execfs.New(execfs.Config{Start: s.start, KillOnClose: true})
	var wg sync.WaitGroup
	defer func() {
		mux.Close()
		fs.Close()
		s.close()
		if cfg.Reap != nil { // before the wait, as a read may wait for what was left
			cfg.Reap()
		}
		wg.Wait()
	}()
	err = accept(mux, &wg, func(stream *yamux.Stream) { srv.New(fs).ServeConn(ctx, stream) })
	if errors.Is(context.Cause(ctx), errNoSpace) {
		return errNoSpace
	}
	// A caller that has what it wanted leaves as it likes.
	for _, end := range []error{io.EOF, yamux.ErrSessionShutdown, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

var errNoSpace = errors.New("the name space's engine (nsd) has ended")

type server struct {
	mux  *yamux.Session
	cfg  Config
	fail context.CancelCauseFunc // ends the session

	mu    sync.Mutex
	space *ns.Session // nil before the first command
	pumps sync.WaitGroup
}

// start runs a command in a name space of its own.
func (s *server) start(_ context.Context, cmd *exec.Cmd, text string) error {
	sp, err := s.session()
	if err != nil {
		return err
	}
	tree := ns.Source{Name: "cpud", Text: "mount -c #d/0 /mnt/term"}
	if err := sp.Command(cmd, s.cfg.NS, tree, ns.Source{Name: "nsfile", Text: text}); err != nil {
		return err
	}
	return cmd.Start()
}

// session starts the name space's engine, around the caller's tree.
func (s *server) session() (*ns.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.space != nil {
		return s.space, nil
	}
	tree, err := s.tree()
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	space, err := ns.Start(ns.Options{Stderr: s.cfg.Stderr, Streams: []*os.File{tree}})
	if err != nil {
		return nil, err
	}
	s.space = space
	go func() {
		<-space.Done()
		s.fail(errNoSpace) // no command has files any more
	}()
	return space, nil
}

// tree opens a stream to the caller's tree and gives it as a descriptor, which
// is what another process can be handed.
func (s *server) tree() (*os.File, error) {
	stream, err := s.mux.Open()
	if err != nil {
		return nil, err
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		stream.Close()
		return nil, err
	}
	ours := os.NewFile(uintptr(fds[0]), "tree")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		stream.Close()
		syscall.Close(fds[1])
		return nil, err
	}
	pump := func(dst io.WriteCloser, src io.ReadCloser) {
		defer s.pumps.Done()
		io.Copy(dst, src)
		dst.Close()
		src.Close()
	}
	s.pumps.Add(2)
	go pump(conn, stream)
	go pump(stream, conn)
	return os.NewFile(uintptr(fds[1]), "tree"), nil
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.space != nil {
		s.space.Close()
	}
	s.mux.Close()
	s.pumps.Wait()
}
