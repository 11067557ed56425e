package diskfs

import (
	"context"
	"encoding/binary"
	"io/fs"
	"iter"
	"math"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A dirHandle is an open directory.
type dirHandle struct {
	inline
	descriptor
	node

	mu   sync.Mutex // of what follows: the descriptor has one place
	got  entries    // what getdents64(2) gave last
	from uint64     // the cookie that got begins after
	rest entries    // of got, from where a listing stopped
	next uint64     // the cookie that rest begins after
	seek uint64     // where the descriptor is, after got
}

// Entries are what getdents64(2) gives: d_ino, d_off, d_reclen, d_type and
// d_name of each. It is one string, so that names are cut out of it.
type entries string

const (
	dirBuf = 32 << 10

	// A file system may give its last entry an offset of 0, which would mean
	// to start again.
	dirEnd = math.MaxInt64
)

var dirBufs = sync.Pool{New: func() any { return new([dirBuf]byte) }}

// List gives the entries in the file system's order; a cookie is the offset that
// the file system gives with an entry, d_off of getdents64(2). Names share memory
// with their neighbours: who keeps one of many had better keep a copy.
func (h *dirHandle) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		if err := h.settled(ctx); err != nil {
			yield(p9.Dirent{}, err)
			return
		}
		d, _, err := h.known(ctx)
		for err == nil {
			var b entries
			err = srv.InKernel(ctx, func() (err error) {
				b, err = h.after(cookie)
				return err
			})
			if err != nil || b == "" {
				break
			}
			for b != "" {
				before, at := cookie, b
				var e p9.Dirent
				var ino uint64
				var typ uint8
				ino, e.Cookie, typ, e.Name, b = b.cut()
				cookie = e.Cookie
				if e.Name == "." || e.Name == ".." {
					continue
				}
				e.Mode = p9.ModeOfDtype(typ)
				if typ == unix.DT_UNKNOWN {
					e.Mode = h.typeOf(ctx, e.Name)
				}
				e.Qid = p9.Qid{Type: p9.QidTypeOf(e.Mode), Path: d.paths.Path(ino)}
				if !yield(e, nil) {
					h.stopped(before, at)
					return
				}
			}
		}
		if err != nil {
			yield(p9.Dirent{}, err)
		}
	}
}

// after gives entries that follow a cookie; none is the end. With small reads a
// directory would be read anew for each few entries, were there no rest. From
// the start it is always read anew.
func (h *dirHandle) after(cookie uint64) (entries, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cookie != 0 && cookie != h.seek {
		if b := h.rest.after(h.next, cookie); b != "" {
			return b, nil
		}
		if b := h.got.after(h.from, cookie); b != "" {
			return b, nil
		}
	}
	err := h.read(cookie)
	return h.got, err
}

// stopped keeps the place where a listing was left.
func (h *dirHandle) stopped(cookie uint64, rest entries) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next, h.rest = cookie, rest
}

// read gets the entries after a cookie.
func (h *dirHandle) read(cookie uint64) error {
	h.got, h.rest, h.from, h.next = "", "", cookie, cookie
	switch {
	case cookie == dirEnd:
		return nil
	case cookie > math.MaxInt64:
		return p9.ErrDirOffset
	case cookie == 0 || cookie != h.seek:
		if _, err := unix.Seek(h.fd, int64(cookie), unix.SEEK_SET); err != nil {
			return err
		}
	}
	buf := dirBufs.Get().(*[dirBuf]byte)
	defer dirBufs.Put(buf)
	n, err := unix.Getdents(h.fd, buf[:])
	for err == unix.EINTR {
		n, err = unix.Getdents(h.fd, buf[:])
	}
	if err == unix.ENOENT { // it has been removed
		return nil
	}
	if err != nil {
		return err
	}
	h.got = entries(buf[:n])
	end, err := unix.Seek(h.fd, 0, unix.SEEK_CUR)
	h.seek = uint64(end)
	return err
}

// after gives those that follow a cookie, where they themselves begin after from.
func (b entries) after(from, cookie uint64) entries {
	for from != cookie && b != "" {
		_, from, _, _, b = b.cut()
	}
	return b
}

// cut takes the first entry off b.
func (b entries) cut() (ino, off uint64, typ uint8, name string, rest entries) {
	head := bytesOf(string(b[:19]))
	ino, off, typ = binary.NativeEndian.Uint64(head), binary.NativeEndian.Uint64(head[8:]), head[18]
	if off == 0 {
		off = dirEnd
	}
	size := binary.NativeEndian.Uint16(head[16:])
	name, _, _ = strings.Cut(string(b[19:size]), "\x00")
	return ino, off, typ, name, b[size:]
}

// typeOf asks for the type of an entry, on file systems whose directories do not
// have it.
func (h *dirHandle) typeOf(ctx context.Context, name string) fs.FileMode {
	var st unix.Statx_t
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if h.t.do(ctx, func() error { return unix.Statx(h.fd, name, flags, unix.STATX_TYPE, &st) }) != nil {
		return 0
	}
	return p9.ModeOfUnix(uint32(st.Mode)) & fs.ModeType
}

// Sync puts the entries on stable storage.
func (h *dirHandle) Sync(ctx context.Context, _ bool) error {
	if err := h.settled(ctx); err != nil {
		return err
	}
	return srv.InKernel(ctx, func() error { return unix.Fsync(h.fd) })
}
