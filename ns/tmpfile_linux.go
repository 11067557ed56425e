package ns

import (
	"context"
	"io/fs"
	"strconv"
	"syscall"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// A tmpfiler is a directory that makes files without a name, which 9P does not have:
// open(2) with O_TMPFILE. A name is given to one by link(2).
type tmpfiler interface {
	Tmpfile(ctx context.Context, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error)
}

func (f *fuseFS) Tmpfile(cancel *devfuse.Cancel, in *devfuse.CreateIn, out *devfuse.CreateOut) syscall.Errno {
	r := f.begin(cancel, &in.InHeader)
	if r == nil {
		return syscall.ESTALE
	}
	defer r.end()
	d, err := r.n.group.pg.creator(r.c)
	if err != nil {
		return status(err)
	}
	defer d.close()
	t, ok := d.file.(tmpfiler)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	file, h, err := t.Tmpfile(r, f.firstMode(in.Mode&0o7777, &in.InHeader), openMode(in.Flags))
	if err != nil {
		return status(err)
	}
	return f.madeOpen(r, d, file, h, "", in, out)
}

// madeOpen answers with a file that was made and opened in the directory d; name is ""
// where it has none.
func (f *fuseFS) madeOpen(r *dirReq, d *Chan, file srv.File, h srv.Handle, name string, in *devfuse.CreateIn, out *devfuse.CreateOut) syscall.Errno {
	f.give(r, d, file, nil, in.Mode, &in.InHeader)
	st, err := file.Stat(r)
	if err != nil {
		clunkHandle(file, h)
		srv.Clunk(file)
		return status(err)
	}
	if name == "" { // as Linux's /proc shows one
		name = "#" + strconv.FormatUint(st.Qid.Path, 10)
	}
	c := newChan(d.dev, file, &st, join(d.rel, name))
	return f.created(r, c, name, c, &st, h, in.Flags, true, out)
}
