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

// DialTimeout bounds how long a mount waits for its server to answer.
const DialTimeout = 10 * time.Second

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
	dev, err := g.server(g.eng.proving(ctx, op.Auth), op.New, op.Spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if op.Flag&MCACHE != 0 {
		g.eng.keep(dev)
	} else {
		g.eng.nearer(ctx, dev)
	}
	to, err := dev.attach(ctx)
	if err != nil {
		dev.unused()
		return nil, fmt.Errorf("%s: %s: %w", what, op.New, err)
	}
	return to, nil
}

// server connects to what a mount names.
func (g *Group) server(ctx context.Context, name, aname string) (*Dev, error) {
	if n, ok := strings.CutPrefix(name, "#d/"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= len(g.eng.streams) {
			return nil, fmt.Errorf("%s: the engine has no such stream: %w", name, p9.ErrNotExist)
		}
		return g.eng.streams[i].attach(ctx, name, aname)
	}
	if _, _, ok := client.SplitNet(name); ok {
		return g.dialFiles(ctx, name, aname)
	}
	if name[0] == '/' {
		if dev, err := g.open(ctx, name, aname); dev != nil || err != nil {
			return dev, err
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
			return p.attach(ctx, aname)
		}
		addr = "unix!" + filepath.Join(g.eng.namespace, n)
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
	if f, ok := dev.root.(*mntFile); ok && g.eng.v9fs && g.eng.kernel != nil && f.fid.Conn().DotL() {
		// The kernel is to show what the engine does, so its dialect is the one.
		hangup := dev.hangup
		var undo func()
		if dev.kernels, undo = g.eng.kernel.tree(ctx, addr, aname); undo != nil {
			dev.hangup = func() {
				undo()
				hangup()
			}
		}
	}
	return dev, nil
}

// open connects to the server at the other end of a file of the name space, as
// mount(2) does with an open file. It gives nothing for what is not there, a
// posted server or a file of the host's, which may be a socket: they are dialled.
func (g *Group) open(ctx context.Context, name, aname string) (*Dev, error) {
	p, err := g.lookup(ctx, name, false)
	if err != nil {
		return nil, nil
	}
	defer p.close()
	c := g.pg.top(p.Chan)
	defer c.close()
	if f, ok := c.file.(*postFile); ok {
		return f.attach(ctx, aname)
	}
	if _, ok := c.file.(*sockFile); ok || c.dev.host || c.mode&fs.ModeType != 0 {
		return nil, nil
	}
	ch, err := openChannel(ctx, c, p9.ORDWR)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := newStream(nil, ch)
	defer s.release()
	return s.attach(ctx, p.name, aname)
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
