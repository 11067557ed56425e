package ns

import (
	"testing"
	"testing/synctest"

	"ninespace/ns/devfuse"
	"ninespace/srv"
	"ninespace/srv/ramfs"
)

// TestThreads has calls that hang in the kernel for one name space leave threads for another.
func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(EngineOptions{Host: ramfs.New(), Namespace: t.TempDir()})
		end, began := make(chan struct{}), make(chan struct{}, 10_000)
		hang := func() int {
			g, err := e.NewGroup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			f := newFuseFS(e)
			for range 300 {
				ctx := f.ctx(new(devfuse.Cancel), &devfuse.InHeader{}, &node{group: g})
				go srv.InKernel(ctx, func() error { began <- struct{}{}; <-end; return nil })
			}
			synctest.Wait()
			return len(began)
		}
		one := hang()
		two := hang() - one
		close(end)
		if one == 300 || two < one/2 {
			t.Errorf("one has %d threads, and then the other %d", one, two)
		}
	})
}
