package ns

import (
	"context"
	"io/fs"
	"syscall"

	"ninespace/ns/devfuse"
	"ninespace/srv/p9"
)

// The requests that are about a name in a directory.

// A dirReq is one of them under way.
type dirReq struct {
	*reqCtx
	n *node
	c *Chan
}

// begin finds the directory; nil if there is none.
func (f *fuseFS) begin(cancel *devfuse.Cancel, h *devfuse.InHeader) *dirReq {
	n, c := f.node(h.NodeId)
	if n == nil {
		return nil
	}
	n.busy.Add(1)
	return &dirReq{f.ctx(cancel, h, n), n, c}
}

func (r *dirReq) end() {
	if r.n.busy.Add(-1) == 0 {
		r.n.fs.pay(r.n)
	}
	r.finish()
	r.c.close()
}

func (f *fuseFS) Lookup(cancel *devfuse.Cancel, h *devfuse.InHeader, name string, out *devfuse.EntryOut) syscall.Errno {
	if h.NodeId == devfuse.RootId {
		return f.lookupGroup(name, out)
	}
	r := f.begin(cancel, h)
	if r == nil {
		return syscall.ESTALE
	}
	defer f.answered(cancel, r, out)
	defer r.end()
	c, st, err := r.n.group.walk(r, r.c, name)
	if err != nil {
		return status(err)
	}
	return f.entry(r, name, c, &st, out)
}

// lookupGroup finds a group's directory.
func (f *fuseFS) lookupGroup(name string, out *devfuse.EntryOut) syscall.Errno {
	g := f.groupOf(name)
	if g == nil {
		return syscall.ENOENT
	}
	st, err := g.root.file.Stat(context.Background())
	if err != nil {
		return status(err)
	}
	f.mu.RLock()
	parent := f.nodes[devfuse.RootId]
	f.mu.RUnlock()
	n := f.enter(parent, name, g.root.hold())
	f.mu.Lock()
	n.group = g
	f.is(n, n.ch)
	f.mu.Unlock()
	out.NodeId = n.id
	out.SetEntryTimeout(graftTimeout)
	out.SetAttrTimeout(nameTimeout)
	f.attr(&st, g.root, &out.Attr)
	out.Ino = g.rootInode()
	return 0
}

// entry answers with a name's file, c, of which it takes hold, and its
// attributes, st, unless something is mounted on it.
func (f *fuseFS) entry(r *dirReq, name string, c *Chan, st *p9.Stat, out *devfuse.EntryOut) syscall.Errno {
	t := r.n.group.pg.top(c)
	defer t.close()
	if t.file != c.file {
		top, err := t.file.Stat(r)
		if err != nil && !c.isDir() {
			c.close()
			return status(err)
		}
		if err == nil {
			st = &top
		} // a directory whose server is gone can still be unmounted
	}
	switch {
	case r.n.isRoot() && r.n.group.eng.isBase(name):
		out.SetEntryTimeout(graftTimeout)
		out.SetAttrTimeout(nameTimeout)
	case c.isDir() || t.fixed() || t.mode == fs.ModeSymlink && st.Qid.Vers != 0:
		out.SetEntryTimeout(nameTimeout)
		out.SetAttrTimeout(nameTimeout)
	case st.Qid.Vers != 0:
		out.SetEntryTimeout(fileTimeout)
		out.SetAttrTimeout(fileTimeout)
	case st.Snapshot: // opening tells whether it is still there
		out.SetEntryTimeout(nameTimeout)
		out.SetAttrTimeout(nameTimeout)
	default:
		out.SetAttrTimeout(fileTimeout) // for the open that comes next
	}
	asks := c.dev.locks.Load() || c.dev.takes.taking()
	if c.isDir() {
		asks = r.n.held.Load() && !c.assured()
	}
	if asks || !f.exp && !c.dev.host {
		out.SetEntryTimeout(0) // a bind could not take it back, nor who gets a lock
	}
	f.attr(st, t, &out.Attr)
	n := f.enter(r.n, name, c)
	n.asked.Store(true)
	if !n.dir {
		f.looked(n, t, st)
	}
	n.tell(r.reqCtx, st)
	out.NodeId = n.id
	if n.dir && !f.telling(r.reqCtx, n, true, c.dev, t.dev) {
		out.SetEntryTimeout(0)
		out.SetAttrTimeout(0)
	}
	return 0
}

func (f *fuseFS) Readlink(cancel *devfuse.Cancel, h *devfuse.InHeader) ([]byte, syscall.Errno) {
	n, c := f.node(h.NodeId)
	if n == nil {
		return nil, syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, h, n)
	defer ctx.finish()
	target, err := readlink(ctx, c.file)
	return []byte(target), status(err)
}
