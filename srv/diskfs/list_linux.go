package diskfs

import (
	"context"
	"encoding/binary"
	"io/fs"
	"iter"
	"math"
	"sync"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// A dirHandle is an open directory.
type dirHandle struct {
	node
	dev uint64

	mu   sync.Mutex // one listing at a time: the descriptor has one place
	buf  []byte     // what getdents64(2) gave last, from at on
	at   uint64     // the cookie that buf begins after
	fill int
}

const (
	dirBuf = 32 << 10

	// A file system may give its last entry an offset of 0, which would mean
	// to start again.
	dirEnd = math.MaxInt64
)

// List gives the entries in the file system's order; a cookie is the offset that
// the file system gives with an entry, d_off of getdents64(2).
func (h *dirHandle) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		tag := h.t.device(h.dev, h.fd).tag
		b, ok := h.after(cookie)
		for {
			if !ok {
				var err error
				if b, err = h.read(cookie); err != nil {
					yield(p9.Dirent{}, err)
					return
				}
				if len(b) == 0 {
					return
				}
			}
			for len(b) > 0 {
				var e p9.Dirent
				var ino uint64
				var typ uint8
				ino, e.Cookie, typ, e.Name, b = dirent(b)
				cookie = e.Cookie
				if e.Name == "." || e.Name == ".." {
					continue
				}
				e.Mode = p9.ModeOfDtype(typ)
				if typ == unix.DT_UNKNOWN {
					e.Mode = h.typeOf(e.Name)
				}
				e.Qid = p9.Qid{Type: p9.QidTypeOf(e.Mode), Path: ino ^ tag}
				if !yield(e, nil) {
					return
				}
			}
			ok = false
		}
	}
}

// after finds the rest of the buffer that follows a cookie: with small reads a
// directory would be read anew for each few entries otherwise. From the start
// it is always read anew.
func (h *dirHandle) after(cookie uint64) ([]byte, bool) {
	b := h.buf[:h.fill]
	if cookie == 0 || len(b) == 0 {
		return nil, false
	}
	for at := h.at; ; {
		if at == cookie {
			return b, len(b) > 0
		}
		if len(b) == 0 {
			return nil, false
		}
		_, at, _, _, b = dirent(b)
	}
}

// read fills the buffer with entries after a cookie; none is the end.
func (h *dirHandle) read(cookie uint64) ([]byte, error) {
	h.fill = 0
	if cookie == dirEnd {
		return nil, nil
	}
	if cookie > math.MaxInt64 {
		return nil, p9.ErrDirOffset
	}
	if _, err := unix.Seek(h.fd, int64(cookie), unix.SEEK_SET); err != nil {
		return nil, err
	}
	if h.buf == nil {
		h.buf = make([]byte, dirBuf)
	}
	n, err := unix.Getdents(h.fd, h.buf)
	for err == unix.EINTR {
		n, err = unix.Getdents(h.fd, h.buf)
	}
	if err == unix.ENOENT { // it has been removed
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.at, h.fill = cookie, n
	return h.buf[:n], nil
}

// dirent takes the first entry off b: d_ino, d_off, d_reclen, d_type, d_name.
func dirent(b []byte) (ino, off uint64, typ uint8, name string, rest []byte) {
	le := binary.NativeEndian
	ino, off, typ = le.Uint64(b), le.Uint64(b[8:]), b[18]
	if off == 0 {
		off = dirEnd
	}
	size := le.Uint16(b[16:])
	s := b[19:size]
	for i, c := range s {
		if c == 0 {
			s = s[:i]
			break
		}
	}
	return ino, off, typ, string(s), b[size:]
}

// typeOf asks for the type of an entry, on file systems whose directories do not
// have it.
func (h *dirHandle) typeOf(name string) fs.FileMode {
	var st unix.Statx_t
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if err := unix.Statx(h.fd, name, flags, unix.STATX_TYPE, &st); err != nil {
		return 0
	}
	return p9.ModeOfUnix(uint32(st.Mode)) & fs.ModeType
}

// Sync puts the entries on stable storage.
func (h *dirHandle) Sync(context.Context, bool) error { return unix.Fsync(h.fd) }
