package diskfs

import (
	"context"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Walk finds a name, whatever it is; of a symbolic link it is the link itself.
func (n *node) Walk(ctx context.Context, name string) (srv.File, error) {
	f, _, err := n.WalkQid(ctx, name)
	return f, err
}

// WalkQid is Walk that tells the qid.
func (n *node) WalkQid(ctx context.Context, name string) (srv.File, p9.Qid, error) {
	err := srv.CheckName(name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if err := n.use(ctx); err != nil {
		return nil, p9.Qid{}, err
	}
	defer n.done()
	now := srv.Nonblock(ctx)
	var c *entry
	if now {
		var q p9.Qid
		if c, q, err = n.recent(ctx, name); c != nil {
			return c, q, nil
		}
		if err == nil {
			c, err = n.walkNow(name)
		}
	} else {
		c, err = n.walk(name)
	}
	if err != nil {
		return nil, p9.Qid{}, err
	}
	var st unix.Statx_t
	d, err := c.statx(&st)
	if err != nil {
		c.Clunk()
		return nil, p9.Qid{}, err
	}
	c.is(&st)
	if now {
		n.keep(name, c, &st)
	}
	c.lead()
	return c, qidOf(&st, d), nil
}

// WalkStat is Walk that tells the attributes: one call for both, for who may wait.
func (n *node) WalkStat(ctx context.Context, name string) (srv.File, p9.Stat, error) {
	if err := srv.CheckName(name); err != nil {
		return nil, p9.Stat{}, err
	}
	if err := n.use(ctx); err != nil {
		return nil, p9.Stat{}, err
	}
	defer n.done()
	c, err := n.walk(name)
	if err != nil {
		return nil, p9.Stat{}, err
	}
	var st unix.Statx_t
	d, err := c.statx(&st)
	if err != nil {
		c.Clunk()
		return nil, p9.Stat{}, err
	}
	c.is(&st)
	c.lead()
	return c, statOf(&st, d), nil
}
