package client_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A spoiler is between a client and a server, and makes a botch of one Rwalk, of which the
// server made a fid: it has a qid too many.
type spoiler struct{ in atomic.Int32 } // so many Rwalks

func (s *spoiler) between(t *testing.T, server *srv.Server) io.ReadWriteCloser {
	up := srvtest.Serve(t, server)
	c, down := srvtest.Pair(t)
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(up, down); up.Close() })
	wg.Go(func() {
		defer down.Close()
		for {
			b, err := readFrame(up)
			if err != nil {
				return
			}
			if p9.Type(b[4]) == p9.Rwalk && s.in.Add(-1) == 0 {
				le := binary.LittleEndian
				b = append(b, make([]byte, 13)...)
				le.PutUint32(b, uint32(len(b)))
				le.PutUint16(b[7:], le.Uint16(b[7:])+1)
			}
			down.Write(b)
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c
}

// TestBotchedWalk has the answer to a walk be a botch, behind which the server has a fid all
// the same: what is then asked of another file never meets that one.
func TestBotchedWalk(t *testing.T) {
	names := []string{"d", "f"}
	for _, c := range []struct {
		name string
		in   int32
		do   func(s client.Fsys) error
	}{
		{"walk", 1, func(s client.Fsys) error { _, err := s.Root.Walk(ctx, names...); return err }},
		{"walk and open", 1, func(s client.Fsys) error { _, err := s.Root.WalkOpen(ctx, p9.OREAD, names...); return err }},
		{"walk and stat", 1, func(s client.Fsys) error { _, _, err := s.Root.WalkStat(ctx, names...); return err }},
		{"walk to a directory", 1, func(s client.Fsys) error {
			_, _, _, err := s.Root.WalkStatIn(ctx, names[:1], "f")
			return err
		}},
		{"walk in a directory", 2, func(s client.Fsys) error {
			d, _, _, err := s.Root.WalkStatIn(ctx, names[:1], "f")
			if d == nil {
				t.Fatal(err)
			}
			d.Clunk(ctx)
			return err
		}},
		{"read of a file", 1, func(s client.Fsys) error { _, err := s.ReadFile(ctx, "d/f"); return err }},
		{"write of a file", 1, func(s client.Fsys) error { return s.WriteFile(ctx, "d/f", []byte("f"), 0o666) }},
	} {
		for _, dotl := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", dotl ", dotl), func(t *testing.T) {
				var spoil spoiler
				root, _ := setup{dotl: dotl, between: spoil.between}.mount(t, ramfs.New())
				s := client.Fsys{Root: root}
				err := s.Mkdir(ctx, "d", 0o777)
				for _, name := range []string{"d/f", "other", "third"} {
					err = errors.Join(err, s.WriteFile(ctx, name, []byte(name[len(name)-1:]), 0o666))
				}
				if err != nil {
					t.Fatal(err)
				}
				spoil.in.Store(c.in)
				if err := c.do(s); !errors.Is(err, p9.ErrBotch) {
					t.Fatalf("no botch: %v", err)
				}
				if err := s.Remove(ctx, "other"); err != nil {
					t.Error(err)
				}
				if err := s.WriteFile(ctx, "third", []byte("new"), 0o666); err != nil {
					t.Error(err)
				}
				if b, err := s.ReadFile(ctx, "d/f"); err != nil || string(b) != "f" {
					t.Errorf("d/f is %q: %v", b, err)
				}
				if b, err := s.ReadFile(ctx, "third"); err != nil || string(b) != "new" {
					t.Errorf("third is %q: %v", b, err)
				}
			})
		}
	}
}
