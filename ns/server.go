package ns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// DialTimeout bounds how long a mount waits for its server to answer.
const DialTimeout = 10 * time.Second

// A stream is a descriptor that the engine was started with: #d/N.
type stream struct {
	mu   sync.Mutex
	rwc  io.ReadWriteCloser
	conn *client.Conn
}

// dial gives the root of the tree that a mount is of. That there is a place for
// it is looked at first.
func (g *Group) dial(ctx context.Context, op Op) (*Chan, error) {
	what := "mount " + op.Old
	ctx, cancel := bounded(ctx)
	defer cancel()
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, mountPoint(err))
	}
	old.close()
	dev, err := g.eng.server(ctx, op.New, op.Spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	to, err := dev.attach(ctx)
	if err != nil {
		dev.hangup()
		return nil, fmt.Errorf("%s: %s: %w", what, op.New, err)
	}
	return to, nil
}

// server dials what a mount names.
func (e *Engine) server(ctx context.Context, name, aname string) (*Dev, error) {
	if n, ok := strings.CutPrefix(name, "#d/"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= len(e.streams) {
			return nil, fmt.Errorf("%s: the engine has no such stream: %w", name, p9.ErrNotExist)
		}
		return e.streams[i].attach(ctx, name, aname)
	}
	addr := name
	if n, ok := strings.CutPrefix(serverName(name), "#s/"); ok {
		if srv.CheckName(n) != nil {
			return nil, fmt.Errorf("%s: %w", name, p9.ErrBadName)
		}
		addr = "unix!" + filepath.Join(e.namespace, n)
	}
	dev, err := dial(ctx, addr, serverName(name), aname)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = p9.ErrorOfErrno(syscall.ETIMEDOUT)
		}
		if !strings.Contains(err.Error(), addr) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return nil, err
	}
	return dev, nil
}

// serverName gives a posted server one name of its three: ram, /srv/ram, #s/ram.
func serverName(name string) string {
	if n, ok := strings.CutPrefix(name, "/srv/"); ok {
		return "#s/" + n
	}
	if name[0] != '#' && !strings.ContainsAny(name, "!/:") {
		return "#s/" + name
	}
	return name
}

// attach makes a device of a stream; all its mounts share the connection.
func (s *stream) attach(ctx context.Context, name, aname string) (*Dev, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		// Half a negotiation would spoil the stream for those who ask again.
		vctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DialTimeout)
		defer cancel()
		conn, err := client.New(vctx, s.rwc, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.conn = conn
	}
	using(ctx, s.conn)
	root, err := s.conn.Attach(ctx, nil, "", aname)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &mntFile{root}
	d := NewDev(name, f, f.Clunk)
	d.spec = aname
	return d, nil
}
