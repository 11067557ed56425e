package srv_test

import (
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestFlushQueued flushes 60,000 requests one by one, the last first, that wait for
// their turn on a fid, or for a goroutine: what that takes goes by their number, not
// by its square.
func TestFlushQueued(t *testing.T) {
	const n, together = 60_000, 5_000
	for _, c := range []struct {
		name  string
		first *p9.Fcall // blocks, with all that follow behind it; nil: each blocks
		each  p9.Type
	}{
		{"turn", &p9.Fcall{Type: p9.Tlopen, Tag: n, Fid: 2}, p9.Tgetattr},
		{"goroutine", nil, p9.Tread},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, f := newGate(0o444), &waiter{Node: srv.NewNode(0o444)}
			w := dial(t, newHall(map[string]srv.File{"f": f, "g": g}), true)
			w.open("f", p9.OREAD)
			w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"g"}})
			each := p9.Fcall{Type: c.each, Fid: 1, Count: 1}
			if c.first != nil {
				w.send(c.first)
				each.Fid = 2
			}
			all := make([]*p9.Fcall, n)
			for i := range all {
				r := each
				r.Tag = uint16(i)
				all[i] = &r
			}
			w.send(all...)
			for last := n; last > 0; last -= together {
				flushes := make([]*p9.Fcall, together)
				for i := range flushes {
					flushes[i] = &p9.Fcall{Type: p9.Tflush, Tag: uint16(n + 1 + i), Oldtag: uint16(last - 1 - i)}
				}
				w.send(flushes...)
				for range flushes {
					if r := w.recv(); r.Type != p9.Rflush {
						t.Fatal(r.Text(true))
					}
				}
			}
			if !srvtest.Until(func() bool { return f.blocked.Load() == 0 }) {
				t.Errorf("%d reads still block", f.blocked.Load())
			}
			w.c.Close()
		})
	}
}
