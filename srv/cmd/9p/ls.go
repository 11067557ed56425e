package ninep

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
	"unicode"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

func (s *session) stat(t client.Fsys, path string) error {
	st, err := t.Lstat(s.ctx, path)
	if err != nil {
		return err
	}
	owner, group := owners(&st)
	_, err = fmt.Fprintf(s.std[1], "%s %s %s %s q %v m %#o at %d mt %d l %d\n", strconv.Quote(st.Name), owner, group,
		cmp.Or(st.Muid, "-"), st.Qid, p9.Perm(st.Mode), unix(st.Atime), unix(st.Mtime), st.Length)
	return err
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// owners names a file's owner and group: a server that tells numbers means, as
// far as we can know, this machine's.
func owners(st *p9.Stat) (owner, group string) {
	if owner = st.Uid; owner == "" {
		owner = strconv.FormatUint(uint64(st.Nuid), 10)
		if u, err := user.LookupId(owner); err == nil {
			owner = u.Username
		}
	}
	if group = st.Gid; group == "" {
		group = strconv.FormatUint(uint64(st.Ngid), 10)
		if g, err := user.LookupGroupId(group); err == nil {
			group = g.Name
		}
	}
	return owner, group
}

// ls lists all of the paths as one table.
func (s *session) ls(paths []string) error {
	w := tabwriter.NewWriter(s.std[1], 0, 0, 1, ' ', 0)
	err := each(func(s *session, t client.Fsys, file string) error {
		st, err := t.Stat(s.ctx, file)
		if err != nil { // a link that leads nowhere, or that 9P2000 does not follow, is itself
			link, lerr := t.Lstat(s.ctx, file)
			if lerr != nil || link.Mode&fs.ModeSymlink == 0 {
				return err
			}
			st = link
		}
		if s.dir || !st.Mode.IsDir() {
			s.entry(w, file, &st)
			return nil
		}
		ents, err := t.ReadDir(s.ctx, file)
		stats, errs := make([]p9.Stat, len(ents)), make([]error, len(ents))
		if s.long {
			dir, err := t.Walk(s.ctx, file, true)
			if err != nil {
				return err
			}
			defer dir.Clunk(s.ctx)
			s.stats(dir, ents, stats, errs)
		}
		for i, e := range ents {
			if errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", path.Join(file, e.Name), errors.Unwrap(errs[i]))
				continue
			}
			s.entry(w, e.Name, &stats[i])
		}
		return errors.Join(append(errs, err)...)
	})(s, paths)
	return errors.Join(err, w.Flush())
}

// statsAtOnce is how many files are asked for their attributes at a time.
const statsAtOnce = 32

// stats asks for the attributes of a directory's entries.
func (s *session) stats(dir *client.Fid, ents []p9.Dirent, stats []p9.Stat, errs []error) {
	t := client.Fsys{Root: dir}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(statsAtOnce, len(ents)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(ents); i = next.Add(1) - 1 {
				stats[i], errs[i] = t.Lstat(s.ctx, ents[i].Name)
			}
		})
	}
	wg.Wait()
}

func (s *session) entry(w *tabwriter.Writer, name string, st *p9.Stat) {
	if strings.ContainsFunc(name, unicode.IsControl) {
		name = strconv.Quote(name)
	}
	if !s.long {
		fmt.Fprintln(w, name)
		return
	}
	owner, group := owners(st)
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", mode(st.Mode), owner, group, st.Length, st.Mtime.Format("Jan _2 15:04 2006"), name)
}

// mode prints a mode as ls(1) of the Plan 9 manual does: what it is (d, a, L or
// -), l for exclusive use, and the permissions.
func mode(m fs.FileMode) string {
	b := []byte("--rwxrwxrwx")
	switch {
	case m.IsDir():
		b[0] = 'd'
	case m&fs.ModeAppend != 0:
		b[0] = 'a'
	case m&fs.ModeSymlink != 0:
		b[0] = 'L'
	case m&fs.ModeDevice != 0:
		b[0] = 'D'
	case m&fs.ModeNamedPipe != 0:
		b[0] = 'P'
	case m&fs.ModeSocket != 0:
		b[0] = 'S'
	}
	if m&fs.ModeExclusive != 0 {
		b[1] = 'l'
	}
	for i := range 9 {
		if m&(0o400>>i) == 0 {
			b[2+i] = '-'
		}
	}
	return string(b)
}
