package srv_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A hole is a file with a version, of which a read waits as long as who asks does.
type hole struct {
	srv.Node
	reads atomic.Int32 // that wait
}

func (h *hole) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := h.Node.Stat(ctx)
	st.Qid.Vers = 1
	return st, err
}

func (h *hole) Read(ctx context.Context, _ []byte, _ int64) (int, error) {
	h.reads.Add(1)
	defer h.reads.Add(-1)
	<-ctx.Done()
	return 0, ctx.Err()
}

// A ready file is one that is read at once.
type ready struct{ srv.Node }

func (f *ready) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	st.Qid.Vers = 1
	return st, err
}

func (*ready) Read(context.Context, []byte, int64) (int, error) { return 0, nil }

// TestSumsOfAll has clients ask for sums that do not come: each holds up its own only. When there
// are as many as there may be in all, who asks for one more is told so at once, and when those have
// gone there are sums again.
func TestSumsOfAll(t *testing.T) {
	pit := &hole{Node: srv.NewNode(0o444)}
	s := srv.New(srv.NewDir().Add("hole", pit).Add("ready", &ready{srv.NewNode(0o444)}))
	sum := func(root *client.Fid) bool {
		ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
		defer cancel()
		r, err := root.WalkSum(ctx, "ready")
		if err != nil {
			t.Error(err)
		}
		return r.HasSum
	}
	late := srvtest.MountServer(t, s, true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked sync.WaitGroup
	for conns := 1; conns <= srv.AllSums/srv.MaxSums; conns++ {
		root := srvtest.MountServer(t, s, true)
		for range 2 * srv.MaxSums {
			asked.Go(func() { root.WalkSum(ctx, "hole") })
		}
		if !srvtest.Until(func() bool { return int(pit.reads.Load()) == conns*srv.MaxSums }) {
			t.Fatalf("%d clients have %d sums made", conns, pit.reads.Load())
		}
		if conns == 1 && !sum(late) {
			t.Error("another has no sum")
		}
	}
	if sum(late) {
		t.Error("there are more sums than there may be")
	}
	cancel()
	asked.Wait()
	if !srvtest.Until(func() bool { return sum(late) }) {
		t.Error("there is no sum any more")
	}
}
