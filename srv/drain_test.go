package srv_test

import (
	"context"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A till counts what is written to it, one byte in after the other.
type till struct {
	srv.Node
	taken atomic.Int64
	again bool // it may have to wait
}

func (f *till) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if f.again && srv.Nonblock(ctx) && off%3 == 0 {
		return 0, srv.ErrAgain
	}
	runtime.Gosched()
	f.taken.Add(1)
	return len(p), nil
}

type quickTill struct{ till }

func (*quickTill) Inline() {}

// TestShutdownWhole stops a server at any moment while clients write as fast as
// they can: what a file has taken its client has been told of.
func TestShutdownWhole(t *testing.T) {
	rounds := 10
	if long {
		rounds = 1000
	}
	for round := range rounds {
		const clients = 6
		files := map[string]srv.File{}
		var tills []*till
		for i := range clients {
			f := &quickTill{till{Node: srv.NewNode(0o222), again: i%3 == 2}}
			tills = append(tills, &f.till)
			if files[fmt.Sprint(i)] = f; i%3 == 0 {
				files[fmt.Sprint(i)] = &f.till
			}
		}
		ok := t.Run("", func(t *testing.T) {
			p := listen(t, srv.New(newHall(files)))
			var told [clients]int64
			var sum atomic.Int64
			var wg sync.WaitGroup
			for i := range clients {
				w := p.dial(i%2 == 0)
				w.open(fmt.Sprint(i), p9.OWRITE)
				room, gone := make(chan struct{}, 100), make(chan struct{})
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case room <- struct{}{}:
						case <-gone:
							return
						}
						b, _ := (&p9.Fcall{Type: p9.Twrite, Tag: uint16(n % 60_000), Fid: 1, Offset: uint64(n), Data: []byte("x")}).Append(nil, w.dotl)
						if _, err := w.c.Write(b); err != nil {
							return
						}
					}
				})
				wg.Go(func() {
					defer close(gone)
					for {
						r, err := srvtest.Recv(w.c, w.dotl)
						if err != nil {
							return
						}
						<-room
						if r.Type == p9.Rwrite {
							told[i]++
							sum.Add(1)
						}
					}
				})
			}
			enough := rand.Int63n(1000)
			srvtest.Until(func() bool { return sum.Load() >= enough })
			if err := p.s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			wg.Wait()
			p.ended()
			for i, f := range tills {
				if n := f.taken.Load(); n != told[i] {
					t.Errorf("client %d: %d writes taken, told of %d", i, n, told[i])
				}
			}
		})
		if !ok {
			t.Fatalf("round %d", round)
		}
	}
}
