package p9file_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv/srvtest"
)

// attach is a p9.Attacher by its one method.
type attach func() (hp9.File, error)

func (a attach) Attach() (hp9.File, error) { return a() }

// A tracker knows which files of a tree are not closed yet.
type tracker struct {
	hp9.Attacher
	mu   sync.Mutex
	open map[*tracked]bool
	late int // Closes of files that were closed

	opens atomic.Int32 // calls of Open so far

	// A listing's qids may lack the versions, as those of diskfs do on the wire (and
	// of other servers for 9P2000.L, whose clients use the path alone): the suite
	// wants them to be those that a walk gives, so it is shown neither.
	noVersions bool
}

func track(a hp9.Attacher) *tracker { return &tracker{Attacher: a, open: map[*tracked]bool{}} }

// closeAll closes what is open, for those who do not.
func (t *tracker) closeAll() {
	t.mu.Lock()
	var all []*tracked
	for f := range t.open {
		all = append(all, f)
	}
	t.mu.Unlock()
	for _, f := range all {
		f.Close()
	}
}

// check fails the test where, at its end, files are open.
func (t *tracker) check(tb testing.TB) {
	tb.Cleanup(func() {
		if !srvtest.Until(func() bool { t.mu.Lock(); defer t.mu.Unlock(); return len(t.open) == 0 }) {
			tb.Errorf("%d files are not closed", len(t.open))
		}
		if t.late > 0 {
			tb.Errorf("%d files were closed twice", t.late)
		}
	})
}

func (t *tracker) Attach() (hp9.File, error) {
	f, err := t.Attacher.Attach()
	return t.track(f, err), err
}

func (t *tracker) track(f hp9.File, err error) hp9.File {
	if err != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tf := &tracked{f, t}
	t.open[tf] = true
	return tf
}

type tracked struct {
	hp9.File
	t *tracker
}

func (f *tracked) Close() error {
	f.t.mu.Lock()
	if !f.t.open[f] {
		f.t.late++
	}
	delete(f.t.open, f)
	f.t.mu.Unlock()
	return f.File.Close()
}

func (f *tracked) Open(flags hp9.OpenFlags) (hp9.QID, uint32, error) {
	f.t.opens.Add(1)
	return f.File.Open(flags)
}

func (f *tracked) Walk(names []string) ([]hp9.QID, hp9.File, error) {
	qids, g, err := f.File.Walk(names)
	for i := range qids {
		f.t.qid(&qids[i])
	}
	return qids, f.t.track(g, err), err
}

func (t *tracker) qid(q *hp9.QID) {
	if t.noVersions {
		q.Version = 0
	}
}

func (f *tracked) GetAttr(req hp9.AttrMask) (hp9.QID, hp9.AttrMask, hp9.Attr, error) {
	q, valid, attr, err := f.File.GetAttr(req)
	f.t.qid(&q)
	return q, valid, attr, err
}

func (f *tracked) Readdir(off uint64, count uint32) (hp9.Dirents, error) {
	ents, err := f.File.Readdir(off, count)
	for i := range ents {
		f.t.qid(&ents[i].QID)
	}
	return ents, err
}

func (f *tracked) WalkGetAttr(names []string) ([]hp9.QID, hp9.File, hp9.AttrMask, hp9.Attr, error) {
	qids, g, valid, attr, err := f.File.WalkGetAttr(names)
	return qids, f.t.track(g, err), valid, attr, err
}

func (f *tracked) Create(name string, flags hp9.OpenFlags, perm hp9.FileMode, uid hp9.UID, gid hp9.GID) (hp9.File, hp9.QID, uint32, error) {
	g, qid, unit, err := f.File.Create(name, flags, perm, uid, gid)
	if err == nil && g == f.File { // a client's
		return f, qid, unit, nil
	}
	return f.t.track(g, err), qid, unit, err
}

func inner(f hp9.File) hp9.File {
	if t, ok := f.(*tracked); ok {
		return t.File
	}
	return f
}

func (f *tracked) Link(target hp9.File, name string) error { return f.File.Link(inner(target), name) }

func (f *tracked) RenameAt(old string, dir hp9.File, name string) error {
	return f.File.RenameAt(old, inner(dir), name)
}

func (f *tracked) Renamed(dir hp9.File, name string) { f.File.Renamed(inner(dir), name) }

// The further Close that a p9.File of ours asks for, as hugelgupf's server does it.

func (f *tracked) GetXattr(name string) ([]byte, error) {
	v, err := f.File.GetXattr(name)
	return v, f.again(err)
}

func (f *tracked) ListXattrs() ([]string, error) {
	v, err := f.File.ListXattrs()
	return slices.DeleteFunc(v, func(s string) bool { return s == "" }), f.again(err)
}

func (f *tracked) again(err error) error {
	if err == nil {
		f.File.Close()
	}
	return err
}
