package srv

import (
	"context"

	"ninespace/srv/p9"
)

// leased sees to the leases of what the request looks at, or changes: what it gives is
// called when it is done.
func (r *req) leased(ctx context.Context, f *fid) (after func()) {
	l, h := r.c.srv.Leases, r.c.holder.Load()
	if h != nil && f.node != nil {
		switch r.t.Type {
		case p9.Tgetattr, p9.Tstat, p9.Topen, p9.Tlopen, p9.Treaddir, p9.Treadlink, p9.Txattrwalk:
			if _, own := f.node.file.(*leaseTree); !own {
				h.look(f.node.path, f.node.file)
			}
		}
	}
	if l == nil {
		return nil
	}
	own := h != nil && l.Watch != nil
	if own && r.t.Type == p9.Tclunk && f.open && f.mode.Writable() && f.node != nil { // the end of writing is noticed as well
		l.owns(h, []uint64{f.node.path})
	}
	if !r.changes(f) {
		return nil
	}
	others := l.others(h)
	if !others && !own {
		return nil
	}
	paths := r.changed(ctx, f)
	if own {
		l.owns(h, paths)
	}
	if !others {
		return nil
	}
	l.await(ctx, l.recall(h, paths))
	return func() { // who looked at it meanwhile
		l.await(ctx, l.recall(h, paths))
	}
}

// changes tells whether the request may change what others have leases of.
func (r *req) changes(f *fid) bool {
	switch r.t.Type {
	case p9.Twrite:
		return f.xattr == nil
	case p9.Topen:
		return p9.Mode(r.t.Mode)&(p9.OTRUNC|p9.ORCLOSE) != 0
	case p9.Tlopen:
		return p9.ModeOfLinux(r.t.Flags)&p9.OTRUNC != 0
	case p9.Tclunk:
		return f.xattr != nil && f.xattr.set || f.open && f.mode&p9.ORCLOSE != 0
	case p9.Tcreate, p9.Tlcreate, p9.Tremove, p9.Twstat, p9.Tsetattr, p9.Tmkdir, p9.Tsymlink, p9.Tmknod, p9.Tlink,
		p9.Trename, p9.Trenameat, p9.Tunlinkat:
		return true
	}
	return false
}

// changed gives the files that it changes: with a name that goes or comes its
// directory, and the file that has it.
func (r *req) changed(ctx context.Context, f *fid) (paths []uint64) {
	entry := func(dir *node, name string) {
		paths = append(paths, dir.path)
		if w, ok := dir.file.(Walker); ok && CheckName(name) == nil {
			if c, err := w.Walk(ctx, name); err == nil {
				if st, err := c.Stat(ctx); err == nil {
					paths = append(paths, st.Qid.Path)
				}
				Clunk(c)
			}
		}
	}
	t := &r.t
	switch t.Type {
	case p9.Tcreate, p9.Tlcreate, p9.Tunlinkat:
		entry(f.node, t.Name)
		return paths
	case p9.Tmkdir, p9.Tsymlink, p9.Tmknod:
		return append(paths, f.node.path)
	case p9.Trenameat:
		entry(f.node, t.Name)
		if d := r.second(); d.node != nil {
			entry(d.node, t.Name2)
		}
		return paths
	case p9.Tlink, p9.Trename:
		if d := r.second(); d.node != nil {
			entry(d.node, t.Name)
		}
	}
	paths = append(paths, f.node.path)
	switch t.Type {
	case p9.Tremove, p9.Trename, p9.Twstat, p9.Tclunk:
		_, parent := f.node.at()
		if parent != nil {
			paths = append(paths, parent.path)
			parent.unref()
		}
	}
	return paths
}
