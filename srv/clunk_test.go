package srv_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A leaf is a gate that takes its time to be let go, and attributes that it cannot
// store.
type leaf struct {
	*gate
	gone atomic.Int64
}

func newLeaf() *leaf {
	l := &leaf{gate: newGate(0o666)}
	l.gate.stat = make(chan struct{})
	return l
}

func (l *leaf) Stat(ctx context.Context) (p9.Stat, error) { return l.gate.Node.Stat(ctx) }

func (l *leaf) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	return &leafHandle{l}, l.wait(ctx, l.gate.open)
}

// A leafHandle is clunked with the fid that opened it.
type leafHandle struct{ l *leaf }

func (h *leafHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	return len(p), h.l.wait(ctx, h.l.gate.stat)
}

func (h *leafHandle) Clunk() {
	for range 1000 { // so that who does not wait for it is seen
		runtime.Gosched()
	}
	h.l.gone.Add(1)
}

// TestClunkBehind sends a clunk behind an open or a write that takes its time:
// when all are answered, the handle has been let go.
func TestClunkBehind(t *testing.T) {
	for _, behind := range []p9.Type{p9.Tlopen, p9.Twrite} {
		t.Run(behind.String(), func(t *testing.T) {
			l := newLeaf()
			w := dial(t, newHall(map[string]srv.File{"f": l}), true)
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
			first := &p9.Fcall{Type: p9.Tlopen, Tag: 1, Fid: 1, Flags: 1}
			if behind == p9.Twrite {
				close(l.gate.open)
				w.rpc(first)
				first = &p9.Fcall{Type: p9.Twrite, Tag: 1, Fid: 1, Data: []byte("abc")}
			}
			n := l.reached.Load()
			w.send(first, &p9.Fcall{Type: p9.Tclunk, Tag: 2, Fid: 1})
			if !srvtest.Until(func() bool { return l.reached.Load() > n }) {
				t.Fatal("nothing blocks")
			}
			if behind == p9.Twrite {
				if r := w.recv(); r.Type != p9.Rclunk { // what blocks does not keep the fid
					t.Fatal(r.Text(true))
				}
				close(l.gate.stat)
				w.recv()
			} else {
				close(l.gate.open)
				w.recv()
				w.recv()
			}
			if l.gone.Load() != 1 {
				t.Error("all is answered, and the handle is still there")
			}
		})
	}
}

// A tagless file takes its time to be found, and its attributes cannot be set.
type tagless struct {
	*gate
}

func (f *tagless) Listxattr(context.Context) ([]string, error)         { return nil, nil }
func (f *tagless) Getxattr(context.Context, string) ([]byte, error)    { return nil, syscall.ENODATA }
func (f *tagless) Removexattr(context.Context, string) error           { return syscall.ENODATA }
func (f *tagless) Setxattr(context.Context, string, []byte, int) error { return syscall.ENOSPC }

// TestClunkXattr sets an attribute by requests that are sent at once: the clunk's
// answer is how that went.
func TestClunkXattr(t *testing.T) {
	f := &tagless{newGate(0o666)}
	f.gate.stat = make(chan struct{})
	w := dial(t, newHall(map[string]srv.File{"f": f}), true)
	w.send(&p9.Fcall{Type: p9.Twalk, Tag: 1, Newfid: 1, Wname: []string{"f"}},
		&p9.Fcall{Type: p9.Txattrcreate, Tag: 2, Fid: 1, Name: "user.x", Size: 3},
		&p9.Fcall{Type: p9.Twrite, Tag: 3, Fid: 1, Data: []byte("abc")},
		&p9.Fcall{Type: p9.Tclunk, Tag: 4, Fid: 1})
	if !srvtest.Until(func() bool { return f.reached.Load() > 0 }) {
		t.Fatal("nothing blocks")
	}
	close(f.gate.stat)
	for range 4 {
		if r := w.recv(); r.Tag == 4 && r.Errno != uint32(syscall.ENOSPC) {
			t.Error("the attribute was not set: ", r.Text(true))
		}
	}
}
