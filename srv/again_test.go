package srv_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A sleeper is a file, and a directory of itself, whose methods have to wait until
// it wakes; what it is asked it notes, with a ? where it must not wait.
type sleeper struct {
	srv.Node
	slow  string // the call that has to wait
	awake chan struct{}
	again error // what it returns where it must not wait

	mu    sync.Mutex
	calls []string
	live  int // walked to, not clunked
	data  string
}

func newSleeper(mode fs.FileMode, slow string) *sleeper {
	return &sleeper{Node: srv.NewNode(mode), slow: slow, awake: make(chan struct{}), again: srv.ErrAgain}
}

func (s *sleeper) Inline() {}

func (s *sleeper) call(ctx context.Context, what string) error {
	must := srv.Nonblock(ctx)
	s.mu.Lock()
	if must {
		s.calls = append(s.calls, what+"?")
	} else {
		s.calls = append(s.calls, what)
	}
	s.mu.Unlock()
	switch {
	case what != s.slow:
		return nil
	case must:
		return s.again
	}
	select {
	case <-s.awake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sleeper) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	return s, s.call(ctx, "open")
}

func (s *sleeper) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if err := s.call(ctx, fmt.Sprint("read ", off)); err != nil {
		return 0, err
	}
	return copy(p, "read"), nil
}

func (s *sleeper) Write(ctx context.Context, p []byte, off int64) (int, error) {
	err := s.call(ctx, fmt.Sprint("write ", off))
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data += string(p)
	return len(p), nil
}

func (s *sleeper) Walk(ctx context.Context, name string) (srv.File, error) {
	if err := s.call(ctx, "walk "+name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live++
	return s, nil
}

func (s *sleeper) Clunk() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
}

func (s *sleeper) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// asked waits until the file has been asked something.
func (s *sleeper) asked(t *testing.T, what string) {
	t.Helper()
	if !srvtest.Until(func() bool { return slices.Contains(s.heard(), what) }) {
		t.Fatalf("%s is not among %q", what, s.heard())
	}
}

// replies wants replies in an order.
func (w *wire) replies(tags ...uint16) {
	w.Helper()
	for _, tag := range tags {
		if r := w.recv(); r.Tag != tag || r.Type == p9.Rlerror {
			w.Errorf("%s, where tag %d is due", r.Text(w.dotl), tag)
		}
	}
}

// TestAgainRead has a read that must not wait, and would have to, among others:
// those are answered, it waits by itself.
func TestAgainRead(t *testing.T) {
	f := newSleeper(0o666, "read 0")
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.ORDWR)
	read := func(tag uint16, off uint64) *p9.Fcall {
		return &p9.Fcall{Type: p9.Tread, Tag: tag, Fid: 1, Offset: off, Count: 4}
	}
	w.send(read(1, 0), read(2, 1), &p9.Fcall{Type: p9.Tgetattr, Tag: 3, Fid: 1}, read(4, 0), read(5, 2))
	w.replies(2, 3, 5)
	f.asked(t, "read 0")
	w.send(&p9.Fcall{Type: p9.Tflush, Tag: 6, Oldtag: 4})
	w.replies(6)
	close(f.awake)
	w.replies(1)
	var got []string
	for _, c := range f.heard() { // those that wait are asked whenever
		if c != "read 0" {
			got = append(got, c)
		}
	}
	if want := []string{"open?", "read 0?", "read 1?", "read 0?", "read 2?"}; !slices.Equal(got, want) || len(f.heard()) != len(want)+2 {
		t.Errorf("asked %q", f.heard())
	}
}

// TestAgainWrite has a write wait: it is done once, with the bytes that it came
// with, whatever comes behind it.
func TestAgainWrite(t *testing.T) {
	f := newSleeper(0o666, "write 0")
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.ORDWR)
	write := func(tag uint16, off uint64, data string) *p9.Fcall {
		return &p9.Fcall{Type: p9.Twrite, Tag: tag, Fid: 1, Offset: off, Data: []byte(data)}
	}
	w.send(write(1, 0, "first "), write(2, 1, "second "))
	w.replies(2)
	for range 100 {
		w.send(write(2, 2, "."))
		w.replies(2)
	}
	close(f.awake)
	w.replies(1)
	if want := "second " + string(slices.Repeat([]byte{'.'}, 100)) + "first "; f.data != want {
		t.Errorf("wrote %q", f.data)
	}
}

// TestAgainOpen has an open wait, and what follows on its fid with it, in order;
// other fids don't.
func TestAgainOpen(t *testing.T) {
	f := newSleeper(0o666, "open")
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"f"}})
	w.send(&p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1, Flags: p9.OREAD.Linux()},
		&p9.Fcall{Type: p9.Tread, Tag: 2, Fid: 1, Count: 4},
		&p9.Fcall{Type: p9.Tclunk, Tag: 3, Fid: 1},
		&p9.Fcall{Type: p9.Tgetattr, Tag: 4, Fid: 2})
	w.replies(4)
	f.asked(t, "open")
	close(f.awake)
	w.replies(1)
	for range 2 { // the read and the clunk run side by side
		if r := w.recv(); r.Type != p9.Rread && r.Type != p9.Rclunk {
			t.Error(r.Text(true))
		}
	}
	if got, want := f.heard(), []string{"open?", "open", "read 0"}; !slices.Equal(got, want) {
		t.Errorf("asked %q, not %q", got, want)
	}
}

// TestAgainWalk has a walk wait at its second name, where it must not, whichever
// way the file says so: it is begun anew, and nothing is kept of the first try.
func TestAgainWalk(t *testing.T) {
	for _, again := range []error{srv.ErrAgain, fmt.Errorf("disk: %w", srv.ErrAgain)} {
		t.Run(again.Error(), func(t *testing.T) {
			f := newSleeper(fs.ModeDir|0o777, "walk b")
			f.again = again
			t.Cleanup(func() {
				if f.live != -1 { // the root was given, and not walked to
					t.Errorf("%d files were never clunked", f.live+1)
				}
			})
			w := dial(t, f, true)
			w.send(&p9.Fcall{Type: p9.Twalk, Tag: 1, Newfid: 1, Wname: []string{"a", "b", "c"}},
				&p9.Fcall{Type: p9.Tgetattr, Tag: 2, Fid: 0})
			w.replies(2)
			close(f.awake)
			if r := w.recv(); r.Tag != 1 || len(r.Wqid) != 3 {
				t.Error(r.Text(true))
			}
			if got, want := f.heard(), []string{"walk a?", "walk b?", "walk a", "walk b", "walk c"}; !slices.Equal(got, want) {
				t.Errorf("asked %q, not %q", got, want)
			}
		})
	}
}

// TestAgainHangup hangs up on a read that waits after it must not have.
func TestAgainHangup(t *testing.T) {
	f := newSleeper(0o666, "read 0")
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.OREAD)
	w.send(&p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 1, Count: 4})
	f.asked(t, "read 0")
	w.c.Close()
}

// TestAgainTwice has a file say that it must wait where it may.
func TestAgainTwice(t *testing.T) {
	f := &stubborn{srv.NewNode(0o444)}
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.open("f", p9.OREAD)
	w.send(&p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 1, Count: 4})
	if r := w.recv(); r.Tag != 1 || r.Errno != uint32(syscall.EIO) {
		t.Error(r.Text(true))
	}
}

// A stubborn file always would block.
type stubborn struct{ srv.Node }

func (*stubborn) Inline()                                          {}
func (*stubborn) Read(context.Context, []byte, int64) (int, error) { return 0, srv.ErrAgain }
