package srv_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A stair is a directory in which a walk goes down until it ends; all steps count how
// many of them are held.
type stair struct {
	srv.Node
	live *atomic.Int64
	left int
}

func newStair(n int) *stair { return &stair{srv.NewNode(fs.ModeDir | 0o777), new(atomic.Int64), n} }

func (s *stair) Descriptor() {}
func (s *stair) Clunk()      { s.live.Add(-1) }

func (s *stair) Walk(ctx context.Context, _ string) (srv.File, error) {
	if s.left == 0 {
		return nil, p9.ErrNotExist
	}
	s.live.Add(1)
	return &stair{srv.NewNode(fs.ModeDir | 0o777), s.live, s.left - 1}, nil
}

func (s *stair) Open(context.Context, p9.Mode) (srv.Handle, error) {
	s.live.Add(1)
	return &landing{live: s.live}, nil
}

// A landing is an open stair.
type landing struct {
	live *atomic.Int64
	quickTill
}

func (l *landing) Clunk() { l.live.Add(-1) }

// A quickStair is walked by the reading goroutine, down to where others begin.
type quickStair struct{ *stair }

func (quickStair) Inline() {}

func (s quickStair) Walk(ctx context.Context, name string) (srv.File, error) {
	f, err := s.stair.Walk(ctx, name)
	if err != nil || f.(*stair).left < 4 {
		return f, err
	}
	return quickStair{f.(*stair)}, nil
}

// TestCutAnywhere hangs up after each byte of a conversation: nothing stays.
func TestCutAnywhere(t *testing.T) {
	both(t, func(t *testing.T, dotl bool) {
		version, open := p9.Version9P2000, p9.Topen
		if dotl {
			version, open = p9.Version9P2000L, p9.Tlopen
		}
		var all []byte
		for _, f := range []*p9.Fcall{
			{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: version},
			{Type: p9.Tattach, Tag: 1, Afid: p9.NoFid, Uname: "glenda"},
			{Type: p9.Twalk, Tag: 2, Newfid: 1, Wname: strings.Split("a/../b/c/d/e", "/")},
			{Type: p9.Twalk, Tag: 3, Fid: 1, Newfid: 1, Wname: []string{"f", "..", ".."}},
			{Type: open, Tag: 4, Fid: 1},
			{Type: p9.Tread, Tag: 5, Fid: 1, Count: 100},
			{Type: p9.Tflush, Tag: 6, Oldtag: 5},
			{Type: p9.Twalk, Tag: 7, Fid: 0, Newfid: 2},
			{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: version},
			{Type: p9.Tattach, Tag: 1, Afid: p9.NoFid, Uname: "glenda"},
		} {
			all = append(all, frame(t, dotl, f)...)
		}
		for _, quick := range []bool{false, true} {
			st := newStair(9)
			var root srv.File = st
			if quick {
				root = quickStair{st}
			}
			s := srv.New(root)
			s.Attach = func(context.Context, string, string) (srv.File, error) { st.live.Add(1); return root, nil }
			for n := range len(all) + 1 {
				a, b := srvtest.Pair(t)
				done := make(chan error, 1)
				go func() { done <- s.ServeConn(context.Background(), b) }()
				(&wire{t, a, dotl}).raw(all[:n])
				a.Close()
				<-done
				if st.live.Load() != 0 {
					t.Fatalf("after %d bytes %d files stay", n, st.live.Load())
				}
			}
			if f := figures(t, s); f["fids"] != "0" || f["descriptors"] != "0" || f["held"] != "0" || f["inflight"] != "0" {
				t.Errorf("what stays: %v", f)
			}
		}
	})
}

// TestWalkEndsAnywhere walks 16 names of which some are there: what was walked to is
// held only where all were.
func TestWalkEndsAnywhere(t *testing.T) {
	names := strings.Split(strings.Repeat("x/", 15)+"x", "/")
	for _, quick := range []bool{false, true} {
		for n := range 17 {
			t.Run(fmt.Sprint(quick, n), func(t *testing.T) {
				st := newStair(n)
				var root srv.File = st
				if quick {
					root = quickStair{st}
				}
				w := dial(t, root, true)
				w.send(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: names})
				switch r := w.recv(); {
				case n == 0 && r.Type != p9.Rlerror, n > 0 && len(r.Wqid) != n:
					t.Error(r.Text(true))
				}
				live := int64(0)
				if n == 16 {
					live = 16
				}
				if !srvtest.Until(func() bool { return st.live.Load() == live }) {
					t.Errorf("%d of %d are held", st.live.Load(), live)
				}
				w.send(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
				if r := w.recv(); (r.Type == p9.Rclunk) != (n == 16) {
					t.Error(r.Text(true))
				}
				if !srvtest.Until(func() bool { return st.live.Load() == 0 }) {
					t.Errorf("%d stay", st.live.Load())
				}
			})
		}
	}
}
