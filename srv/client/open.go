package client

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"ninespace/srv/p9"
)

// Open opens the file.
func (f *Fid) Open(ctx context.Context, mode p9.Mode) error {
	if mode&p9.ODIRECTORY != 0 && !f.qid.IsDir() {
		return p9.ErrNotDir
	}
	return f.open(ctx, f.c.openType(), mode, func(k *call) { k.Mode, k.Flags = mode.Plan9(), mode.Linux() })
}

func (c *Conn) openType() p9.Type {
	if c.dotl {
		return p9.Tlopen
	}
	return p9.Topen
}

func (f *Fid) open(ctx context.Context, t p9.Type, mode p9.Mode, set func(*call)) error {
	k, err := f.start(t)
	if err != nil {
		return err
	}
	defer k.release()
	set(k)
	if err := f.c.do(ctx, k); err != nil {
		return err
	}
	f.qid, f.iounit, f.mode = k.Qid, k.Iounit, mode
	return nil
}

// Create makes a file in the directory and opens it; the fid moves to it. perm
// with fs.ModeDir makes a directory. A name that is there already is opened, and
// truncated where mode says so, unless mode has OEXCL or perm asks for a
// directory: then it is an error.
func (f *Fid) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) error {
	if f.c.dotl {
		return f.createL(ctx, name, perm, mode)
	}
	err := f.open(ctx, p9.Tcreate, mode, func(k *call) {
		k.Name, k.Perm, k.Mode = name, p9.Perm(perm), (mode &^ p9.OTRUNC).Plan9()
	})
	if err == nil {
		f.name = name
		return nil
	}
	if !isExist(err) || perm.IsDir() || mode&p9.OEXCL != 0 {
		return err
	}
	// 9P2000's create never opens what is there: open(2) of the manual tells
	// how its callers do that.
	g, werr := f.Walk(ctx, name)
	if werr != nil {
		return err
	}
	if err := g.Open(ctx, mode); err != nil {
		g.c.discard(g.num)
		return err
	}
	f.become(g)
	return nil
}

func (f *Fid) createL(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) error {
	switch perm.Type() &^ (fs.ModeTemporary | fs.ModeAppend | fs.ModeExclusive) {
	case 0:
		err := f.open(ctx, p9.Tlcreate, mode, func(k *call) {
			k.Name, k.Flags, k.Perm, k.Gid = name, (mode | p9.OCREATE).Linux(), p9.UnixMode(perm)&0o7777, gid()
		})
		if err == nil {
			f.name = name
		}
		return err
	case fs.ModeDir:
		if _, err := f.Mkdir(ctx, name, perm); err != nil {
			return err
		}
		g, err := f.Walk(ctx, name)
		if err != nil {
			return err
		}
		if err := g.Open(ctx, mode); err != nil {
			g.c.discard(g.num)
			return err
		}
		f.become(g)
		return nil
	}
	return p9.ErrNotSup
}

// become makes f stand for g's file; what f stood for is let go.
func (f *Fid) become(g *Fid) {
	f.c.discard(f.num)
	f.num, f.name, f.qid, f.iounit, f.mode = g.num, g.name, g.qid, g.iounit, g.mode
}

func gid() uint32 { return uint32(os.Getgid()) }

// Read reads at an offset, as many bytes as one message moves at most. The end
// is 0 and io.EOF.
func (f *Fid) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.read(ctx, p9.Tread, p, uint64(off), f.Iounit())
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (f *Fid) read(ctx context.Context, t p9.Type, p []byte, off uint64, limit uint32) (int, error) {
	k, err := f.start(t)
	if err != nil {
		return 0, err
	}
	defer k.release()
	k.p = p[:min(len(p), int(limit))]
	k.Offset, k.Count = off, uint32(len(k.p))
	if err := f.c.do(ctx, k); err != nil {
		return 0, err
	}
	return k.n, nil
}

// Write writes all of p at an offset, by as many messages as that takes. It
// stops at an error and where the server takes less than it was given, and says
// how many bytes were taken. With OAPPEND in 9P2000, which has no such mode, it
// writes at what the end is just then.
func (f *Fid) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if f.mode&p9.OAPPEND != 0 && !f.c.dotl {
		st, err := f.Stat(ctx)
		if err != nil {
			return 0, err
		}
		off = int64(st.Length)
	}
	done := 0
	for first := true; first || done < len(p); first = false {
		chunk := p[done:min(len(p), done+int(f.Iounit()))]
		n, err := f.write(ctx, chunk, uint64(off)+uint64(done))
		done += n
		if err != nil || n < len(chunk) {
			return done, err
		}
	}
	return done, nil
}

func (f *Fid) write(ctx context.Context, p []byte, off uint64) (int, error) {
	k, err := f.start(p9.Twrite)
	if err != nil {
		return 0, err
	}
	defer k.release()
	k.Offset, k.Data = off, p
	if err := f.c.do(ctx, k); err != nil {
		return 0, err
	}
	if k.Count > uint32(len(p)) {
		return 0, fmt.Errorf("%w: Rwrite of %d bytes for %d", p9.ErrBotch, k.Count, len(p))
	}
	return int(k.Count), nil
}

// badName says why a name cannot be a directory entry's.
func badName(name string) error {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("directory entry %q: %w", name, p9.ErrBadName)
	}
	return nil
}
