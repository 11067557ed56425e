package execfs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func invalid(text string) error { return p9.NewError(syscall.EINVAL, text) }

// A conv is one conversation.
type conv struct {
	n      int
	cfg    Config
	user   *srv.User // who opened clone; nil where no attach is behind it
	ctx    context.Context
	cancel context.CancelFunc
	hold   func() (release func()) // keeps the conversation, [srv.Clone.Hold]
	std    [3]*stream
	ended  chan struct{} // closed when the command has; then wait is set

	// starting is held while a command starts, so that the end waits for it.
	starting sync.Mutex

	mu    sync.Mutex
	state string // open, starting, running, ended; closed: may be sent no signal any more
	path  string // the directory to run in
	env   []string
	arg0  string
	ns    strings.Builder
	kill  bool // on close
	cred  *syscall.Credential
	nice  *int
	group *group      // nil without limits
	free  func()      // while detached: lets the conversation end
	tty   [2]*os.File // master, and slave until the command has it
	args  []string    // as exec had them
	cmd   *exec.Cmd   // once started
	began time.Time
	wait  srv.WaitMsg
	err   error // the last
}

func newConv(ctx context.Context, cfg Config, n int, hold func() func()) *conv {
	c := &conv{n: n, cfg: cfg, hold: hold, user: srv.UserOf(ctx), ended: make(chan struct{}), state: "open",
		path: cfg.Dir, env: cfg.Env, kill: cfg.KillOnClose}
	c.ctx, c.cancel = context.WithCancel(ctx)
	if cfg.Env == nil {
		c.env = os.Environ()
	}
	for i := range c.std {
		c.std[i] = newStream()
	}
	return c
}

// A file is one of the conversation's: owned by its user, and opened by a func.
type file struct {
	srv.Node
	c    *conv
	open func(ctx context.Context, mode p9.Mode) (srv.Handle, error)
}

func (f *file) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	if f.c.user != nil {
		st.Uid, st.Nuid = f.c.user.Name, f.c.user.Uid
	}
	return st, err
}

func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) { return f.open(ctx, mode) }

func (c *conv) dir() *srv.Dir {
	ctl := srv.Cmds(0o600, func(context.Context) (string, error) { return fmt.Sprintln(c.n), nil },
		map[string]func(context.Context, []string) error{
			"exec": c.exec, "dir": c.setDir, "env": c.setEnv, "arg0": c.setArg0, "pty": c.setPty, "winsize": c.winsize,
			"note": c.ctlNote, "kill": c.ctlKill, "killonclose": c.killOnClose,
			"uid": c.setUid, "nice": c.setNice, "limit": c.setLimit, "detach": c.detach, "attach": c.attach,
		})
	d := srv.NewDir()
	for _, f := range []struct {
		name string
		mode fs.FileMode
		open func(ctx context.Context, mode p9.Mode) (srv.Handle, error)
	}{
		{"ctl", 0o600, func(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
			h, err := srv.Open(ctx, ctl, mode)
			if err != nil {
				return nil, err
			}
			return &ctlHandle{c, h.(ctlFile)}, nil
		}},
		{"0", 0o200, func(context.Context, p9.Mode) (srv.Handle, error) { return c.std[0].open(c.left(c.closeStdin)) }},
		{"1", 0o400, func(context.Context, p9.Mode) (srv.Handle, error) { return c.std[1].open(c.left(c.std[1].shut)) }},
		{"2", 0o400, func(context.Context, p9.Mode) (srv.Handle, error) { return c.std[2].open(c.left(c.std[2].shut)) }},
		{"wait", 0o400, func(context.Context, p9.Mode) (srv.Handle, error) { return waitHandle{c}, nil }},
		{"note", 0o200, func(context.Context, p9.Mode) (srv.Handle, error) { return noteHandle{c}, nil }},
		{"ns", 0o600, c.openNs},
		{"status", 0o444, func(context.Context, p9.Mode) (srv.Handle, error) { return srv.Bytes(c.status()), nil }},
	} {
		d.Add(f.name, &file{srv.NewNode(f.mode), c, f.open})
	}
	return d
}

type ctlFile interface {
	srv.Reader
	srv.Writer
}

// ctlHandle remembers the last error for status.
type ctlHandle struct {
	c *conv
	ctlFile
}

func (h *ctlHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := h.ctlFile.Write(ctx, p, off)
	if err != nil {
		h.c.mu.Lock()
		defer h.c.mu.Unlock()
		h.c.err = err
	}
	return n, err
}

type waitHandle struct{ c *conv }

func (h waitHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	select {
	case <-h.c.ended:
		return srv.Bytes(h.c.wait.String()+"\n").Read(ctx, p, off)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

type noteHandle struct{ c *conv }

func (h noteHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	if err := h.c.note(string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *conv) openNs(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	if mode.Writable() && c.cfg.Start == nil {
		return nil, fmt.Errorf("name space: %w", p9.ErrNotSup)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if mode&p9.OTRUNC != 0 {
		c.ns.Reset()
	}
	return nsHandle{srv.Bytes(c.ns.String()), c}, nil
}

type nsHandle struct {
	srv.Bytes
	c *conv
}

func (h nsHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	err := h.c.config(func() error {
		h.c.ns.Write(p)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}
