package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A slow directory's walks and creates, and its file's opens and reads, wait for
// leave, or until they are flushed: then as often as not they go on all the same.
type slow struct {
	changeable // and not Inline
	folder     *folder
	leave      chan struct{}
}

type changeable interface {
	srv.Lister
	srv.File
}

type slowFile struct {
	*blob
	of *slow
}

func newSlow() *slow {
	f := newFolder()
	return &slow{f, f, make(chan struct{})}
}

func (s *slow) wait(ctx context.Context) error {
	select {
	case <-s.leave:
	case <-ctx.Done():
		if rand.IntN(2) == 0 {
			return ctx.Err()
		}
	}
	return nil
}

func (s *slow) Walk(ctx context.Context, name string) (srv.File, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	f, err := s.folder.Walk(ctx, name)
	if b, ok := f.(*blob); ok {
		return &slowFile{b, s}, nil
	}
	return f, err
}

func (s *slow) Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (srv.File, srv.Handle, error) {
	if err := s.wait(ctx); err != nil {
		return nil, nil, err
	}
	return s.folder.Create(ctx, name, perm, mode)
}

func (f *slowFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	if err := f.of.wait(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *slowFile) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if err := f.of.wait(ctx); err != nil {
		return 0, err
	}
	return f.blob.Read(ctx, p, off)
}

// ops are calls of an Fsys, each of several requests.
var ops = []func(ctx context.Context, s client.Fsys) error{
	func(ctx context.Context, s client.Fsys) error { _, err := s.Stat(ctx, "d/f"); return err },
	func(ctx context.Context, s client.Fsys) error { _, err := s.ReadFile(ctx, "d/f"); return err },
	func(ctx context.Context, s client.Fsys) error { _, err := s.ReadDir(ctx, "d"); return err },
	func(ctx context.Context, s client.Fsys) error { return s.WriteFile(ctx, "d/g", []byte("text"), 0o666) },
	func(ctx context.Context, s client.Fsys) error {
		return s.WriteFile(ctx, "d/h", make([]byte, 100<<10), 0o666)
	},
	func(ctx context.Context, s client.Fsys) error { return s.Mkdir(ctx, "d/e", 0o777) },
	func(ctx context.Context, s client.Fsys) error { return s.Remove(ctx, "d/g") },
	func(ctx context.Context, s client.Fsys) error {
		f, err := s.Open(ctx, "d/f", p9.ORDWR)
		if err == nil {
			f.Close()
		}
		return err
	},
	func(ctx context.Context, s client.Fsys) error {
		f, err := s.Create(ctx, "d/i", 0o666, p9.OWRITE)
		if err == nil {
			f.Close()
		}
		return err
	},
	func(ctx context.Context, s client.Fsys) error {
		f, _, err := s.Root.WalkStat(ctx, "d", "f")
		if err == nil {
			f.Clunk(ctx)
		}
		return err
	},
}

// TestCancelOps ends ctx in the middle of calls, with requests of theirs in every
// state: no tag and no fid may be lost, see setup.mount.
func TestCancelOps(t *testing.T) {
	for _, dotl := range []bool{false, true} {
		t.Run(fmt.Sprint(dotl), func(t *testing.T) {
			d := newSlow()
			d.folder.Add("f", newBlob([]byte(strings.Repeat("f", 40<<10))))
			root, _ := setup{dotl: dotl, msize: 64 << 10}.mount(t, newFolder().Add("d", d))
			s := client.Fsys{Root: root}
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for j := range 10 * len(ops) {
						octx, cancel := context.WithCancel(ctx)
						go func() {
							for range (i + j) % 5 { // how far it gets
								select {
								case d.leave <- struct{}{}:
								case <-octx.Done():
								}
							}
							cancel()
						}()
						ops[(i+j)%len(ops)](octx, s)
						cancel()
					}
				})
			}
			wg.Wait()
		})
	}
}

// mangles are what a server may do wrong with a reply, and whether it hangs up then.
var mangles = map[string]func(b []byte) (bad []byte, hangup bool){
	"hangs up":      func(b []byte) ([]byte, bool) { return nil, true },
	"dies amidst":   func(b []byte) ([]byte, bool) { return b[:len(b)/2], true },
	"answers twice": func(b []byte) ([]byte, bool) { return append(b, b...), false },
	"unknown tag": func(b []byte) ([]byte, bool) {
		b[5] ^= 0x55
		return b, false
	},
	"another type": func(b []byte) ([]byte, bool) {
		b[4] ^= 2
		return b, false
	},
	"is too long": func(b []byte) ([]byte, bool) {
		binary.LittleEndian.PutUint32(b, 1<<31)
		return b, false
	},
	"lies of the size": func(b []byte) ([]byte, bool) {
		binary.LittleEndian.PutUint32(b, uint32(len(b))+1)
		return append(b, 0), false
	},
}

// TestMangledOps has the server do one reply wrong, after any number of good ones.
// The call succeeds, if it had all it wanted, or the connection is dead; it ends.
// The second of two answers may have been taken for that to another request.
func TestMangledOps(t *testing.T) {
	for name, mangle := range mangles {
		for _, dotl := range []bool{false, true} {
			for i, op := range ops {
				for good := range 5 {
					t.Run(fmt.Sprint(name, " ", dotl, i, good), func(t *testing.T) {
						d := newFolder()
						d.Add("f", newBlob([]byte("f")))
						d.Create(ctx, "g", 0o666, p9.OREAD)
						root, _ := setup{dotl: dotl, lies: name == "answers twice", between: func(t *testing.T, s *srv.Server) io.ReadWriteCloser {
							up := srvtest.Serve(t, s)
							c, down := srvtest.Pair(t)
							go func() { io.Copy(up, down); up.Close() }()
							done := make(chan struct{})
							go func() { defer close(done); passOn(down, up, good+2, mangle) }() // Rversion, Rattach
							t.Cleanup(func() { c.Close(); <-done })
							return c
						}}.mount(t, newFolder().Add("d", d))
						if err := op(ctx, client.Fsys{Root: root}); err != nil && !errors.Is(err, p9.ErrHungup) && name != "answers twice" {
							t.Error(err)
						}
					})
				}
			}
		}
	}
}

// passOn passes messages on, the one after n good ones mangled.
func passOn(to, from net.Conn, n int, mangle func([]byte) ([]byte, bool)) {
	defer to.Close()
	defer from.Close()
	for i := 0; ; i++ {
		b, err := readFrame(from)
		if err != nil {
			return
		}
		hangup := false
		if i == n {
			b, hangup = mangle(b)
		}
		if _, err := to.Write(b); err != nil || hangup {
			return
		}
	}
}
