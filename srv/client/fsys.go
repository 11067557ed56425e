package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"ninespace/srv/p9"
)

// Fsys has a tree's files by their paths, which are slash-separated, cleaned as
// text and start at Root whether or not they begin with a slash. Symbolic links
// are followed here, by the client, and lead nowhere outside of Root; only
// Lstat, Remove, Rename and Readlink mean the link. An error names the path.
type Fsys struct{ Root *Fid }

func elements(name string) []string {
	if name = path.Clean("/" + name)[1:]; name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// maxLinks is how many symbolic links one path may go through, as in Linux.
const maxLinks = 40

// Walk gives a fid for the file at a path. follow says whether that is still so
// if the last name is a symbolic link's.
func (s Fsys) Walk(ctx context.Context, name string, follow bool) (*Fid, error) {
	f, err := s.walk(ctx, elements(name), follow)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func isLink(f *Fid) bool { return f.qid.Type&p9.QTSYMLINK != 0 }

func (s Fsys) walk(ctx context.Context, names []string, follow bool) (*Fid, error) {
	f, err := s.Root.Walk(ctx, names...)
	switch {
	case err == nil && !(follow && isLink(f)):
		return f, nil
	case err == nil:
		f.Clunk(ctx)
	case !s.Root.c.dotl || !errors.Is(err, syscall.ENOTDIR):
		return nil, err
	}
	// A link is in the way: name by name.
	var done []string
	for links := 0; ; {
		if len(names) > 0 && names[0] == ".." {
			done, names = done[:max(0, len(done)-1)], names[1:]
			continue
		}
		if len(names) == 0 {
			return s.Root.Walk(ctx, done...)
		}
		f, err := s.Root.Walk(ctx, append(slices.Clip(done), names[0])...)
		if err != nil {
			return nil, err
		}
		last := len(names) == 1
		if !isLink(f) || last && !follow {
			if last {
				return f, nil
			}
			f.Clunk(ctx)
			done, names = append(done, names[0]), names[1:]
			continue
		}
		target, err := f.Readlink(ctx)
		f.Clunk(ctx)
		if err != nil {
			return nil, err
		}
		if links++; links > maxLinks {
			return nil, p9.ErrorOfErrno(syscall.ELOOP)
		}
		if path.IsAbs(target) {
			done = nil
		}
		into := slices.DeleteFunc(strings.Split(target, "/"), func(n string) bool { return n == "" || n == "." })
		names = append(into, names[1:]...)
	}
}

// parent gives the directory that a path's last name is in.
func (s Fsys) parent(ctx context.Context, name string) (dir *Fid, last string, err error) {
	names := elements(name)
	if len(names) == 0 {
		return nil, "", fmt.Errorf("%s: %w", name, p9.ErrBadName)
	}
	n := len(names) - 1
	if dir, err = s.walk(ctx, names[:n], true); err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return dir, names[n], nil
}

// at does something in the directory of a path's last name.
func (s Fsys) at(ctx context.Context, name string, do func(dir *Fid, last string) error) error {
	dir, last, err := s.parent(ctx, name)
	if err != nil {
		return err
	}
	defer dir.Clunk(ctx)
	if err := do(dir, last); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// with does something with the file at a path.
func (s Fsys) with(ctx context.Context, name string, follow bool, do func(f *Fid) error) error {
	f, err := s.Walk(ctx, name, follow)
	if err != nil {
		return err
	}
	defer f.Clunk(ctx)
	if err := do(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Open opens a file. ctx is also that of the File's reads and writes.
func (s Fsys) Open(ctx context.Context, name string, mode p9.Mode) (*File, error) {
	f, err := s.Walk(ctx, name, true)
	if err != nil {
		return nil, err
	}
	if err := f.Open(ctx, mode); err != nil {
		f.Clunk(ctx)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &File{ctx: ctx, fid: f, fsys: s, name: name}, nil
}

// Create makes and opens a file, as Fid's Create does.
func (s Fsys) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (*File, error) {
	dir, last, err := s.parent(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := dir.Create(ctx, last, perm, mode); err != nil {
		dir.Clunk(ctx)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &File{ctx: ctx, fid: dir, fsys: s, name: name}, nil
}

// Stat gives a file's attributes.
func (s Fsys) Stat(ctx context.Context, name string) (st p9.Stat, err error) {
	err = s.with(ctx, name, true, func(f *Fid) error {
		st, err = f.Stat(ctx)
		return err
	})
	return st, err
}

// Lstat gives the attributes of a file or of a symbolic link itself.
func (s Fsys) Lstat(ctx context.Context, name string) (st p9.Stat, err error) {
	err = s.with(ctx, name, false, func(f *Fid) error {
		st, err = f.Stat(ctx)
		return err
	})
	return st, err
}

// Wstat changes a file's attributes.
func (s Fsys) Wstat(ctx context.Context, name string, w p9.Wstat) error {
	return s.with(ctx, name, true, func(f *Fid) error { return f.Wstat(ctx, w) })
}

// Readlink gives a symbolic link's target.
func (s Fsys) Readlink(ctx context.Context, name string) (target string, err error) {
	err = s.with(ctx, name, false, func(f *Fid) error {
		target, err = f.Readlink(ctx)
		return err
	})
	return target, err
}

// ReadDir gives a directory's entries, in order of their names.
func (s Fsys) ReadDir(ctx context.Context, name string) ([]p9.Dirent, error) {
	f, err := s.Open(ctx, name, p9.OREAD)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var ents []p9.Dirent
	for e, err := range f.fid.List(ctx, 0) {
		if err != nil {
			return ents, fmt.Errorf("%s: %w", name, err)
		}
		ents = append(ents, e)
	}
	slices.SortFunc(ents, func(a, b p9.Dirent) int { return strings.Compare(a.Name, b.Name) })
	return ents, nil
}

// ReadFile reads a file to its end.
func (s Fsys) ReadFile(ctx context.Context, name string) ([]byte, error) {
	f, err := s.Open(ctx, name, p9.OREAD)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// WriteFile makes a file, or truncates the one that is there, and writes it.
func (s Fsys) WriteFile(ctx context.Context, name string, data []byte, perm fs.FileMode) error {
	f, err := s.Create(ctx, name, perm, p9.OWRITE|p9.OTRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// Mkdir makes a directory.
func (s Fsys) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return s.at(ctx, name, func(dir *Fid, last string) error {
		_, err := dir.Mkdir(ctx, last, perm)
		return err
	})
}

// Symlink makes a symbolic link to target.
func (s Fsys) Symlink(ctx context.Context, target, name string) error {
	return s.at(ctx, name, func(dir *Fid, last string) error {
		_, err := dir.Symlink(ctx, last, target)
		return err
	})
}

// Remove removes a file, or a directory if that is empty.
func (s Fsys) Remove(ctx context.Context, name string) error {
	f, err := s.Walk(ctx, name, false)
	if err != nil {
		return err
	}
	if err := f.Remove(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Rename gives a file another path.
func (s Fsys) Rename(ctx context.Context, old, name string) error {
	return s.at(ctx, old, func(dir *Fid, last string) error {
		return s.at(ctx, name, func(newdir *Fid, newlast string) error {
			return dir.Rename(ctx, last, newdir, newlast)
		})
	})
}
