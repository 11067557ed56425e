package ns

import (
	"context"
	"io"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// dialFiles connects to a server by a network of the name space's, client.SplitNet.
func (g *Group) dialFiles(ctx context.Context, name string) (connected, error) {
	nc, err := client.DialFiles(ctx, g.opener, name, "564")
	if err != nil {
		return nil, err
	}
	conn, err := client.New(ctx, nc, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, aname string) (*Dev, error) {
		return attach(ctx, conn, name, name, aname)
	}, nil
}

// opener is a client.Opener of the group's files.
func (g *Group) opener(ctx context.Context, name string, mode p9.Mode) (io.ReadWriteCloser, error) {
	p, err := g.lookup(ctx, name, false)
	if err != nil {
		return nil, err
	}
	defer p.close()
	c := g.pg.top(p.Chan)
	defer c.close()
	ch, err := openChannel(ctx, c, mode)
	if err != nil {
		return nil, err
	}
	return ownChannel{newChannelConn(ch)}, nil
}

// An ownChannel is a channel that is nobody else's, and closed with the connection.
type ownChannel struct{ *channelConn }

func (o ownChannel) Close() error {
	o.channelConn.Close()
	return o.ch.Close()
}
