package ninep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A spot is a path, of a server or of this machine.
type spot struct {
	tree  client.Fsys
	path  string
	local bool
}

func (s *session) spot(name string) (spot, error) {
	for _, prefix := range []string{"/", "./", "../"} {
		if strings.HasPrefix(name, prefix) || name+"/" == prefix {
			return spot{path: name, local: true}, nil
		}
	}
	t, name, err := s.tree(name)
	return spot{tree: t, path: name}, err
}

// isDir tells whether the spot is a directory that is there.
func (p spot) isDir(s *session) (bool, error) {
	var dir bool
	var err error
	if p.local {
		var fi fs.FileInfo
		if fi, err = os.Stat(p.path); err == nil {
			dir = fi.IsDir()
		}
	} else {
		var st p9.Stat
		if st, err = p.tree.Stat(s.ctx, p.path); err == nil {
			dir = st.Mode.IsDir()
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return dir, err
}

// open opens the spot for reading and says how long the file is.
func (p spot) open(s *session) (io.ReadCloser, int64, error) {
	if p.local {
		f, err := os.Open(p.path)
		if err != nil {
			return nil, 0, err
		}
		fi, err := f.Stat()
		if err == nil && fi.IsDir() {
			err = fmt.Errorf("%s: %w", p.path, p9.ErrIsDir)
		}
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, fi.Size(), nil
	}
	f, err := p.tree.Open(s.ctx, p.path, p9.OREAD)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Fid().Stat(s.ctx)
	if err == nil && st.Mode.IsDir() {
		err = fmt.Errorf("%s: %w", p.path, p9.ErrIsDir)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	f.ReadAhead(under)
	return f, int64(st.Length), nil
}

// create makes the spot's file, or empties it.
func (p spot) create(s *session) (io.WriteCloser, error) {
	if p.local {
		return os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	}
	f, err := p.tree.Create(s.ctx, p.path, s.perm(0o666), p9.OWRITE|p9.OTRUNC)
	if err != nil {
		return nil, err
	}
	f.WriteBehind(under)
	return f, nil
}

func (s *session) cp(paths []string) error {
	last := len(paths) - 1
	to, err := s.spot(paths[last])
	if err != nil {
		return err
	}
	dir, err := to.isDir(s)
	if err != nil {
		return err
	}
	if !dir && last > 1 {
		return fmt.Errorf("%s: %w", paths[last], p9.ErrNotDir)
	}
	var errs []error
	for _, name := range paths[:last] {
		from, err := s.spot(name)
		if err == nil {
			at := to
			if dir {
				at.path = path.Join(to.path, path.Base(from.path))
				if to.local && !strings.HasPrefix(at.path, "/") && !strings.HasPrefix(at.path, "..") {
					at.path = "./" + at.path
				}
			}
			err = s.copyFile(from, at)
		}
		if err != nil {
			errs = append(errs, err)
		}
		if s.ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (s *session) copyFile(from, to spot) error {
	r, size, err := from.open(s)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := to.create(s)
	if err != nil {
		return err
	}
	b := newBar(s.std[2], path.Base(from.path), size)
	defer b.end()
	buf := make([]byte, piece)
	for err == nil {
		var n int
		if n, err = r.Read(buf); n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				err = werr
			}
			b.add(n)
		}
		if err == nil {
			err = s.ctx.Err()
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return err
}
