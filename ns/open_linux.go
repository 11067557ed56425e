package ns

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// A fileHandle is an open file.
type fileHandle struct {
	n      *node
	c      *Chan
	h      srv.Handle
	direct bool // made up as it is read: every read and write is passed on as it is

	counted bool // in the node's backing
	lockUse

	flushed atomic.Bool // a descriptor of it was closed
	appends bool        // opened to append, which the server does
	plain   plainHandle

	// A stream's offsets are the handle's own, one for each direction: Linux
	// has none for it, so that a blocked read does not stop a write.
	stream   bool
	mu       sync.Mutex
	rat, wat int64
}

func (f *fuseFS) handle(fh uint64) any {
	f.hmu.RLock()
	defer f.hmu.RUnlock()
	return f.handles[fh]
}

func (f *fuseFS) newHandle(h any) uint64 {
	f.hmu.Lock()
	defer f.hmu.Unlock()
	f.lastFh++
	f.handles[f.lastFh] = h
	return f.lastFh
}

func (f *fuseFS) dropHandle(fh uint64) any {
	f.hmu.Lock()
	defer f.hmu.Unlock()
	h := f.handles[fh]
	delete(f.handles, fh)
	return h
}

// file gives the file that is open, or, where that cannot tell of itself, that of its name.
func (h *fileHandle) file() srv.File {
	if hf, ok := h.h.(srv.File); ok {
		return hf
	}
	return h.c.file
}

const fmodeExec = 0x20 // what the kernel adds to the flags of an open for exec

// openMode makes a Mode of open(2)'s flags.
func openMode(flags uint32) p9.Mode {
	l := flags & uint32(unix.O_ACCMODE)
	for _, v := range []struct{ host, wire uint32 }{ // 9P has the generic numbers
		{unix.O_EXCL, 0o200}, {unix.O_TRUNC, 0o1000}, {unix.O_APPEND, 0o2000},
		{unix.O_NONBLOCK, 0o4000}, {unix.O_DSYNC, 0o10000}, {unix.O_SYNC, 0o4000000},
	} {
		if flags&v.host == v.host {
			l |= v.wire
		}
	}
	m := p9.ModeOfLinux(l)
	if flags&fmodeExec != 0 && l&unix.O_ACCMODE == 0 {
		m |= p9.OEXEC
	}
	return m
}

func (f *fuseFS) Open(cancel *devfuse.Cancel, in *devfuse.OpenIn, out *devfuse.OpenOut) syscall.Errno {
	n, c := f.node(in.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, &in.InHeader, n)
	defer ctx.finish()
	asked := n.asked.Swap(false)
	if in.Flags&unix.O_TRUNC != 0 {
		f.settled(ctx, n)
	}
	h, err := srv.Open(ctx, c.file, openMode(in.Flags))
	if err != nil {
		if f, ok := c.file.(snapshot); ok && f.isSnapshot() && !asked && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)) {
			return syscall.ESTALE // have the kernel ask what the name means now
		}
		return status(err)
	}
	if in.OpenFlags&devfuse.OpenKillSuidgid != 0 {
		if err := f.killSuid(ctx, c, in.Gid); err != nil {
			clunkHandle(c.file, h)
			return status(err)
		}
	}
	return status(f.opened(ctx, n, c, h, in.Flags, false, out))
}

// A snapshot is a server's file that may be one: p9.Stat has what that means.
type snapshot interface{ isSnapshot() bool }

// An opening is a handle that may know its file's attributes from when it was opened.
type opening interface{ opening() (p9.Stat, error) }

