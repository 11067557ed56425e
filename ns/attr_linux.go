package ns

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

func status(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	e := p9.ErrorOf(err).Errno
	if e == 0 || e == syscall.ENOSYS { // which would tell the kernel never to ask again
		e = syscall.EIO
	}
	return e
}

// ids tells which owners can be reported: in a user namespace, those that are
// mapped there.
type ids struct {
	uid, gid   uint32
	uids, gids []idRange
}

type idRange struct{ first, count uint32 }

func myIds() ids {
	return ids{uint32(os.Geteuid()), uint32(os.Getegid()), idMap("/proc/self/uid_map"), idMap("/proc/self/gid_map")}
}

func has(m []idRange, id uint32) bool {
	for _, r := range m {
		if id-r.first < r.count {
			return true
		}
	}
	return m == nil
}

// attr fills in what the kernel wants to know of a file. Who is unknown on this
// machine appears as the session's user.
func (f *fuseFS) attr(st *p9.Stat, c *Chan, out *devfuse.Attr) {
	named := st.Uid != ""
	namedGroup := st.Gid != ""
	srv.Owners(st)
	out.Uid, out.Gid = st.Nuid, st.Ngid
	if named && st.Nuid == 65534 && st.Uid != "nobody" || !has(f.own.uids, out.Uid) {
		out.Uid = f.own.uid
	}
	if namedGroup && st.Ngid == 65534 && st.Gid != "nogroup" || !has(f.own.gids, out.Gid) {
		out.Gid = f.own.gid
	}
	out.Ino = inode(c.key())
	out.Mode = p9.UnixMode(st.Mode)
	// What may be made in a directory its server says, as on Plan 9, whose devices' modes do not
	// tell: here the kernel looks at the mode first.
	if named && st.Qid.IsDir() && out.Uid == f.own.uid {
		out.Mode |= 0o200
	}
	out.Nlink = uint32(max(st.Nlink, 1))
	if st.Unlinked {
		out.Nlink = 0
	}
	out.Size = st.Length
	out.Blocks, out.Blksize = st.Blocks, uint32(st.Blksize)
	if out.Blksize == 0 { // the server does not tell; else no blocks are none
		out.Blocks, out.Blksize = (st.Length+511)/512, 4096
	}
	out.Rdev = uint32(st.Rdev)
	out.SetTimes(st.Atime, st.Mtime, st.Ctime)
	if st.Ctime.IsZero() {
		out.Ctime, out.Ctimensec = out.Mtime, out.Mtimensec
	}
}

// inode makes one number of device and qid path. The kernel and who exports the name space tell
// files apart by it, so no server may have another's file's, whatever paths it chooses. Where there is
// room for both it is the same in the next session, in which git looks into no file that has kept its
// number: for the devices met first, and the paths of a disk's files (srv.Device).
func inode(k key) uint64 {
	const devBits, tagBits, inoBits = 8, 15, 40
	tag, ino := k.path>>48, k.path&(1<<48-1)
	if k.dev>>devBits == 0 && tag>>tagBits == 0 && ino>>inoBits == 0 {
		return k.dev<<(tagBits+inoBits) | tag<<inoBits | ino
	}
	x := srv.Scatter(k.dev, k.path) | 1<<63
	if x == ^uint64(0) {
		x = 1 << 63
	}
	return x
}

func (f *fuseFS) GetAttr(cancel *devfuse.Cancel, in *devfuse.GetAttrIn, out *devfuse.AttrOut) syscall.Errno {
	if in.NodeId == devfuse.RootId {
		out.Attr = devfuse.Attr{Ino: devfuse.RootId, Mode: syscall.S_IFDIR | 0o555, Nlink: 2, Uid: f.own.uid, Gid: f.own.gid}
		out.SetTimeout(graftTimeout)
		return 0
	}
	n, c := f.node(in.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, &in.InHeader, n)
	defer ctx.finish()
	_, errno := f.getattr(ctx, n, c, in.Handle(), out)
	return errno
}

// Statx is asked where somebody wants to know when a file was made.
func (f *fuseFS) Statx(cancel *devfuse.Cancel, in *devfuse.StatxIn, out *devfuse.StatxOut) syscall.Errno {
	n, c := f.node(in.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, &in.InHeader, n)
	defer ctx.finish()
	var attr devfuse.AttrOut
	born, errno := f.getattr(ctx, n, c, in.Handle(), &attr)
	if errno == 0 {
		out.Set(&attr, born)
	}
	return errno
}

