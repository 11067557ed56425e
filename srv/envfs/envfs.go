// Package envfs serves environment variables as Plan 9's env(3) has them: a group
// of variables is a flat directory, and each process group that wants an environment
// of its own attaches to a group of its own.
//
//	/          0775  a group's variables
//	    NAME   0666  the value of one, whatever bytes that is; made by create
//
// A value is bytes. What they mean is the programs' own: rc(1) keeps a list as its
// elements with a NUL after each, and a function f as the variable fn#f. A variable
// that is there and empty is the empty list.
//
// An open for reading sees the value of that moment: a reader gets the whole of one
// value, however many reads it takes. A write is done when it is answered, at its
// offset or, in a file opened for appending, at the end; opening with OTRUNC empties
// the value first. The version of a file's qid grows with each change, and so do that
// of the directory's and its time, with each change of any variable: one stat tells
// whether anything is new. A variable that is removed
// while it is open is the opener's own from then on. Names can be changed, in
// 9P2000.L onto one that is there.
//
// # Groups
//
// The attach name says which group, and one attach is all that rfork(2) needs:
//
//	""         the user's first group: made when first asked for, it stays
//	new        a group without variables (RFCENVG)
//	copy       a group with the first group's variables as they are (RFENVG)
//	copy N     a group with those of group N
//	N          group N
//
// N is a group's number, which is the path of its root's qid, the one that attach
// answers with. A group other than the first goes, and its number with it, when the
// last fid that was attached to it, or that came from such a one, has been clunked. The
// groups are their user's: nobody else attaches to one or copies it, but the user
// that the process runs as.
//
// What all variables of a user's groups together may take is limited (Config): beyond
// it, a create or write is ENOSPC. A copy shares the bytes with what it was copied from
// until either changes, and is counted as if it did not.
package envfs

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says how much may be kept. The zero Config has usual limits.
type Config struct {
	Limit int64 // bytes of names and values in all groups of one user; 1 GiB where 0
}

// An FS has the groups of all users. It is the root to serve, an Attacher.
type FS struct {
	limit int64

	mu    sync.Mutex
	last  uint64            // the last group's number
	first map[string]*group // by user
	all   map[uint64]*group
	used  map[string]*atomic.Int64 // bytes, by user
}

// New makes an FS without groups.
func New(cfg Config) *FS {
	if cfg.Limit == 0 {
		cfg.Limit = 1 << 30
	}
	return &FS{limit: cfg.Limit, first: map[string]*group{}, all: map[uint64]*group{}, used: map[string]*atomic.Int64{}}
}

// Stat is that of a root which nobody attached to: an in-process user's first group.
func (f *FS) Stat(ctx context.Context) (p9.Stat, error) {
	d, err := f.Attach(ctx, "")
	if err != nil {
		return p9.Stat{}, err
	}
	defer srv.Clunk(d)
	return d.Stat(ctx)
}

// Attach gives the directory of the group that aname says.
func (f *FS) Attach(ctx context.Context, aname string) (srv.File, error) {
	u := srv.UserOf(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	g, err := f.find(u, aname)
	if err != nil {
		return nil, err
	}
	g.refs++
	return &dir{g: g}, nil
}

// find gives the group, or makes it. f.mu is held.
func (f *FS) find(u *srv.User, aname string) (*group, error) {
	verb, number, copied := strings.Cut(aname, " ")
	switch {
	case aname == "" || aname == "/":
		return f.firstOf(u), nil
	case aname == "new":
		return f.make(u), nil
	case aname == "copy":
		return f.copy(u, f.firstOf(u))
	case copied && verb != "copy":
		return nil, fmt.Errorf("attach name %s: not new, copy, copy N or N: %w", srv.Quote(aname), syscall.EINVAL)
	case !copied:
		number = aname
	}
	n, err := strconv.ParseUint(number, 10, 48)
	if err != nil {
		return nil, fmt.Errorf("attach name %s: not new, copy, copy N or N: %w", srv.Quote(aname), syscall.EINVAL)
	}
	g := f.all[n]
	if g == nil {
		return nil, fmt.Errorf("group %d: %w", n, p9.ErrNotExist)
	}
	if !u.Host() && name(u) != name(g.owner) {
		return nil, fmt.Errorf("group %d: %w", n, p9.ErrPerm)
	}
	if copied {
		return f.copy(u, g)
	}
	return g, nil
}

func name(u *srv.User) string {
	if u == nil {
		return ""
	}
	return u.Name
}

func (f *FS) firstOf(u *srv.User) *group {
	g := f.first[name(u)]
	if g == nil {
		g = f.make(u)
		g.refs = 1 // it stays
		f.first[name(u)] = g
	}
	return g
}

func (f *FS) make(u *srv.User) *group {
	used := f.used[name(u)]
	if used == nil {
		used = new(atomic.Int64)
		f.used[name(u)] = used
	}
	f.last++
	g := &group{fs: f, n: f.last, owner: u, used: used, vars: map[string]*variable{}}
	g.changed()
	g.node = srv.NewNode(fs.ModeDir | 0o775)
	f.all[g.n] = g
	return g
}

func (f *FS) copy(u *srv.User, from *group) (*group, error) {
	g := f.make(u)
	if err := g.fill(from); err != nil {
		delete(f.all, g.n)
		return nil, err
	}
	return g, nil
}

// release counts an attach less, and ends the group with the last.
func (f *FS) release(g *group) {
	f.mu.Lock()
	g.refs--
	last := g.refs == 0
	if last {
		delete(f.all, g.n)
	}
	f.mu.Unlock()
	if last {
		g.end()
	}
}
