//go:build linux

package cpu

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ninespace/exportfs/door"
	"ninespace/srv"
	"ninespace/srv/execfs"
	"ninespace/srv/p9"
)

// A command that was left is gone on with through a connection of its own, from wherever its
// user is: the session that has it is posted by a name that is in what the caller calls the
// command, NAME.N, and another session of the same user leads there.

// commands is the tree of a session, with the file left: when that is read, the session is
// to be found, by what it reads as.
type commands struct {
	*execfs.FS
	tree *srv.Server

	mu     sync.Mutex
	name   string
	l      net.Listener
	here   map[string]*visit // who goes on with a command, by its number
	served sync.WaitGroup
}

// A visit is somebody's going on with a command.
type visit struct {
	conn net.Conn
	done chan struct{}
}

// Walk finds left besides what execfs has.
func (c *commands) Walk(ctx context.Context, name string) (srv.File, error) {
	if name == fileLeft {
		return srv.Text(0o444, func(context.Context) (string, error) { return c.listen() }), nil
	}
	return c.FS.Walk(ctx, name)
}

// posted is what a session is posted as, in a directory that is its user's alone: a name
// without one (unix(7)'s abstract ones) could be called from any container of the same network.
func posted(name string) string { return "left." + name }

// listen has the session be found.
func (c *commands) listen() (name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.name != "" {
		return c.name, nil
	}
	name = strings.ToLower(rand.Text()[:10])
	if c.l, err = srv.Post(posted(name)); err != nil {
		return "", err
	}
	c.name, c.here = name, map[string]*visit{}
	c.served.Go(func() {
		for {
			conn, err := c.l.Accept()
			if err != nil {
				return
			}
			c.served.Go(func() { c.visit(conn) })
		}
	})
	return name, nil
}

// visit serves somebody who goes on with a command. Who did so before is let go of first:
// that one may be at a machine that sleeps.
func (c *commands) visit(conn net.Conn) {
	defer conn.Close()
	if uid, ok := srv.PeerOf(conn); !ok || uid != uint32(os.Geteuid()) {
		return
	}
	number, err := door.ReadLine(conn)
	if err != nil {
		return
	}
	v := &visit{conn, make(chan struct{})}
	c.mu.Lock()
	old := c.here[number]
	closed := c.l == nil
	if !closed {
		c.here[number] = v
	}
	c.mu.Unlock()
	defer close(v.done)
	if closed {
		return
	}
	if old != nil {
		old.conn.Close()
		<-old.done
	}
	c.tree.ServeConn(context.Background(), conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.here[number] == v {
		delete(c.here, number)
	}
}

// close has nobody find the session any more.
func (c *commands) close() {
	c.mu.Lock()
	if c.l != nil {
		c.l.Close()
		c.l = nil
	}
	for _, v := range c.here {
		v.conn.Close()
	}
	c.mu.Unlock()
	c.served.Wait()
}

// serveAttach leads a caller to the session that has a command.
func serveAttach(ctx context.Context, c *door.Conn) error {
	name, number, ok := strings.Cut(c.Want.Arg, ".")
	var to net.Conn
	err := errNotLeft
	if ok && srv.CheckName(posted(name)) == nil {
		var d net.Dialer
		to, err = d.DialContext(ctx, "unix", filepath.Join(p9.Namespace(), posted(name)))
	}
	if err == nil {
		defer to.Close()
		if uid, same := srv.PeerOf(to); !same || uid != uint32(os.Geteuid()) {
			err = errNotLeft
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(to, number)
	}
	if err != nil {
		c.Refuse(errNotLeft)
		return nil
	}
	return lead(ctx, c, to)
}
