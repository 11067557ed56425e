//go:build linux

package cpu

import (
	"context"
	"net"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/srv/client"
)

// serveDial connects the caller to somebody else, whose stream it then is.
func serveDial(ctx context.Context, c *door.Conn) error {
	to, err := client.DialStream(ctx, c.Want.Arg, door.Port)
	if err != nil {
		c.Refuse(err)
		return err
	}
	defer to.Close()
	return lead(ctx, c, to)
}

// lead lets a caller in and leads it to another stream, until both have ended or ctx does.
func lead(ctx context.Context, c *door.Conn, to net.Conn) error {
	if err := c.Accept(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.Close(); to.Close() })
	defer stop()
	exportfs.Join(c, to)
	return nil
}
