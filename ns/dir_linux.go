package ns

import (
	"context"
	"io/fs"
	"sync"
	"syscall"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// A dirHandle is an open directory: the entries of all its members, as far as
// they were read since it was opened or rewound. Linux's offset of an entry is
// its place here, so it stays good.
type dirHandle struct {
	n  *node
	c  *Chan
	mu sync.Mutex

	open    bool
	members []*Chan
	lists   []any // what each member opened to; nil: it could not be
	at      int   // the member that is being read
	cookie  uint64
	ents    []devfuse.DirEntry
	count   int             // entries that were read, more than ents where some were left out
	seen    map[string]bool // in a union
	bad     error           // the first of entries that can't be shown
	tops    []top           // what is listed is these
}

// fill is how many entries are read from a member at a time, at most.
const fill = 4096

// maxEntries is how many entries a directory may have: one without an end, as a
// server may have or make up, must not take all memory.
const maxEntries = 1 << 20

var errEndless = p9.NewError(syscall.EFBIG, "directory has too many entries")

func (f *fuseFS) OpenDir(cancel *devfuse.Cancel, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	n, c := f.node(in.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	ctx := f.ctx(cancel, &in.InHeader, n)
	defer ctx.finish()
	d := &dirHandle{n: n, c: c}
	if _, teaches := f.teachers.Load(in.Pid); teaches && n.isRoot() {
		if tops := f.topsOf(ctx, n.group); tops != nil {
			d.list(tops)
			out.Fh = f.newHandle(d)
			return 0
		}
	}
	if err := d.start(ctx); err != nil {
		d.close()
		return status(err)
	}
	out.Fh = f.newHandle(d)
	return 0
}

// start opens the directory's members. One that cannot be opened is passed over
// where there are others.
func (d *dirHandle) start(ctx context.Context) error {
	d.stop()
	d.members = d.n.group.pg.members(d.c)
	d.lists = make([]any, len(d.members))
	var first error
	ok := false
	for i, m := range d.members {
		h, err := srv.Open(ctx, m.file, p9.OREAD)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		d.lists[i], ok = h, true
	}
	if !ok {
		return first
	}
	if len(d.members) > 1 {
		d.seen = map[string]bool{}
	}
	d.open = true
	return nil
}

// stop closes the members.
func (d *dirHandle) stop() {
	for i, h := range d.lists {
		if h != nil {
			clunkHandle(d.members[i].file, h)
		}
	}
	closeAll(d.members)
	d.members, d.lists, d.ents, d.seen = nil, nil, nil, nil
	d.at, d.cookie, d.count, d.open, d.bad = 0, 0, 0, false, nil
}

func (d *dirHandle) close() {
	d.stop()
	for _, x := range d.tops {
		x.c.close()
	}
	d.c.close()
}

// more reads further entries and reports whether there were any. What is wrong
// with a member's listing is told after all entries that it has; in a union it is
// passed over.
func (d *dirHandle) more(ctx context.Context) (bool, error) {
	for d.at < len(d.members) {
		if d.count > maxEntries {
			return false, errEndless
		}
		from := len(d.ents)
		end, err := d.piece(ctx)
		switch {
		case ctx.Err() != nil:
			return false, err
		case err != nil && d.bad == nil && len(d.members) == 1:
			d.bad = err
		}
		if end {
			d.at, d.cookie = d.at+1, 0
		}
		if len(d.ents) > from {
			return true, nil
		}
	}
	return false, d.bad
}

// piece reads some entries of the present member and tells whether they are its
// last. An entry that is wrong does not end a listing.
func (d *dirHandle) piece(ctx context.Context) (end bool, bad error) {
	h := d.lists[d.at]
	if h == nil {
		return true, nil
	}
	l, ok := h.(srv.Lister)
	if !ok {
		if l, ok = d.members[d.at].file.(srv.Lister); !ok {
			return true, p9.ErrNotDir
		}
	}
	from, n := d.cookie, 0
	for e, err := range l.List(ctx, from) {
		if err == nil && e.Cookie == d.cookie {
			return true, p9.ErrBotch
		}
		if err == nil {
			d.cookie = e.Cookie
			err = d.add(e)
		}
		if bad == nil {
			bad = err
		}
		d.count++
		if n++; n >= fill {
			return d.cookie == from, bad
		}
	}
	return true, bad
}

// add puts an entry in; the first of a name in a union counts.
func (d *dirHandle) add(e p9.Dirent) error {
	if e.Name == "." || e.Name == ".." {
		return nil
	}
	if err := srv.CheckName(e.Name); err != nil {
		return err
	}
	if d.seen != nil {
		if d.seen[e.Name] {
			return nil
		}
		d.seen[e.Name] = true
	}
	mode := e.Mode & fs.ModeType
	d.ents = append(d.ents, devfuse.DirEntry{Name: e.Name, Mode: p9.UnixMode(mode),
		Ino: inode(key{d.members[d.at].dev.id, e.Qid.Path})})
	return nil
}

func (f *fuseFS) ReadDir(cancel *devfuse.Cancel, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	return f.readdir(cancel, in, func(_ *reqCtx, _ *dirHandle, e devfuse.DirEntry) bool { return out.Add(e) })
}

// ReadDirPlus looks up what is soon found: of a server each name would be a round
// trip.
func (f *fuseFS) ReadDirPlus(cancel *devfuse.Cancel, in *devfuse.ReadIn, out *devfuse.DirList) syscall.Errno {
	return f.readdir(cancel, in, func(ctx *reqCtx, d *dirHandle, e devfuse.DirEntry) bool {
		o := out.AddPlus(e)
		if o != nil && e.Off > uint64(len(dots)) {
			r := &dirReq{ctx, d.n, d.c}
			if c, st, ok := d.known(r, e); ok && f.entry(r, e.Name, c, &st, o) != 0 {
				*o = devfuse.EntryOut{}
			}
		}
		return o != nil
	})
}

// known looks an entry up, if that is soon done, with what is mounted there.
func (d *dirHandle) known(r *dirReq, e devfuse.DirEntry) (*Chan, p9.Stat, bool) {
	if d.tops != nil {
		return d.topped(e.Off - 1 - uint64(len(dots)))
	}
	if !d.soon(e.Name) {
		return nil, p9.Stat{}, false
	}
	c, st, err := d.n.group.walk(r, d.c, e.Name)
	if err != nil {
		return nil, p9.Stat{}, false
	}
	t := d.n.group.pg.top(c)
	defer t.close()
	if t.file != c.file && !t.dev.local { // another server's, which may be silent
		c.close()
		return nil, p9.Stat{}, false
	}
	return c, st, true
}

// soon tells whether a name is found without a word with its server.
func (d *dirHandle) soon(name string) bool {
	if len(d.members) == 1 {
		if k, ok := d.members[0].file.(*kept); ok {
			return k.atHand(name) && !d.n.group.pg.on(d.members[0].dev)
		}
	}
	local := true
	d.n.group.pg.each(d.c, func(c *Chan) { local = local && c.dev.local })
	return local
}

var dots = [...]string{".", ".."}

// readdir passes entries on to add, until that has no room for one.
func (f *fuseFS) readdir(cancel *devfuse.Cancel, in *devfuse.ReadIn, add func(*reqCtx, *dirHandle, devfuse.DirEntry) bool) syscall.Errno {
	d, ok := f.handle(in.Fh).(*dirHandle)
	if !ok {
		return syscall.EBADF
	}
	ctx := f.ctx(cancel, &in.InHeader, d.n)
	defer ctx.finish()
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.Offset == 0 && d.tops == nil && (len(d.ents) > 0 || d.at > 0) { // rewound
		if err := d.start(ctx); err != nil {
			return status(err)
		}
	}
	if !d.open {
		return syscall.EBADF
	}
	added := false
	for off := in.Offset; ; off++ {
		var e devfuse.DirEntry
		if off < uint64(len(dots)) {
			e = devfuse.DirEntry{Name: dots[off], Mode: syscall.S_IFDIR}
		} else {
			i := off - uint64(len(dots))
			for i >= uint64(len(d.ents)) {
				more, err := d.more(ctx)
				if err != nil && !added {
					return status(err)
				}
				if err != nil || !more {
					return 0
				}
			}
			e = d.ents[i]
		}
		e.Off = off + 1
		if !add(ctx, d, e) {
			return 0
		}
		added = true
	}
}

func (f *fuseFS) ReleaseDir(in *devfuse.ReleaseIn) {
	if d, ok := f.dropHandle(in.Fh).(*dirHandle); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.close()
	}
}

// FsyncDir has nothing to do: names are passed on as they are made.
func (f *fuseFS) FsyncDir(*devfuse.Cancel, *devfuse.FsyncIn) syscall.Errno { return 0 }
