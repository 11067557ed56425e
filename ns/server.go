package ns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// DialTimeout bounds how long a mount waits for its server: to reach it, and for each of its
// answers. For all those of a proof together it waits three times as long at most.
const DialTimeout = 10 * time.Second

// A connected server gives one of its trees. Without a proof that takes DialTimeout at most; with
// one, serverTime, and as long as who asks for it waits for the person who has the key.
type connected func(ctx context.Context, aname string) (*Dev, error)

// dial gives the root of the tree that a mount is of.
func (g *Group) dial(ctx context.Context, op Op) (to *Chan, err error) {
	defer func() {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%s: %w", op.New, p9.ErrorOfErrno(syscall.ETIMEDOUT))
		}
		if err != nil {
			err = fmt.Errorf("mount %s: %w", op.Old, err)
		}
	}()
	tree, err := g.connect(ctx, op)
	if err != nil {
		return nil, err
	}
	dev, err := tree(g.eng.proving(ctx, op.Auth), op.Spec)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if op.Flag&MCACHE != 0 {
		g.eng.keep(dev)
	} else {
		g.eng.nearer(ctx, dev)
	}
	if to, err = dev.attach(ctx); err != nil {
		dev.unused()
		return nil, fmt.Errorf("%s: %w", op.New, err)
	}
	return to, nil
}

// connect connects to the server of a mount. That there is a place for it is looked at first.
func (g *Group) connect(ctx context.Context, op Op) (connected, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	old, err := g.lookup(ctx, op.Old, true)
	if err != nil {
		return nil, mountPoint(err)
	}
	old.close()
	return g.server(ctx, op.New)
}

// server connects to what a mount names.
func (g *Group) server(ctx context.Context, name string) (connected, error) {
	if n, ok := strings.CutPrefix(name, "#d/"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= len(g.eng.streams) {
			return nil, fmt.Errorf("%s: the engine has no such stream: %w", name, p9.ErrNotExist)
		}
		return func(ctx context.Context, aname string) (*Dev, error) {
			return g.eng.streams[i].attach(ctx, name, aname)
		}, nil
	}
	if _, _, ok := client.SplitNet(name); ok {
		return g.dialFiles(ctx, name)
	}
	if name[0] == '/' {
		if tree, err := g.open(ctx, name); tree != nil || err != nil {
			return tree, err
		}
	}
	addr := name
	if n, ok := strings.CutPrefix(serverName(name), "#s/"); ok {
		if srv.CheckName(n) != nil {
			return nil, fmt.Errorf("%s: %w", name, p9.ErrBadName)
		}
		f, err := g.eng.srvDev.root.(*srvDir).Walk(ctx, n)
		if err != nil {
			return nil, p9.NewError(syscall.ENOENT, fmt.Sprintf("%s: no such server is posted in %s", name, g.eng.namespace))
		}
		if p, ok := f.(*postFile); ok {
			return p.attach, nil
		}
		addr = "unix!" + filepath.Join(g.eng.namespace, n)
	}
	named := func(err error) error {
		if strings.Contains(err.Error(), addr) {
			return err
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	conn, err := client.Dial(ctx, addr, nil)
	if err != nil {
		return nil, named(err)
	}
	return func(ctx context.Context, aname string) (*Dev, error) {
		dev, err := attach(ctx, conn, addr, serverName(name), aname)
		if err != nil {
			return nil, named(err)
		}
		g.eng.byKernel(ctx, dev, conn, addr)
		return dev, nil
	}, nil
}

// byKernel has the kernel's own client show a server's tree, where that is wanted. The kernel is to
// show what the engine does, so its dialect is the one.
func (e *Engine) byKernel(ctx context.Context, dev *Dev, conn *client.Conn, addr string) {
	if !e.v9fs || e.kernel == nil || !conn.DotL() {
		return
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	hangup := dev.hangup
	var undo func()
	if dev.kernels, undo = e.kernel.tree(ctx, addr, dev.spec); undo != nil {
		dev.hangup = func() {
			undo()
			hangup()
		}
	}
}

// open connects to the server at the other end of a file of the name space, as
// mount(2) does with an open file. It gives nothing for what is not there, a
// posted server or a file of the host's, which may be a socket: they are dialled.
func (g *Group) open(ctx context.Context, name string) (connected, error) {
	p, err := g.lookup(ctx, name, false)
	if err != nil {
		return nil, nil
	}
	defer p.close()
	c := g.pg.top(p.Chan)
	defer c.close()
	if f, ok := c.file.(*postFile); ok {
		return f.attach, nil
	}
	if _, ok := c.file.(*sockFile); ok || c.dev.host || c.mode&fs.ModeType != 0 {
		return nil, nil
	}
	ch, err := openChannel(ctx, c, p9.ORDWR)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, at := newStream(nil, ch), p.name
	return func(ctx context.Context, aname string) (*Dev, error) {
		defer s.release()
		return s.attach(ctx, at, aname)
	}, nil
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
