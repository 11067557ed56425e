//go:build linux

package cpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/exportfs/door"
	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/execfs"
	"ninespace/srv/p9"
)

// A Config says what a session gives its caller.
type Config struct {
	NS       ns.Source // lines that build every name space, before the caller's own
	Stderr   *os.File  // where the name space's engine tells its troubles
	Reap     func()    // ends what commands left behind; nil: nothing
	Command  string    // what the shell is given instead of any command of the caller's, who has no say in its name space either
	Restrict bool      // no terminals, and no connections from here

	// Export serves a caller who wants a tree; nil: none is given.
	Export func(ctx context.Context, c *door.Conn) error

	// Proc is seen at /mnt/proc and Dev at /mnt/dev by the script of somebody who came
	// from Plan 9, as what Linux does not have in /proc and /dev.
	Proc, Dev srv.File
}

// Serve gives a caller who has been let in what it wants, as the user that this process
// runs as, until the caller hangs up. For commands the process must be able to mount
// (ns.Privileged); what still runs then is ended.
func Serve(ctx context.Context, c *door.Conn, cfg Config) error {
	defer c.Close()
	if c.Want.Service != door.CPU && (cfg.Command != "" || cfg.Restrict && c.Want.Service == door.Dial) {
		err := fmt.Errorf("the key is not for service %.20q", c.Want.Service)
		c.Refuse(err)
		return err
	}
	switch c.Want.Service {
	case door.CPU:
		return serveCommands(ctx, c, cfg)
	case door.Dial:
		return serveDial(ctx, c)
	case door.Plan9:
		return servePlan9(ctx, c, cfg)
	case door.Export:
		if cfg.Export != nil {
			return cfg.Export(ctx, c)
		}
	}
	err := fmt.Errorf("there is no service %.20q here", c.Want.Service)
	c.Refuse(err)
	return err
}

// serveDial connects the caller to somebody else, whose stream it then is.
func serveDial(ctx context.Context, c *door.Conn) error {
	to, err := client.DialStream(ctx, c.Want.Arg, door.Port)
	if err != nil {
		c.Refuse(err)
		return err
	}
	defer to.Close()
	if err := c.Accept(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.Close(); to.Close() })
	defer stop()
	relay(c, to)
	return nil
}

// relay copies both ways until both have ended, and each end as it comes.
func relay(a, b io.ReadWriteCloser) {
	var wg sync.WaitGroup
	one := func(dst, src io.ReadWriteCloser) {
		io.Copy(dst, src)
		if w, ok := dst.(interface{ CloseWrite() error }); !ok || w.CloseWrite() != nil {
			dst.Close()
		}
	}
	wg.Go(func() { one(a, b) })
	one(b, a)
	wg.Wait()
	a.Close()
	b.Close()
}

// begin says yes and multiplexes.
func begin(c *door.Conn) (*yamux.Session, error) {
	if err := c.Accept(); err != nil {
		return nil, err
	}
	return c.Mux()
}

func serveCommands(ctx context.Context, c *door.Conn, cfg Config) error {
	mux, err := begin(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { mux.Close() })
	defer stop()
	s := &server{mux: mux, cfg: cfg, fail: cancel}
	go func() { // while the caller makes up its mind
		if _, err := s.use(); err == nil {
			s.unuse()
		}
	}()
	fs := execfs.New(execfs.Config{Start: s.start, KillOnClose: true, Env: append(os.Environ(), "objtype="+runtime.GOARCH)})
	defer func() {
		mux.Close()
		fs.Close()
		s.close()
		if cfg.Reap != nil {
			cfg.Reap()
		}
	}()
	commands := srv.New(fs) // one for all streams: its limits are the caller's
	err = door.Serve(mux, func(stream net.Conn) { commands.ServeConn(ctx, stream) })
	if errors.Is(context.Cause(ctx), errNoSpace) {
		return errNoSpace
	}
	return door.Left(ctx, err)
}

var errNoSpace = errors.New("the name space's engine (nsd) has ended")

type server struct {
	mux   *yamux.Session
	cfg   Config
	fail  context.CancelCauseFunc // ends the session
	pumps sync.WaitGroup

	mu     sync.Mutex
	space  *ns.Session // the name space's engine, nil when it is not there
	users  int         // commands that have it
	idle   *time.Timer // ends it when it is nobody's
	closed bool
}