// getattr tells the attributes of a node, by an open file of it where there is
// one, so that a removed file still has some. It gives the time of birth, if any.
func (f *fuseFS) getattr(ctx *reqCtx, n *node, c *Chan, fh uint64, out *devfuse.AttrOut) (born time.Time, _ syscall.Errno) {
	if n.dir {
		c = n.group.pg.top(c)
		defer c.close()
		out.SetTimeout(nameTimeout)
	}
	var file srv.File = c.file
	if h, ok := f.handle(fh).(*fileHandle); ok && fh != 0 && h.n == n {
		file = h.file()
	}
	st, err := n.stat(ctx, file)
	if err != nil {
		return born, status(err)
	}
	switch {
	case n.dir:
	case st.Qid.Vers != 0:
		out.SetTimeout(fileTimeout)
		f.looked(n, c, &st)
		n.tell(ctx, &st)
	case st.Snapshot:
		out.SetTimeout(nameTimeout)
	}
	f.attr(&st, c, &out.Attr)
	if n.dir && !f.telling(ctx, n, false, c.dev, c.dev) {
		out.SetTimeout(0)
	}
	if n.isRoot() {
		out.Ino = n.group.rootInode()
	}
	return st.Btime, 0
}

// isRoot tells whether a node is a group's root.
func (n *node) isRoot() bool { return n.parent != nil && n.parent.id == devfuse.RootId }

// rootInode gives the inode number of the group's root, by which it is known.
func (g *Group) rootInode() uint64 { return inode(key{0, 1<<62 | uint64(g.id)}) }

// wstat makes a change of attributes out of the kernel's.
func wstat(in *devfuse.SetAttrIn) p9.Wstat {
	w := p9.Wstat{Mode: p9.ModeOfUnix(in.Mode), Length: in.Size, Nuid: in.Uid, Ngid: in.Gid,
		Atime: time.Unix(int64(in.Atime), int64(in.Atimensec)), Mtime: time.Unix(int64(in.Mtime), int64(in.Mtimensec))}
	for _, v := range []struct {
		bit, now uint32
		w, wnow  p9.WstatMask
	}{
		{devfuse.FattrMode, 0, p9.WMode, 0}, {devfuse.FattrSize, 0, p9.WLength, 0},
		{devfuse.FattrUid, 0, p9.WUid, 0}, {devfuse.FattrGid, 0, p9.WGid, 0},
		{devfuse.FattrAtime, devfuse.FattrAtimeNow, p9.WAtime, p9.WAtimeNow},
		{devfuse.FattrMtime, devfuse.FattrMtimeNow, p9.WMtime, p9.WMtimeNow},
	} {
		switch {
		case in.Valid&v.bit == 0:
		case v.now != 0 && in.Valid&v.now != 0:
			w.Valid |= v.wnow
		default:
			w.Valid |= v.w
		}
	}
	return w
}

func (f *fuseFS) SetAttr(cancel *devfuse.Cancel, in *devfuse.SetAttrIn, out *devfuse.AttrOut) syscall.Errno {
	n, c := f.node(in.NodeId)
	if n == nil {
		return syscall.ESTALE
	}
	defer c.close()
	ctx := f.ctx(cancel, &in.InHeader, n)
	defer ctx.finish()
	t := c
	if n.dir {
		t = n.group.pg.top(c)
		defer t.close()
	}
	w := wstat(in)
	if w.Valid&(p9.WUid|p9.WGid) != 0 {
		if err := srv.WstatIds(&w); err != nil {
			return status(err)
		}
	}
	fh := in.Handle()
	var file srv.File = t.file
	if h, ok := f.handle(fh).(*fileHandle); ok && fh != 0 && h.n == n {
		if hf, ok := h.h.(srv.File); ok && w.Valid == p9.WLength { // ftruncate(2) works where the file's mode forbids
			file = hf
		}
	}
	if w.Valid != 0 {
		if err := srv.Wstat(ctx, file, w); err != nil {
			if file == t.file || !errors.Is(err, p9.ErrWstat) {
				return status(err)
			}
			if err := srv.Wstat(ctx, t.file, w); err != nil {
				return status(err)
			}
		}
	}
	n.opened.Store(nil)
	switch {
	case in.Valid&devfuse.FattrKillSuidgid != 0 && w.Valid&p9.WLength != 0:
		if err := f.killSuid(ctx, t, in.InHeader.Gid); err != nil {
			return status(err)
		}
	case in.Valid&^(devfuse.FattrFh|devfuse.FattrLockowner|devfuse.FattrCtime) == 0 && !n.dir:
		f.chownNone(ctx, file)
	}
	_, errno := f.getattr(ctx, n, c, fh, out)
	return errno
}

// chownNone is chown(2) to the owner and group that a file has, which takes set-id
// bits off and counts as a change. It is all the kernel asks nothing else for.
func (f *fuseFS) chownNone(ctx context.Context, file srv.File) {
	if st, err := file.Stat(ctx); err == nil && st.Uid == "" {
		srv.Wstat(ctx, file, p9.Wstat{Valid: p9.WUid | p9.WGid, Nuid: st.Nuid, Ngid: st.Ngid})
	}
}
