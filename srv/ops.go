package srv

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"ninespace/srv/p9"
)

// What the engine does with Files, for whoever else holds a tree in its hands
// (a name space, an adapter): each is one operation, with the fallbacks that the
// optional interfaces promise and without permission checks.

// CheckName says why name cannot be a file's: it is empty, "." or "..", or has a
// slash or a NUL; or it is longer than 255 bytes.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.IndexByte(name, '/') >= 0 || strings.IndexByte(name, 0) >= 0:
		return p9.ErrBadName
	case len(name) > 255:
		return p9.ErrNameTooLong
	}
	return nil
}

// Open opens a file; one that is no Opener opens to itself.
func Open(ctx context.Context, f File, mode p9.Mode) (Handle, error) {
	if o, ok := f.(Opener); ok {
		return o.Open(ctx, mode)
	}
	return f, nil
}

// Walk finds a name in a directory.
func Walk(ctx context.Context, f File, name string) (File, error) {
	w, ok := f.(Walker)
	if !ok {
		return nil, p9.ErrNotDir
	}
	return w.Walk(ctx, name)
}

// Create makes a file in a directory and opens it.
func Create(ctx context.Context, dir File, name string, perm fs.FileMode, mode p9.Mode) (File, Handle, error) {
	if err := CheckName(name); err != nil {
		return nil, nil, err
	}
	c, ok := dir.(Creator)
	if !ok {
		return nil, nil, p9.ErrPerm
	}
	return c.Create(ctx, name, perm, mode)
}

// Clunk lets a File or Handle go.
func Clunk(v any) {
	if c, ok := v.(Clunker); ok {
		c.Clunk()
	}
}

// Unlink removes an entry of a directory: a directory if isDir, else a file.
func Unlink(ctx context.Context, dir File, name string, isDir bool) error {
	if u, ok := dir.(Unlinker); ok {
		return u.Unlink(ctx, name, isDir)
	}
	f, err := Walk(ctx, dir, name)
	if err != nil {
		return err
	}
	defer Clunk(f)
	r, ok := f.(Remover)
	if !ok {
		return p9.ErrPerm
	}
	st, err := f.Stat(ctx)
	if err != nil {
		return err
	}
	switch {
	case isDir && !st.Mode.IsDir():
		return p9.ErrNotDir
	case !isDir && st.Mode.IsDir():
		return p9.ErrIsDir
	}
	return r.Remove(ctx)
}

// Remove removes a file that was walked to as name in dir; dir is nil for a root.
func Remove(ctx context.Context, dir, f File, name string) error {
	if dir == nil {
		return p9.ErrorOfText("cannot remove root")
	}
	if r, ok := f.(Remover); ok {
		return r.Remove(ctx)
	}
	u, ok := dir.(Unlinker)
	if !ok {
		return p9.ErrPerm
	}
	st, err := f.Stat(ctx)
	if err != nil {
		return err
	}
	if err := sameEntry(ctx, dir, name, &st); err != nil {
		return err
	}
	return u.Unlink(ctx, name, st.Mode.IsDir())
}

// Rename moves an entry of a directory to a name in another directory or the
// same one. A directory that is no Renamer can still have an entry renamed in
// place, where that entry is a Wstater.
func Rename(ctx context.Context, dir File, old string, newdir File, newname string) error {
	if err := CheckName(newname); err != nil {
		return err
	}
	if r, ok := dir.(Renamer); ok {
		return r.Rename(ctx, old, newdir, newname)
	}
	if dir != newdir {
		return p9.ErrorOfErrno(syscall.EXDEV)
	}
	f, err := Walk(ctx, dir, old)
	if err != nil {
		return err
	}
	defer Clunk(f)
	w, ok := f.(Wstater)
	if !ok {
		return p9.ErrWstat
	}
	return w.Wstat(ctx, p9.Wstat{Valid: p9.WName, Name: newname})
}

// RenameFlags is Rename with flags of renameat2(2): EINVAL where the directory is no
// FlagRenamer.
func RenameFlags(ctx context.Context, dir File, old string, newdir File, newname string, flags uint32) error {
	if flags == 0 {
		return Rename(ctx, dir, old, newdir, newname)
	}
	if err := CheckName(newname); err != nil {
		return err
	}
	if r, ok := dir.(FlagRenamer); ok {
		return r.RenameFlags(ctx, old, newdir, newname, flags)
	}
	return p9.ErrorOfErrno(syscall.EINVAL)
}

// renameNew gives an entry of a directory a name that is not there yet. Only where the
// directory cannot see to that itself may one be replaced that comes after the look.
func renameNew(ctx context.Context, dir File, old, newname string) error {
	if err := RenameFlags(ctx, dir, old, dir, newname, RenameNoReplace); !errors.Is(err, syscall.EINVAL) {
		return err
	}
	if exists(ctx, dir, newname) {
		return p9.ErrExist
	}
	return Rename(ctx, dir, old, dir, newname)
}

// Wstat changes a file's attributes.
func Wstat(ctx context.Context, f File, w p9.Wstat) error {
	if ws, ok := f.(Wstater); ok {
		return ws.Wstat(ctx, w)
	}
	if w.Valid == 0 {
		return nil
	}
	return p9.ErrWstat
}

// exists reports whether a directory has a name; errors other than "does not
// exist" count as yes, so that nothing is replaced on a doubt.
func exists(ctx context.Context, dir File, name string) bool {
	f, err := Walk(ctx, dir, name)
	if err == nil {
		Clunk(f)
	}
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}
