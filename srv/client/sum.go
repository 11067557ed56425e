package client

import (
	"context"
	"crypto/sha256"

	"ninespace/srv/p9"
)

// Content is what WalkSum tells of a file.
type Content struct {
	Stat   p9.Stat
	HasSum bool
	Sum    [sha256.Size]byte // of what a regular file has, if HasSum
	Target string            // of a symbolic link
}

// WalkSum tells of the file at the end of a path, of no more than p9.MaxWelem names, its
// attributes and what it has: a link's target, or what p9.SumXattr says, where that can be had.
// All is asked in one round trip, of a server that keeps the order of 9P2000.L requests.
func (f *Fid) WalkSum(ctx context.Context, names ...string) (r Content, err error) {
	c := f.c
	if !c.dotl || !c.ordered || c.fit(names) < len(names) {
		return r, p9.ErrNotSup
	}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	g, x := f.next(), f.next()
	walk, stat, link := f.walkCall(g, names), newCall(p9.Tgetattr), newCall(p9.Treadlink)
	sum, read := newCall(p9.Txattrwalk), x.readCall(p9.Tread, r.Sum[:], 0)
	stat.Mask, sum.Name, sum.Newfid = p9.GetattrAll, p9.SumXattr, x.num
	for _, k := range []*call{stat, link, sum} {
		k.Fid = g.num
	}
	ks := []*call{walk, stat, link, sum, read}
	c.send(ctx, append(ks, endCall(x.num), endCall(g.num))...)
	c.wait(ctx, ks...)
	defer func() {
		for _, k := range ks {
			k.release()
		}
	}()
	n, err := 0, walk.err
	if err == nil {
		n, err = g.walked(walk, names)
	}
	switch {
	case err != nil:
		return r, err
	case n < len(names):
		if err = g.stopped(n); err == nil {
			err = p9.ErrNotExist
		}
		return r, err
	case stat.err != nil:
		return r, stat.err
	}
	if r.Stat, err = g.statted(stat); err != nil {
		return r, err
	}
	if link.err == nil {
		r.Target = link.Name2
	}
	r.HasSum = sum.err == nil && read.err == nil && sum.Size == uint64(len(r.Sum)) && read.n == len(r.Sum)
	return r, nil
}

// endCall makes a call that ends a fid for which nobody waits: the number is free with its reply.
func endCall(fid uint32) *call {
	k := newCall(p9.Tclunk)
	k.Fid, k.orphan = fid, true
	return k
}
