package procfs

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"sync/atomic"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// qid has bit 63, which the kit's paths have not, 58 bits of the process's id, and 5 for
// the file.
func (p proc) qid(file int, t p9.QidType) p9.Qid {
	return p9.Qid{Type: t, Path: 1<<63 | p.id<<5&(1<<63-1) | uint64(file)}
}

// files is what a process's directory has, in order; the numbers of the files in
// their qids count from 1. It is data alone: every command of nine would pay for what had
// to be made before main.
var files = [...]struct {
	name string
	mode fs.FileMode
	text func(p proc) (string, error)                    // what it reads as
	open func(f *file, mode p9.Mode) (srv.Handle, error) // of one that is no text

	quick bool // it is had of keptFiles: without a lock that another process may hold, and of no other process
}{
	{"args", 0o444, proc.args, nil, false},
	{"children", 0o444, proc.children, nil, false},
	{"cmdline", 0o444, proc.args, nil, false},
	{"ctl", 0o600, nil, openCtl, false},
	{"environ", 0o400, proc.environ, nil, false},
	{"fd", 0o400, proc.fds, nil, false},
	{"limits", 0o444, nil, openLimits, false},
	{"maps", 0o400, proc.maps, nil, false},
	{"mem", 0o600, nil, openMem, false},
	{"note", 0o600, nil, openNote, false},
	{"noteid", 0o444, proc.noteid, nil, true},
	{"notepg", 0o200, nil, openNotepg, false},
	{"ns", 0o400, proc.ns, nil, false},
	{"ppid", 0o444, proc.ppid, nil, true},
	{"segment", 0o400, proc.segment, nil, false},
	{"stat", 0o444, proc.statText, nil, true},
	{"status", 0o444, proc.status, nil, true},
	{"syscall", 0o400, proc.syscall, nil, false},
	{"text", 0o400, nil, openText, false},
	{"wait", 0o444, nil, openWait, false},
}

// dir is N.
type dir struct {
	r *FS
	p proc
}

// Inline marks that nothing blocks.
func (d *dir) Inline() {}

// attr makes the attributes of a process's file; the times are the root's. The owner is
// that of a name in Linux's directory of the process.
func (r *FS) attr(ctx context.Context, p proc, file int, mode fs.FileMode, name string) (p9.Stat, error) {
	st, err := r.Stat(ctx)
	st.Qid, st.Mode = p.qid(file, p9.QidTypeOf(mode)), mode
	if err == nil {
		st.Nuid, st.Ngid, err = p.owner(name)
	}
	return st, err
}

func (d *dir) Stat(ctx context.Context) (p9.Stat, error) {
	return d.r.attr(ctx, d.p, 0, fs.ModeDir|0o555, ofProcess)
}

func (d *dir) Walk(_ context.Context, name string) (srv.File, error) {
	for i := range files {
		if files[i].name == name {
			return &file{r: d.r, p: d.p, i: i, mode: files[i].mode, snapshot: files[i].text != nil}, nil
		}
	}
	return nil, p9.ErrNotExist
}

func (d *dir) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := int(min(cookie, uint64(len(files)))); i < len(files); i++ {
			if !yield(p9.Dirent{Qid: d.p.qid(i+1, 0), Cookie: uint64(i + 1), Name: files[i].name}, nil) {
				return
			}
		}
	}
}

// A file is one in N, by its place in files.
type file struct {
	r *FS
	p proc
	i int

	mode     fs.FileMode // of files, which can't be asked by what it has in it
	snapshot bool        // it is a text there

	opened atomic.Bool
	owned  atomic.Bool   // the owner is known
	owner  atomic.Uint64 // uid and gid of when it was opened
}

// Inline marks that nothing blocks, or says so.
func (f *file) Inline() {}

// Guard marks that Open checks the permissions.
func (f *file) Guard() {}

// Stat tells of a file that was opened also when its process has ended: who has it open
// still reads it.
func (f *file) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.r.attr(ctx, f.p, f.i+1, f.mode, ofFiles)
	st.Snapshot = f.snapshot
	if !f.opened.Load() {
		return st, err
	}
	switch {
	case err == nil && !f.owned.Load():
		f.owner.Store(uint64(st.Nuid)<<32 | uint64(st.Ngid))
		f.owned.Store(true)
	case err == errExited && f.owned.Load():
		o := f.owner.Load()
		st.Nuid, st.Ngid, err = uint32(o>>32), uint32(o), nil
	}
	return st, err
}

// Wstat accepts the truncation that a shell's > is, and new times.
func (f *file) Wstat(_ context.Context, w p9.Wstat) error {
	if w.Valid&^(p9.WLength|p9.WAtime|p9.WMtime|p9.WAtimeNow|p9.WMtimeNow) != 0 {
		return p9.ErrWstat
	}
	return nil
}

func (f *file) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	if srv.Nonblock(ctx) && !files[f.i].quick {
		return nil, srv.ErrAgain
	}
	if err := f.allowed(ctx, mode); err != nil {
		return nil, err
	}
	var h srv.Handle
	var err error
	if read := files[f.i].text; read != nil {
		var s string
		s, err = read(f.p)
		h = srv.Bytes(s)
	} else {
		h, err = files[f.i].open(f, mode)
	}
	if !files[f.i].quick {
		if cerr := f.p.check(); cerr != nil { // else all of it was this one's
			err = cerr
		}
	}
	if err != nil {
		srv.Clunk(h)
		return nil, err
	}
	f.opened.Store(true)
	return h, nil
}

// allowed says whether the user may have the file open. The server's own may as the
// mode says, whosever it is: Linux has its say then.
func (f *file) allowed(ctx context.Context, mode p9.Mode) error {
	var want fs.FileMode
	if mode.Readable() {
		want |= 4
	}
	if mode.Writable() {
		want |= 2
	}
	perm := f.mode
	switch u := srv.UserOf(ctx); {
	case perm>>6&want != want:
		return p9.ErrPerm
	case perm&want == want || u == nil || u.Uid == uint32(os.Geteuid()):
		return nil
	default:
		st, err := f.Stat(ctx)
		if err == nil && !u.Allowed(&st, want) {
			err = p9.ErrPerm
		}
		return err
	}
}
