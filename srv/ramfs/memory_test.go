package ramfs

import (
	"context"
	"runtime"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// resident gives how many bytes of memory the process keeps of the machine's for what
// it allocates; the race detector has more, for itself.
func resident() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapSys - m.HeapReleased)
}

// TestMemoryBack removes, or cuts, a file that is large: the machine gets its memory
// back, without anything else being done.
func TestMemoryBack(t *testing.T) {
	const size = 192 << 20
	ctx := context.Background()
	for _, cut := range []bool{false, true} {
		root := New(Limit(1 << 30))
		before := resident()
		f, h, err := srv.Create(ctx, root, "f", 0o666, p9.OWRITE)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1<<20)
		for off := int64(0); off < size; off += int64(len(b)) {
			if _, err := h.(srv.Writer).Write(ctx, b, off); err != nil {
				t.Fatal(err)
			}
		}
		if n := resident() - before; n < size/2 {
			t.Fatalf("a file of %d MiB takes %d", size>>20, n>>20)
		}
		if cut {
			err = f.(srv.Wstater).Wstat(ctx, p9.Wstat{Valid: p9.WLength})
		} else {
			err = srv.Unlink(ctx, root, "f", false)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !cut {
			srv.Clunk(h)
			if f != srv.File(h.(srv.File)) {
				srv.Clunk(f)
			}
			f, h = nil, nil
		}
		if !srvtest.Until(func() bool { return resident()-before < size/4 }) {
			t.Errorf("cut %v: %d MiB stay", cut, (resident()-before)>>20)
		}
	}
}
