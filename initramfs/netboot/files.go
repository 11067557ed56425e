package netboot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// open opens a file that is served: of the directory, or else a loader. os.Root has
// names that lead out of there refused, by .. as by links.
func (s *Server) open(name string) (*os.File, error) {
	name = strings.TrimLeft(name, "/")
	if name == "" || strings.ContainsAny(name, "\x00\\") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := openFile(s.dir, name)
	if errors.Is(err, fs.ErrNotExist) && s.more != nil {
		if g, err1 := openFile(s.more, name); err1 == nil {
			return g, nil
		}
	}
	return f, err
}

func openFile(dir *os.Root, name string) (*os.File, error) {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may be a pipe
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
