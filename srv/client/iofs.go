package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ninespace/srv/p9"
)

// FS gives the tree to programs that know io/fs: an fs.FS that also is an
// fs.StatFS, fs.ReadDirFS, fs.ReadFileFS and fs.ReadLinkFS. All that is done
// with it is done in ctx.
func (s Fsys) FS(ctx context.Context) fs.FS { return ioFS{s, ctx} }

type ioFS struct {
	s   Fsys
	ctx context.Context
}

// checked does op, a call of an Fsys, as io/fs wants it: paths without dots and
// slashes at the ends, and errors of its own type.
func checked[T any](op, name string, do func() (T, error)) (T, error) {
	if !fs.ValidPath(name) {
		var none T
		return none, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	v, err := do()
	if err == nil {
		return v, nil
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return v, err
	}
	// Fsys has put the path in front of it.
	if e := errors.Unwrap(err); e != nil && strings.HasPrefix(err.Error(), name+": ") {
		err = e
	}
	return v, &fs.PathError{Op: op, Path: name, Err: err}
}

func (s ioFS) Open(name string) (fs.File, error) {
	return checked("open", name, func() (fs.File, error) {
		f, err := s.s.Open(s.ctx, name, p9.OREAD)
		if err != nil {
			return nil, err
		}
		fi, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if !fi.IsDir() && fi.Size() == 0 { // made up as it is read: who knows its end
			return stream{f}, nil
		}
		return f, nil
	})
}

// A stream is a File that cannot be told to seek its end.
type stream struct{ f *File }

func (s stream) Stat() (fs.FileInfo, error)              { return s.f.Stat() }
func (s stream) Read(p []byte) (int, error)              { return s.f.Read(p) }
func (s stream) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }
func (s stream) Close() error                            { return s.f.Close() }

func (s ioFS) Stat(name string) (fs.FileInfo, error) {
	return checked("stat", name, func() (fs.FileInfo, error) {
		st, err := s.s.Stat(s.ctx, name)
		return &info{st, path.Base(name)}, err
	})
}

func (s ioFS) Lstat(name string) (fs.FileInfo, error) {
	return checked("lstat", name, func() (fs.FileInfo, error) {
		st, err := s.s.Lstat(s.ctx, name)
		return &info{st, path.Base(name)}, err
	})
}

func (s ioFS) ReadLink(name string) (string, error) {
	return checked("readlink", name, func() (string, error) { return s.s.Readlink(s.ctx, name) })
}

func (s ioFS) ReadFile(name string) ([]byte, error) {
	return checked("readfile", name, func() ([]byte, error) { return s.s.ReadFile(s.ctx, name) })
}

func (s ioFS) ReadDir(name string) ([]fs.DirEntry, error) {
	return checked("readdir", name, func() ([]fs.DirEntry, error) {
		ents, err := s.s.ReadDir(s.ctx, name)
		return s.entries(name, ents), err
	})
}

func (s ioFS) entries(dir string, ents []p9.Dirent) []fs.DirEntry {
	l := make([]fs.DirEntry, len(ents))
	for i, e := range ents {
		l[i] = &entry{e, path.Join(dir, e.Name), s}
	}
	return l
}

// An entry is an fs.DirEntry; its Info is asked for when it is wanted.
type entry struct {
	e    p9.Dirent
	path string
	s    ioFS
}

func (e *entry) Name() string               { return e.e.Name }
func (e *entry) IsDir() bool                { return e.e.Mode.IsDir() }
func (e *entry) Type() fs.FileMode          { return e.e.Mode.Type() }
func (e *entry) Info() (fs.FileInfo, error) { return e.s.Lstat(e.path) }
func (e *entry) String() string             { return fs.FormatDirEntry(e) }

// An info is an fs.FileInfo; its Sys is the *p9.Stat.
type info struct {
	st   p9.Stat
	name string
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return int64(i.st.Length) }
func (i *info) Mode() fs.FileMode  { return i.st.Mode }
func (i *info) ModTime() time.Time { return i.st.Mtime }
func (i *info) IsDir() bool        { return i.st.Mode.IsDir() }
func (i *info) Sys() any           { return &i.st }
func (i *info) String() string     { return fs.FormatFileInfo(i) }

// Stat gives the file's attributes.
func (f *File) Stat() (fs.FileInfo, error) {
	if err := f.before(false); err != nil {
		return nil, f.wrap("write", err)
	}
	st, err := f.fid.Stat(f.ctx)
	if err != nil {
		return nil, f.wrap("stat", err)
	}
	return &info{st, path.Base(path.Clean(f.name))}, nil
}

// ReadDir gives the directory's next n entries, or all that are left for n <= 0,
// as fs.ReadDirFile has it.
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ents []p9.Dirent
	for e, err := range f.fid.List(f.ctx, f.cookie) {
		if err != nil {
			return f.fsEntries(ents), f.wrap("readdir", err)
		}
		f.cookie = e.Cookie
		if ents = append(ents, e); len(ents) == n {
			break
		}
	}
	if n > 0 && len(ents) == 0 {
		return nil, io.EOF
	}
	return slices.Clip(f.fsEntries(ents)), nil
}

func (f *File) fsEntries(ents []p9.Dirent) []fs.DirEntry {
	return ioFS{f.fsys, f.ctx}.entries(f.name, ents)
}