// opened answers with an open file. The page cache is kept where the file's
// version is still that of the last open; a file without versions has none.
func (f *fuseFS) opened(ctx context.Context, n *node, c *Chan, h srv.Handle, flags uint32, fresh bool, out *devfuse.OpenOut) error {
	fh := &fileHandle{n: n, c: c.hold(), h: h, lockUse: lockUse{access: flags & unix.O_ACCMODE}, appends: flags&unix.O_APPEND != 0}
	var qid p9.Qid
	var st p9.Stat
	length := uint64(1)
	if q, ok := h.(interface{ Qid() p9.Qid }); ok {
		qid = q.Qid()
	}
	if qid.Vers == 0 {
		file := c.file
		if hf, ok := h.(srv.File); ok {
			file = hf
		}
		err := error(p9.ErrNotSup)
		if o, ok := h.(opening); ok {
			st, err = o.opening()
		}
		if err != nil {
			st, err = file.Stat(ctx)
		}
		if err != nil {
			c.close()
			clunkHandle(c.file, h)
			return err
		}
		qid, length = st.Qid, st.Length
		if st.Snapshot {
			n.opened.Store(&openedStat{st, time.Now().Add(fileTimeout)})
		}
	}
	if qid.Vers == 0 || qid.Type&(p9.QTAPPEND|p9.QTEXCL) != 0 {
		fh.direct = true
		out.OpenFlags |= devfuse.FopenDirectIO
		_, stream := h.(streamer)
		if stream || flags&unix.O_ACCMODE == unix.O_RDWR && length == 0 && !fresh {
			fh.stream = true
			out.OpenFlags |= devfuse.FopenStream | devfuse.FopenNonseekable
		}
	} else if f.back(fh, &st, flags, out) {
		// Whatever is cached may be old when it is next opened otherwise.
		n.vers.Store(0)
	} else if n.vers.Swap(uint64(qid.Vers)+1) == uint64(qid.Vers)+1 {
		out.OpenFlags |= devfuse.FopenKeepCache
	}
	if !fh.direct && out.OpenFlags&devfuse.FopenPassthrough == 0 && fh.pass() {
		out.OpenFlags |= devfuse.FopenDirectIO
	}
	if !fh.direct && n.attrs.Load() != uint64(qid.Vers)+1 && !fresh {
		f.expireAttr(n.id) // its length is not what the kernel takes it for
	}
	if fh.quiet = fh.mayCloseUnseen(); fh.quiet {
		out.OpenFlags |= devfuse.FopenNoflush
	}
	out.Fh = f.newHandle(fh)
	return nil
}

func (f *fuseFS) Create(cancel *devfuse.Cancel, in *devfuse.CreateIn, name string, out *devfuse.CreateOut) syscall.Errno {
	r := f.begin(cancel, &in.InHeader)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	g := r.n.group
	mode := openMode(in.Flags)
	if g.pg.mounted(r.c) { // a union: the name may be in another member
		if c, st, err := g.walk(r, r.c, name); err == nil {
			if mode&p9.OEXCL != 0 {
				c.close()
				return syscall.EEXIST
			}
			t := g.pg.top(c)
			defer t.close()
			h, err := srv.Open(r, t.file, mode)
			if err != nil {
				c.close()
				return status(err)
			}
			if in.OpenFlags&devfuse.OpenKillSuidgid != 0 {
				if err := f.killSuid(r, t, in.Gid); err != nil {
					clunkHandle(t.file, h)
					c.close()
					return status(err)
				}
			}
			return f.created(r, t, name, c, &st, h, in.Flags, false, out)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return status(err)
		}
	}
	d, err := g.pg.creator(r.c)
	if err != nil {
		return status(err)
	}
	defer d.close()
	file, h, err := srv.Create(r, d.file, name, f.firstMode(in.Mode&0o7777, &in.InHeader), mode)
	if err != nil {
		return status(err)
	}
	if mode&p9.OEXCL != 0 {
		f.took(r, d, name)
	}
	return f.madeOpen(r, d, file, h, name, in, out)
}

// created answers with a name's file c, which it takes over, opened as h; t is
// the file that stands for it.
func (f *fuseFS) created(r *dirReq, t *Chan, name string, c *Chan, st *p9.Stat, h srv.Handle, flags uint32, fresh bool, out *devfuse.CreateOut) syscall.Errno {
	t.hold()
	defer t.close()
	if s := f.entry(r, name, c, st, &out.EntryOut); s != 0 {
		clunkHandle(t.file, h)
		return s
	}
	if err := f.opened(r, f.numbered(out.NodeId), t, h, flags, fresh, &out.OpenOut); err != nil {
		f.Forget(out.NodeId, 1)
		return status(err)
	}
	return 0
}

func (f *fuseFS) Release(_ *devfuse.Cancel, in *devfuse.ReleaseIn) {
	if h, ok := f.dropHandle(in.Fh).(*fileHandle); ok {
		f.unlock(h)
		f.unback(h)
		h.plain.clunk()
		clunkHandle(h.c.file, h.h)
		h.c.close()
	}
}
