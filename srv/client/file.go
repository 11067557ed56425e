package client

import (
	"context"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"ninespace/srv/p9"
)

// A File is an open file of an Fsys: an io.Reader, io.Writer, io.Seeker,
// io.ReaderAt, io.WriterAt, fs.ReadDirFile. Its ctx is that of Open. Its methods may
// be called by many goroutines at once: there is one Read or Write at a time, but
// a stream (see Fid.ReadAt) can be written while a Read of it waits.
type File struct {
	ctx  context.Context
	fid  *Fid
	fsys Fsys
	name string

	off    atomic.Int64
	rd, wr sync.Mutex // of a stream's Read and Write

	mu     sync.Mutex
	cookie uint64 // of ReadDir
	ahead  *readAhead
	behind *writeBehind
}

// turn waits for the turn of a Read or a Write. Both of a regular file hold f.mu.
func (f *File) turn(stream *sync.Mutex) *sync.Mutex {
	if f.fid.regular() {
		stream = &f.mu
	}
	stream.Lock()
	return stream
}

// Fid gives the fid that is open. What is done with it takes no notice of what
// is read ahead or written behind.
func (f *File) Fid() *Fid { return f.fid }

// ReadAhead has Read ask for what comes next before that is wanted, up to n bytes,
// while the file is read from one end towards the other; 0 ends that. What was read
// ahead is dropped at a Seek elsewhere and at a Write; what others write to the
// file meanwhile may be seen late. It is to be called before the File is shared.
//
// It is a File's and not a Fid's, as WriteBehind is, for it needs what only a File has:
// one place where the file is read or written next, and a ctx that outlasts the call.
// Each call of a Fid says its own offset and ctx, and many may run at once: there is no
// next one to be ahead of, and nobody to whom a late error could be told.
func (f *File) ReadAhead(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	if f.ahead = nil; n > 0 && f.fid.regular() {
		f.ahead = &readAhead{max: min(depth, max(1, n/f.fid.chunk())), at: f.off.Load(), asked: f.off.Load()}
	}
}

// WriteBehind has Write return before the server has answered, with up to n bytes
// under way; 0 ends that. An error is then told by a later Write, all of which fail
// from then on, and by Sync and Close, which wait for every answer. So does whatever
// else is done with the File. It is to be called before the File is shared.
func (f *File) WriteBehind(n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.settle()
	if f.behind = nil; n > 0 && f.fid.parallel() {
		f.behind = &writeBehind{max: n}
	}
	return f.wrap("write", err)
}

// settle waits for what is written behind. f.mu is held.
func (f *File) settle() error {
	if f.behind == nil {
		return nil
	}
	return f.behind.wait(f.ctx, f.fid.c)
}

// forget drops what is read ahead. f.mu is held.
func (f *File) forget() {
	if f.ahead != nil {
		f.ahead.drop(f.fid.c)
	}
}

// before does what must be done before anything but going on: settle, and forget
// if it writes.
func (f *File) before(writes bool) error {
	if f.behind == nil && f.ahead == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if writes {
		f.forget()
	}
	return f.settle()
}

// Sync puts what was written on stable storage.
func (f *File) Sync() error {
	err := f.before(false)
	if err == nil {
		err = f.fid.Sync(f.ctx, false)
	}
	return f.wrap("sync", err)
}

// Close lets the file go.
func (f *File) Close() error {
	err := f.before(true)
	if cerr := f.fid.Clunk(f.ctx); err == nil {
		err = cerr
	}
	return f.wrap("close", err)
}

func (f *File) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// ReadAt reads len(p) bytes at an offset, or up to the end, as Fid's does.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if err := f.before(false); err != nil {
		return 0, f.wrap("write", err)
	}
	n, err := f.fid.ReadAt(f.ctx, p, off)
	return n, f.wrap("read", err)
}

// Read reads what one message brings, after what was read or written last.
func (f *File) Read(p []byte) (n int, err error) {
	defer f.turn(&f.rd).Unlock()
	if f.fid.qid.IsDir() {
		return 0, f.wrap("read", p9.ErrIsDir)
	}
	if err := f.settle(); err != nil {
		return 0, f.wrap("write", err)
	}
	if f.ahead != nil {
		n, err = f.ahead.read(f.ctx, f.fid, p, f.off.Load())
	} else {
		n, err = f.fid.Read(f.ctx, p, f.off.Load())
	}
	f.off.Add(int64(n))
	return n, f.wrap("read", err)
}

// WriteAt writes all of p at an offset.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if err := f.before(true); err != nil {
		return 0, f.wrap("write", err)
	}
	return f.writeAt(p, off)
}

func (f *File) writeAt(p []byte, off int64) (int, error) {
	n, err := f.fid.Write(f.ctx, p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, f.wrap("write", err)
}

// Write writes all of p after what was read or written last.
func (f *File) Write(p []byte) (n int, err error) {
	defer f.turn(&f.wr).Unlock()
	f.forget()
	if f.behind != nil {
		n, err = f.behind.write(f.ctx, f.fid, p, f.off.Load())
		err = f.wrap("write", err)
	} else {
		n, err = f.writeAt(p, f.off.Load())
	}
	f.off.Add(int64(n))
	return n, err
}

// Seek says where the next Read or Write is.
func (f *File) Seek(off int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		off += f.off.Load()
	case io.SeekEnd:
		if err := f.settle(); err != nil {
			return f.off.Load(), f.wrap("write", err)
		}
		st, err := f.fid.Stat(f.ctx)
		if err != nil {
			return f.off.Load(), f.wrap("seek", err)
		}
		off += int64(st.Length)
	}
	if off < 0 {
		return f.off.Load(), f.wrap("seek", p9.ErrBadOffset)
	}
	f.off.Store(off)
	return off, nil
}
