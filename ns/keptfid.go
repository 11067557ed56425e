package ns

import (
	"context"
	"syscall"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Fids of files that are known by their names: got when they are needed.

// way gives a fid to walk from, the names to walk by, and whose the fid is, which is
// held until it is let go by Clunk.
func (k *kept) way() (from *client.Fid, names []string, of *kept) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	for of = k; ; of = of.dir {
		if of.fid != nil && of.refs > 0 || of.dir == nil {
			break
		}
		if names = append(names, of.name); len(names) > 64 { // a circle, of names that are not true any more
			of, names = k.c.root, nil
			break
		}
	}
	if of.fid == nil {
		of = k.c.root
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return of.fid, names, of.hold()
}

// errMoved says that a file is not any more where it was found. The kernel looks the
// name up again then.
var errMoved = p9.NewError(syscall.ESTALE, "file is not where it was")

// isIt checks that a walk by way has come to the file, and else forgets the way.
func (k *kept) isIt(path uint64) error {
	if path == k.path {
		return nil
	}
	k.astray()
	return errMoved
}

// astray forgets by which names the file was found.
func (k *kept) astray() {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	for d, i := k.dir, 0; d != nil && i < 64; d, i = d.dir, i+1 {
		d.change()
	}
	k.change()
}

// lock waits for the right to get a fid.
func (k *kept) lock(ctx context.Context) error {
	select {
	case k.sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *kept) unlock() { <-k.sem }

// use gives the file's fid, for what must not be done to another file.
func (k *kept) use(ctx context.Context) (*client.Fid, error) {
	using(ctx, k.c.conn)
	if fid := k.has(); fid != nil {
		return fid, nil
	}
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	if fid := k.has(); fid != nil {
		return fid, nil
	}
	from, names, of := k.way()
	defer of.Clunk()
	g, err := from.Walk(ctx, names...)
	if err != nil {
		return nil, k.wayError(err)
	}
	if err := k.isIt(g.Qid().Path); err != nil {
		g.Drop()
		return nil, err
	}
	k.give(g)
	return g, nil
}

// wayError is the error of a walk to the file itself.
func (k *kept) wayError(err error) error {
	if e := p9.ErrorOf(err); e.Errno == syscall.ENOENT || e.Errno == syscall.ENOTDIR {
		k.astray()
		return errMoved
	}
	return err
}

func (k *kept) has() *client.Fid {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.fid
}

// give makes a fid the file's, unless it has one or is in no use any more.
func (k *kept) give(g *client.Fid) {
	k.c.mu.Lock()
	if k.refs > 0 && k.fid == nil {
		k.fid, g = g, nil
	}
	k.c.mu.Unlock()
	if g != nil {
		g.Drop()
	}
}
