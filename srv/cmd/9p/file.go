package ninep

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// piece is how much of a file is moved at a time, and under how much of it may be
// on its way.
const (
	piece = 64 << 10
	under = 4 << 20
)

func (s *session) read(t client.Fsys, path string) error {
	f, err := t.Open(s.ctx, path, p9.OREAD)
	if err != nil {
		return err
	}
	defer f.Close()
	f.ReadAhead(under)
	buf := make([]byte, piece)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if _, err := s.std[1].Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// stdin is standard input whose reads end with ctx. One that is under way then
// is left behind: there is no ending it.
type stdin struct {
	ctx context.Context
	r   io.Reader
}

func (s stdin) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	buf, done := make([]byte, len(p)), make(chan result, 1)
	go func() {
		n, err := s.r.Read(buf)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, buf[:r.n]), r.err
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func (s *session) write(t client.Fsys, path string) error {
	f, err := t.Open(s.ctx, path, p9.OWRITE|p9.OTRUNC)
	if err != nil {
		return err
	}
	f.WriteBehind(under)
	in := bufio.NewReaderSize(stdin{s.ctx, s.std[0]}, piece)
	buf := make([]byte, piece)
	for err == nil {
		var b []byte
		var werr error
		if s.long {
			b, err = in.ReadBytes('\n')
		} else {
			var n int
			n, err = in.Read(buf)
			b = buf[:n]
		}
		if len(b) > 0 {
			_, werr = f.Write(b)
		}
		if werr != nil {
			err = werr
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *session) rdwr(t client.Fsys, path string) error {
	f, err := t.Open(s.ctx, path, p9.ORDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(stdin{s.ctx, s.std[0]})
	buf := make([]byte, piece)
	for {
		n, err := f.Fid().Read(s.ctx, buf, 0)
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, err := fmt.Fprintln(s.std[1], strings.TrimSuffix(string(buf[:n]), "\n")); err != nil {
			return err
		}
		line, err := in.ReadString('\n')
		if line == "" && err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if _, err := f.Fid().Write(s.ctx, []byte(strings.TrimSuffix(line, "\n")), 0); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

func (s *session) create(t client.Fsys, path string) error {
	f, err := t.Create(s.ctx, path, s.perm(0o666), p9.OREAD|p9.OEXCL)
	if err != nil {
		return err
	}
	return f.Close()
}

func (s *session) mkdir(t client.Fsys, path string) error { return t.Mkdir(s.ctx, path, s.perm(0o777)) }

// perm is what all may do with something new. 9P2000's servers take from it what
// its directory's mode does not have; 9P2000.L's leave it, and the umask is the
// client's to apply, as Linux does.
func (s *session) perm(all fs.FileMode) fs.FileMode {
	if s.opts.Version != p9.Version9P2000L {
		return all
	}
	mask := syscall.Umask(0o77) // there is no asking without setting
	syscall.Umask(mask)
	return all &^ fs.FileMode(mask)
}

func (s *session) rm(t client.Fsys, path string) error { return t.Remove(s.ctx, path) }

func (s *session) mv(paths []string) error {
	t, from, err := s.tree(paths[0])
	if err != nil {
		return err
	}
	u, to, err := s.tree(paths[1])
	if err != nil {
		return err
	}
	if t != u {
		return fmt.Errorf("mv %s %s: not of one server", paths[0], paths[1])
	}
	return t.Rename(s.ctx, from, to)
}
