package diskfs

import (
	"context"
	"io/fs"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Wstat changes attributes: all or none, as far as the kernel lets. What is
// refused at once (the wrong kind of file, no permission to write) is found
// before anything is done; then owner, mode and times are set, which can be set
// back, and the length last. What cannot be set back: ctime; and atime and mtime
// of a file whose truncation fails late are set from what stat said, which loses
// changes that others made meanwhile. Without anything to change the file is put
// on stable storage.
func (n *node) Wstat(ctx context.Context, w p9.Wstat) error {
	if err := n.use(ctx); err != nil {
		return err
	}
	defer n.done()
	switch {
	case w.Valid == 0:
	case n.t.readOnly:
		return p9.ErrReadOnly
	default:
		if err := srv.WstatIds(&w); err != nil {
			return err
		}
	}
	if w.Valid == 0 {
		if err := n.settled(ctx); err != nil {
			return err
		}
		_, kind, err := n.known(ctx)
		if err != nil {
			return err
		}
		return patiently(ctx, func() error { return n.t.do(ctx, func() error { return n.fsync(kind) }) })
	}
	return patiently(ctx, func() error { return n.run(ctx, func() error { return n.wstat(w) }) })
}

func (n *node) wstat(w p9.Wstat) (err error) {
	has := func(m p9.WstatMask) bool { return w.Valid&m != 0 }
	var st unix.Statx_t
	if _, err := n.statx(&st); err != nil {
		return err
	}
	kind := st.Mode & unix.S_IFMT
	switch {
	case has(p9.WName): // a directory's Rename does it
		return p9.ErrWstat
	case has(p9.WMode) && w.Mode&(fs.ModeAppend|fs.ModeExclusive) != 0:
		return p9.ErrNotSup
	case has(p9.WMode) && w.Mode&fs.ModeType != 0 && w.Mode.IsDir() != (kind == unix.S_IFDIR):
		return p9.ErrorOfText("wstat can't convert between files and directories")
	case has(p9.WLength) && w.Length > math.MaxInt64:
		return unix.EFBIG
	case has(p9.WLength) && kind == unix.S_IFDIR && w.Length == 0: // as it is
		w.Valid &^= p9.WLength
	}
	fd := -1
	if has(p9.WLength) {
		var done func()
		if fd, done, err = n.cuttable(kind); err != nil {
			return err
		}
		defer done()
	}
	var undo []func()
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	if has(p9.WUid | p9.WGid) {
		uid, gid := -1, -1
		if has(p9.WUid) {
			uid = int(w.Nuid)
		}
		if has(p9.WGid) {
			gid = int(w.Ngid)
		}
		if err := unix.Fchownat(n.fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
			return err
		}
		undo = append(undo, func() {
			unix.Fchownat(n.fd, "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH)
			n.chmod(uint32(st.Mode)) // chown takes set-id bits off
		})
	}
	if has(p9.WMode) {
		if err := n.chmod(unixPerm(w.Mode)); err != nil {
			return err
		}
		undo = append(undo, func() { n.chmod(uint32(st.Mode)) })
	}
	ts := [2]unix.Timespec{
		timespec(has(p9.WAtime), w.Atime, has(p9.WAtimeNow)),
		timespec(has(p9.WMtime), w.Mtime, has(p9.WMtimeNow)),
	}
	if has(p9.WAtime | p9.WMtime | p9.WAtimeNow | p9.WMtimeNow) {
		if err := n.utimes(ts); err != nil {
			return err
		}
		undo = append(undo, func() {
			n.utimes([2]unix.Timespec{timespec(true, timeOf(st.Atime), false), timespec(true, timeOf(st.Mtime), false)})
		})
	}
	if has(p9.WLength) {
		if err := unix.Ftruncate(fd, int64(w.Length)); err != nil {
			return err
		}
		undo = nil // the bytes are gone
		if has(p9.WMtime) {
			return n.utimes(ts)
		}
	}
	return nil
}

// cuttable gives a descriptor by which the file can be truncated, or srv.ErrAgain.
func (n *node) cuttable(kind uint16) (fd int, done func(), err error) {
	switch {
	case kind == unix.S_IFDIR:
		return -1, nil, unix.EISDIR
	case kind != unix.S_IFREG:
		return -1, nil, unix.EINVAL
	case n.open && n.mode.Writable(): // whatever its mode has become since
		return n.fd, func() {}, nil
	}
	fd, err = n.openFor(unix.O_WRONLY)
	return fd, func() { unix.Close(fd) }, err
}

// openFor opens the file for a call of our own; srv.ErrAgain says that another has a lease of
// it (F_SETLEASE of fcntl(2)), who is told to give it up.
func (n *node) openFor(flags int) (int, error) {
	fd, err := n.openAgain(flags | unix.O_NONBLOCK)
	if err == unix.EAGAIN {
		err = srv.ErrAgain
	}
	return fd, err
}

func (n *node) utimes(ts [2]unix.Timespec) error {
	return unix.UtimesNanoAt(n.fd, "", ts[:], unix.AT_EMPTY_PATH)
}

func timespec(set bool, t time.Time, now bool) unix.Timespec {
	switch {
	case set:
		ts, err := unix.TimeToTimespec(t)
		if err == nil {
			return ts
		}
	case now:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	}
	return unix.Timespec{Nsec: unix.UTIME_OMIT}
}

// fsync puts a file that may not be open on stable storage; what has no bytes
// there is so already. It may say srv.ErrAgain.
func (n *node) fsync(kind uint32) error {
	if n.open {
		if err := unix.Fsync(n.fd); err != unix.EINVAL { // a pipe, a device
			return err
		}
		return nil
	}
	if kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return nil
	}
	fd, err := n.openFor(unix.O_RDONLY)
	if err == unix.EACCES && kind == unix.S_IFREG {
		fd, err = n.openFor(unix.O_WRONLY)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fsync(fd)
}