// idleEngine is how long a name space's engine waits for the next command: it takes more
// memory than all the rest of a session.
const idleEngine = 20 * time.Second

// use gives the engine, and begins it where it is not there, for a command that will unuse it.
func (s *server) use() (*ns.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	if s.space == nil {
		space, err := s.begin()
		if err != nil {
			return nil, err
		}
		s.space = space
		go func() {
			<-space.Done()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.space == space {
				s.fail(errNoSpace) // no command has files any more
			}
		}()
	}
	if s.users++; s.idle != nil {
		s.idle.Stop()
	}
	return s.space, nil
}

func (s *server) unuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 || s.closed {
		return
	}
	s.idle = time.AfterFunc(idleEngine, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if space := s.space; s.users == 0 && space != nil {
			s.space = nil
			space.Close()
			debug.FreeOSMemory()
		}
	})
}

// start runs a command in a name space of its own.
func (s *server) start(ctx context.Context, cmd *exec.Cmd, text string) error {
	sources := []ns.Source{s.cfg.NS}
	if s.cfg.Restrict && cmd.SysProcAttr.Setctty {
		return p9.NewError(syscall.EPERM, "the key is not for terminals")
	}
	if s.cfg.Command != "" {
		// What the caller may not choose it may not hide behind a name space, a
		// directory or a variable either.
		cmd.Env = append(words(cmd.Env), "SSH_ORIGINAL_COMMAND="+strings.Join(cmd.Args, " "))
		cmd.Path, cmd.Args, cmd.Dir = "/bin/sh", []string{"sh", "-c", s.cfg.Command}, ""
	} else {
		sources = append(sources, ns.Source{Name: "cpud", Text: "mount -c -C #d/0 /mnt/term"}, ns.Source{Name: "nsfile", Text: text})
	}
	sp, err := s.use()
	if err != nil {
		return err
	}
	path := cmd.Path
	if err = sp.Start(ctx, cmd, sources...); err == nil {
		context.AfterFunc(ctx, s.unuse) // the conversation's end
		return nil
	}
	s.unuse()
	var exit *ns.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	switch text := exit.Error(); {
	case exit.Code == 127 && !strings.Contains(path, "/"):
		return p9.NewError(syscall.ENOENT, text+" in "+ns.Bin+":"+pathOf(cmd.Env))
	case exit.Code == 127:
		return p9.NewError(syscall.ENOENT, text)
	case exit.Code == 126:
		return p9.NewError(syscall.EACCES, text)
	default:
		return p9.NewError(syscall.EINVAL, text)
	}
}

// pathOf gives the PATH of an environment, in which the last one counts.
func pathOf(env []string) string {
	for _, v := range slices.Backward(env) {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			return path
		}
	}
	return ""
}

// words gives of an environment this process's own, and how the caller's speaks and what
// its terminal is.
func words(env []string) []string {
	out := os.Environ()
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if name == "TERM" || name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_") {
			out = append(out, v)
		}
	}
	return out
}

// begin starts the name space's engine, around the caller's tree.
func (s *server) begin() (*ns.Session, error) {
	o := ns.Options{Stderr: s.cfg.Stderr}
	if s.cfg.Command == "" {
		tree, err := s.tree()
		if err != nil {
			return nil, err
		}
		defer tree.Close()
		o.Streams = []*os.File{tree}
	}
	return ns.Start(o)
}

// pumpBuffer is as much as goes from the caller's stream to the engine at once. Of one that
// nothing much has gone through most takes no memory.
const pumpBuffer = 512 << 10

// tree opens a stream to the caller's tree and gives it as a descriptor, which
// is what another process can be handed.
func (s *server) tree() (*os.File, error) {
	stream, err := s.mux.Open()
	if err != nil {
		return nil, err
	}
	conn, far, err := door.Pair()
	if err != nil {
		stream.Close()
		return nil, err
	}
	pump := func(dst io.WriteCloser, src io.ReadCloser) {
		io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, pumpBuffer))
		dst.Close()
		src.Close()
	}
	s.pumps.Go(func() { pump(conn, stream) })
	s.pumps.Go(func() { pump(stream, conn) })
	return far, nil
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	space := s.space
	s.space = nil
	if s.idle != nil {
		s.idle.Stop()
	}
	s.mu.Unlock()
	if space != nil {
		space.Close()
	}
	s.pumps.Wait()
}
