package srv_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A latch's opening waits until it is given up.
type latch struct {
	srv.Node
	opening chan struct{}
}

func (g *latch) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	close(g.opening)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestResetWaiting has Tversion end 30,000 requests that wait for another on their fid:
// by some goroutines one after the other, and not by one each, all there at once.
func TestResetWaiting(t *testing.T) {
	const requests = 30000
	g := &latch{srv.NewNode(0o444), make(chan struct{})}
	s := srv.New(srv.NewDir().Add("gate", g))
	var most, ended atomic.Int64
	s.Trace = func(line string) {
		if strings.HasPrefix(line, "<- Rlerror") {
			ended.Add(1)
			for n := int64(runtime.NumGoroutine()); ; {
				old := most.Load()
				if n <= old || most.CompareAndSwap(old, n) {
					break
				}
			}
		}
	}
	p := listen(t, s)
	w := p.dial(true)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"gate"}})
	w.send(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
	<-g.opening
	before := runtime.NumGoroutine()
	var all []*p9.Fcall
	for tag := uint16(1); tag <= requests; tag++ {
		all = append(all, &p9.Fcall{Type: p9.Tgetattr, Tag: tag, Fid: 1})
	}
	w.send(append(all, &p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: p9.Version9P2000L})...)
	if !srvtest.Until(func() bool { return ended.Load() == requests+1 }) {
		t.Fatalf("%d requests have ended", ended.Load())
	}
	if n := most.Load() - int64(before); n > 8<<10+10 {
		t.Errorf("%d goroutines end %d requests", n, requests)
	}
	for w.recv().Type != p9.Rversion {
	}
}
