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
	"ninespace/srv/execfs"
	"ninespace/srv/p9"
)

// A Config says what a session gives its caller.
type Config struct {
	NS       ns.Source // lines that build every name space, before the caller's own
	Stderr   *os.File  // what a script from Plan 9 has as standard error
	Reap     func()    // ends what commands left behind; nil: nothing
	Command  string    // what the shell is given instead of any command of the caller's, who has no say in its name space either
	Restrict bool      // no terminals, and no connections from here

	// Export serves a caller who wants a tree; nil: none is given.
	Export func(ctx context.Context, c *door.Conn) error

	// Engine starts the engine of name spaces, in which the streams are #d/0 and so on.
	Engine func(streams ...io.ReadWriteCloser) (*ns.Session, error)

	// Proc is seen at /mnt/proc and Dev at /mnt/dev by the script of somebody who came
	// from Plan 9, as what Linux does not have in /proc and /dev.
	Proc, Dev srv.File
}

// Serve gives a caller who has been let in what it wants, as the user that this process
// runs as, until the caller hangs up. For commands the process must be able to mount
// (ns.Privileged); what still runs then is ended.
func Serve(ctx context.Context, c *door.Conn, cfg Config) error {
	defer c.Close()
	if c.Want.Service != door.CPU && (cfg.Command != "" || cfg.Restrict && (c.Want.Service == door.Dial || c.Want.Service == door.Attach)) {
		err := fmt.Errorf("the key is not for service %.20q", c.Want.Service)
		c.Refuse(err)
		return err
	}
	switch c.Want.Service {
	case door.CPU:
		return serveCommands(ctx, c, cfg)
	case door.Dial:
		return serveDial(ctx, c)
	case door.Attach:
		return serveAttach(ctx, c)
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

func serveCommands(ctx context.Context, c *door.Conn, cfg Config) error {
	if err := c.Accept(); err != nil {
		return err
	}
	s := &server{cfg: cfg}
	c.ReadWriteCloser = newRestful(c.ReadWriteCloser, hoard{own, collect}, s.rest)
	mux, err := c.Mux()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { mux.Close() })
	defer stop()
	s.mux, s.fail = mux, cancel
	go func() { // while the caller makes up its mind
		if _, err := s.use(); err == nil {
			s.unuse()
		}
	}()
	fs := execfs.New(execfs.Config{Start: s.start, KillOnClose: true, Env: append(os.Environ(), "objtype="+runtime.GOARCH)})
	tree := &commands{FS: fs}
	tree.tree = srv.New(tree) // one for all streams: its limits are the caller's
	defer func() {
		mux.Close()
		tree.close()
		fs.Close()
		s.close()
		if cfg.Reap != nil {
			cfg.Reap()
		}
	}()
	err = door.Serve(mux, func(stream net.Conn) { tree.tree.ServeConn(ctx, stream) })
	if errors.Is(context.Cause(ctx), errNoSpace) {
		return errNoSpace
	}
	return door.Left(ctx, err)
}

var errNoSpace = errors.New("the name space's engine has ended")

type server struct {
	mux  *yamux.Session
	cfg  Config
	fail context.CancelCauseFunc // ends the session

	mu     sync.Mutex
	space  *ns.Session   // the name space's engine, nil when it is not there
	tree   *yamux.Stream // the engine's, to the caller's tree; nil: none
	users  int           // commands that have it
	idle   *time.Timer   // ends it when it is nobody's
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
		sources = append(sources, ns.Source{Name: "cpud", Text: "mount -n -c -C #d/0 /mnt/term"}, ns.Source{Name: "nsfile", Text: text})
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
		return p9.NewError(syscall.ENOENT, text+" in "+ns.Bin+":"+strings.TrimPrefix(pathOf(cmd.Env), ns.Bin+":"))
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
	if s.cfg.Command != "" {
		return s.cfg.Engine()
	}
	tree, err := s.mux.OpenStream()
	if err != nil {
		return nil, err
	}
	s.tree = tree
	space, err := s.cfg.Engine(tree)
	if err != nil {
		tree.Close()
	}
	return space, err
}

// rest gives back what a stream through which much has come keeps for more of it, and what the
// engine does.
func (s *server) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tree != nil {
		s.tree.Shrink()
	}
	if s.space != nil {
		s.space.Rest()
	}
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
}
