package client

import (
	"context"
	"errors"
	"fmt"
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
//
// What a call takes is sent in one go where that can be: it is one round trip
// then, if no symbolic link is in the way.
type Fsys struct{ Root *Fid }

func elements(name string) []string {
	if name = path.Clean("/" + name)[1:]; name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// split gives the elements of the directory that a path's last name is in, and
// that name.
func split(name string) (dir []string, last string, err error) {
	names := elements(name)
	if len(names) == 0 {
		return nil, "", p9.ErrBadName
	}
	n := len(names) - 1
	return names[:n], names[n], nil
}

// named puts the path in front of an error.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Walk gives a fid for the file at a path. follow says whether that is still so
// if the last name is a symbolic link's.
func (s Fsys) Walk(ctx context.Context, name string, follow bool) (*Fid, error) {
	f, err := s.walk(ctx, elements(name), follow)
	return f, named(name, err)
}

func isLink(f *Fid) bool { return f.qid.Type&p9.QTSYMLINK != 0 }

func (s Fsys) walk(ctx context.Context, names []string, follow bool) (*Fid, error) {
	return s.run(ctx, new(pipe), names, follow)
}

// run does what is in a pipe with the file at the end of a path. An error is also
// that of a request; then the fid is let go.
func (s Fsys) run(ctx context.Context, p *pipe, names []string, follow bool) (*Fid, error) {
	f, err := p.run(ctx, s.Root, names)
	switch {
	case err == nil && !(follow && isLink(f)):
		return f, p.outcome(f)
	case err == nil:
		f.let()
	case !s.Root.c.dotl || !errors.Is(err, syscall.ENOTDIR):
		return nil, err
	}
	if f, err = s.resolve(ctx, names, follow); err != nil {
		return nil, err
	}
	p.inTurn(ctx, f)
	return f, p.outcome(f)
}

// maxLinks is how many symbolic links one path may go through, as in Linux.
const maxLinks = 40

// resolve walks name by name, for a link is in the way.
func (s Fsys) resolve(ctx context.Context, names []string, follow bool) (*Fid, error) {
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
			f.let()
			done, names = append(done, names[0]), names[1:]
			continue
		}
		target, err := f.Readlink(ctx)
		f.let()
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

// Stat gives a file's attributes.
func (s Fsys) Stat(ctx context.Context, name string) (p9.Stat, error) {
	return s.stat(ctx, name, true)
}

// Lstat gives the attributes of a file or of a symbolic link itself.
func (s Fsys) Lstat(ctx context.Context, name string) (p9.Stat, error) {
	return s.stat(ctx, name, false)
}

func (s Fsys) stat(ctx context.Context, name string, follow bool) (st p9.Stat, err error) {
	p := pipe{end: p9.Tclunk}
	defer p.release()
	k := p.addStat(s.Root.c)
	f, err := s.run(ctx, &p, elements(name), follow)
	if err == nil {
		st, err = f.statted(k)
	}
	return st, named(name, err)
}

// Wstat changes a file's attributes.
func (s Fsys) Wstat(ctx context.Context, name string, w p9.Wstat) error {
	f, err := s.walk(ctx, elements(name), true)
	if err == nil {
		err = f.Wstat(ctx, w)
		f.Clunk(ctx)
	}
	return named(name, err)
}

// Readlink gives a symbolic link's target.
func (s Fsys) Readlink(ctx context.Context, name string) (string, error) {
	if !s.Root.c.dotl {
		return "", named(name, p9.ErrNotSup)
	}
	p := pipe{end: p9.Tclunk}
	defer p.release()
	k := p.add(p9.Treadlink)
	if _, err := s.run(ctx, &p, elements(name), false); err != nil {
		return "", named(name, err)
	}
	return k.Name2, nil
}

// Mkdir makes a directory.
func (s Fsys) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return s.at(ctx, name, func(p *pipe, last string) { p.addMkdir(s.Root.c, last, perm) })
}

// Symlink makes a symbolic link to target.
func (s Fsys) Symlink(ctx context.Context, target, name string) error {
	if !s.Root.c.dotl {
		return named(name, p9.ErrNotSup)
	}
	return s.at(ctx, name, func(p *pipe, last string) {
		k := p.add(p9.Tsymlink)
		k.Name, k.Name2, k.Gid = last, target, gid()
	})
}

// at does one request in the directory of a path's last name.
func (s Fsys) at(ctx context.Context, name string, add func(p *pipe, last string)) error {
	p := pipe{end: p9.Tclunk}
	defer p.release()
	dir, last, err := split(name)
	if err == nil {
		add(&p, last)
		_, err = s.run(ctx, &p, dir, true)
	}
	return named(name, err)
}

// Remove removes a file, or a directory if that is empty.
func (s Fsys) Remove(ctx context.Context, name string) error {
	p := pipe{end: p9.Tremove}
	_, err := s.run(ctx, &p, elements(name), false)
	if err == nil {
		err = p.err
	}
	return named(name, err)
}

// Rename gives a file another path. An error of its own names both.
func (s Fsys) Rename(ctx context.Context, old, name string) error {
	from, last, err := s.parent(ctx, old)
	if err != nil {
		return err
	}
	defer from.let()
	to, newlast, err := s.parent(ctx, name)
	if err != nil {
		return err
	}
	defer to.let()
	return named(old+" to "+name, from.Rename(ctx, last, to, newlast))
}

// parent gives the directory that a path's last name is in.
func (s Fsys) parent(ctx context.Context, name string) (*Fid, string, error) {
	dir, last, err := split(name)
	if err != nil {
		return nil, "", named(name, err)
	}
	f, err := s.walk(ctx, dir, true)
	return f, last, named(name, err)
}
