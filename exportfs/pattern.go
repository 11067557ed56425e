package exportfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"strings"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Patterns say which files of a tree are given, exportfs(4). A file's path begins with a
// slash, which stands for the tree's root. It has to match each expression of the file's
// lines "+ regexp" and none of its lines "- regexp"; expressions are those of package
// regexp. The root is always given.
type Patterns struct {
	want, refuse []*regexp.Regexp
}

// ParsePatterns reads them, a line each. Empty lines and such that begin with # are none.
func ParsePatterns(r io.Reader) (*Patterns, error) {
	p := &Patterns{}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		re, err := regexp.Compile(strings.TrimSpace(line[1:]))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch line[0] {
		case '+':
			p.want = append(p.want, re)
		case '-':
			p.refuse = append(p.refuse, re)
		default:
			return nil, fmt.Errorf("line %d: no + or -: %q", n, line)
		}
	}
	return p, in.Err()
}

// Match tells whether the file of a path is given.
func (p *Patterns) Match(path string) bool {
	if path == "/" {
		return true
	}
	for _, re := range p.want {
		if !re.MatchString(path) {
			return false
		}
	}
	for _, re := range p.refuse {
		if re.MatchString(path) {
			return false
		}
	}
	return true
}

// Tree gives the part of a tree, whose root has the path at, that is to be given. What is not is not there for those who
// walk or list, and cannot be made. A directory cannot be renamed, as what is in it would
// have other paths. The root has to be a srv.Guard, as diskfs's is: the engine's own checks
// are not made for another file than the one it asks.
func (p *Patterns) Tree(root srv.File, at string) (srv.File, error) {
	if _, ok := root.(srv.Guard); !ok {
		return nil, errors.New("patterns are for directories of the machine")
	}
	at = path.Clean("/" + at)
	for up := at; up != "/"; up = path.Dir(up) {
		if !p.Match(up) {
			return nil, p9.ErrNotExist
		}
	}
	return &dir{root, p, at}, nil
}

// A dir is a directory, or may be one, of whose entries only some are given.
type dir struct {
	srv.File
	p    *Patterns
	path string
}

func (d *dir) Guard() {}

// Descriptor says that diskfs has one for it.
func (d *dir) Descriptor() {}

func (d *dir) Clunk() { srv.Clunk(d.File) }

// Close lets the tree go, for its root.
func (d *dir) Close() error {
	if c, ok := d.File.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// at gives the path of an entry, and an error if that is not given.
func (d *dir) at(name string) (string, error) {
	if p := path.Join(d.path, name); d.p.Match(p) {
		return p, nil
	}
	return "", p9.ErrNotExist
}

// mayMake is at for what is to be made.
func (d *dir) mayMake(name string) (string, error) {
	p, err := d.at(name)
	if err != nil {
		return "", p9.ErrPerm
	}
	return p, nil
}

// child wraps what was found or made, if it is a directory.
func (d *dir) child(f srv.File, q p9.Qid, path string) srv.File {
	if q.Type&p9.QTDIR == 0 {
		return f
	}
	return &dir{f, d.p, path}
}

func (d *dir) Walk(ctx context.Context, name string) (srv.File, error) {
	f, _, err := d.WalkQid(ctx, name)
	return f, err
}

func (d *dir) WalkQid(ctx context.Context, name string) (srv.File, p9.Qid, error) {
	p, err := d.at(name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	if w, ok := d.File.(srv.QidWalker); ok {
		f, q, err := w.WalkQid(ctx, name)
		if err != nil {
			return nil, q, err
		}
		return d.child(f, q, p), q, nil
	}
	f, err := srv.Walk(ctx, d.File, name)
	if err != nil {
		return nil, p9.Qid{}, err
	}
	return d.wrap(ctx, f, p)
}

// wrap is child for what is asked what it is.
func (d *dir) wrap(ctx context.Context, f srv.File, path string) (srv.File, p9.Qid, error) {
	st, err := f.Stat(ctx)
	if err != nil {
		srv.Clunk(f)
		return nil, st.Qid, err
	}
	return d.child(f, st.Qid, path), st.Qid, nil
}

func (d *dir) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, d.File, mode)
	if err != nil {
		return nil, err
	}
	return &listing{h, d}, nil
}

// A listing is an open directory.
type listing struct {
	h srv.Handle
	d *dir
}

func (l *listing) Descriptor() {}

func (l *listing) Clunk() {
	if l.h != srv.Handle(l.d.File) {
		srv.Clunk(l.h)
	}
}

func (l *listing) Sync(ctx context.Context, dataOnly bool) error {
	if s, ok := l.h.(srv.Syncer); ok {
		return s.Sync(ctx, dataOnly)
	}
	return p9.ErrNotSup
}

func (l *listing) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		from, ok := l.h.(srv.Lister)
		if !ok {
			yield(p9.Dirent{}, p9.ErrNotDir)
			return
		}
		for e, err := range from.List(ctx, cookie) {
			if _, hidden := l.d.at(e.Name); err == nil && hidden != nil {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (d *dir) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	p, err := d.mayMake(name)
	if err != nil {
		return nil, nil, err
	}
	f, h, err := srv.Create(ctx, d.File, name, perm, mode)
	if err != nil || !perm.IsDir() {
		return f, h, err
	}
	made := &dir{f, d.p, p}
	return made, &listing{h, made}, nil
}

func (d *dir) Unlink(ctx context.Context, name string, isDir bool) error {
	if _, err := d.at(name); err != nil {
		return err
	}
	return srv.Unlink(ctx, d.File, name, isDir)
}

func (d *dir) Wstat(ctx context.Context, w p9.Wstat) error { return srv.Wstat(ctx, d.File, w) }

// under gives the file that is wrapped, if it is.
func under(f srv.File) srv.File {
	if d, ok := f.(*dir); ok {
		return d.File
	}
	return f
}

func (d *dir) Rename(ctx context.Context, old string, newdir srv.File, newname string) error {
	if _, err := d.at(old); err != nil {
		return err
	}
	to, ok := newdir.(*dir)
	if !ok {
		return syscall.EXDEV
	}
	if _, err := to.mayMake(newname); err != nil {
		return err
	}
	f, q, err := d.WalkQid(ctx, old)
	if err != nil {
		return err
	}
	srv.Clunk(f)
	if q.Type&p9.QTDIR != 0 {
		return p9.ErrPerm
	}
	return srv.Rename(ctx, d.File, old, to.File, newname)
}

func (d *dir) Link(ctx context.Context, target srv.File, name string) error {
	if _, err := d.mayMake(name); err != nil {
		return err
	}
	if l, ok := d.File.(srv.Linker); ok {
		return l.Link(ctx, under(target), name)
	}
	return p9.ErrNotSup
}

func (d *dir) Symlink(ctx context.Context, name, target string) (srv.File, error) {
	if _, err := d.mayMake(name); err != nil {
		return nil, err
	}
	if l, ok := d.File.(srv.Symlinker); ok {
		return l.Symlink(ctx, name, target)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (srv.File, error) {
	if _, err := d.mayMake(name); err != nil {
		return nil, err
	}
	if m, ok := d.File.(srv.Mknoder); ok {
		return m.Mknod(ctx, name, perm, rdev)
	}
	return nil, p9.ErrNotSup
}

func (d *dir) Statfs(ctx context.Context) (p9.Statfs, error) {
	if s, ok := d.File.(srv.Statfser); ok {
		return s.Statfs(ctx)
	}
	return p9.Statfs{}, p9.ErrNotSup
}
