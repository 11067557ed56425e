package client

import (
	"context"
	"io"
	"io/fs"
	"sync"

	"ninespace/srv/p9"
)

// A File is an open file of an Fsys: an io.Reader, io.Writer, io.Seeker,
// io.ReaderAt, io.WriterAt, fs.ReadDirFile. Its ctx is that of Open.
type File struct {
	ctx  context.Context
	fid  *Fid
	fsys Fsys
	name string

	mu     sync.Mutex
	off    int64
	cookie uint64 // of ReadDir
}

// Fid gives the fid that is open.
func (f *File) Fid() *Fid { return f.fid }

// Close lets the file go.
func (f *File) Close() error { return f.wrap("close", f.fid.Clunk(f.ctx)) }

func (f *File) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// ReadAt reads len(p) bytes at an offset, or up to the end.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.fid.Read(f.ctx, p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, f.wrap("read", err)
		}
	}
	return done, nil
}

// Read reads what one message brings, after what was read or written last.
func (f *File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fid.qid.IsDir() {
		return 0, f.wrap("read", p9.ErrIsDir)
	}
	n, err := f.fid.Read(f.ctx, p, f.off)
	f.off += int64(n)
	return n, f.wrap("read", err)
}

// WriteAt writes all of p at an offset.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.fid.Write(f.ctx, p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, f.wrap("write", err)
}

// Write writes all of p after what was read or written last.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.WriteAt(p, f.off)
	f.off += int64(n)
	return n, err
}

// Seek says where the next Read or Write is.
func (f *File) Seek(off int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		st, err := f.fid.Stat(f.ctx)
		if err != nil {
			return f.off, f.wrap("seek", err)
		}
		off += int64(st.Length)
	}
	if off < 0 {
		return f.off, f.wrap("seek", p9.ErrBadOffset)
	}
	f.off = off
	return off, nil
}
