package netboot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// open opens a file that is served: of the directory, or else a loader. os.Root has
// names that lead out of there refused, by .. as by links. Of the loaders a name is that
// of a file in their directory itself, where Debian has a link out of it.
func (s *Server) open(name string) (*os.File, error) {
	name = strings.TrimLeft(name, "/")
	if name == "" || strings.ContainsAny(name, "\x00\\") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	const flags = os.O_RDONLY | syscall.O_NONBLOCK // it may be a pipe
	f, err := s.dir.OpenFile(name, flags, 0)
	if errors.Is(err, fs.ErrNotExist) && s.cfg.Loaders != "" && !strings.Contains(name, "/") && filepath.IsLocal(name) {
		f, err = os.OpenFile(filepath.Join(s.cfg.Loaders, name), flags, 0)
	}
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a file")}
	}
	return f, nil
}

// read reads a short file.
func (s *Server) read(name string) ([]byte, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(b) > maxManifest {
		err = fmt.Errorf("%s: too long", name)
	}
	return b, err
}
