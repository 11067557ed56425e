package ramfs

import (
	"context"
	"fmt"
	"os"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// resident gives how many bytes of memory the process has, proc(5).
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestMemoryBack removes, or cuts, a file that is large: the machine gets its memory
// back, without anything else being done.
func TestMemoryBack(t *testing.T) {
	const size = 192 << 20
	ctx := context.Background()
	for _, cut := range []bool{false, true} {
		root := New(Limit(1 << 30))
		before := resident(t)
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
		if n := resident(t) - before; n < size/2 {
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
		if !srvtest.Until(func() bool { return resident(t)-before < size/4 }) {
			t.Errorf("cut %v: %d MiB stay", cut, (resident(t)-before)>>20)
		}
	}
}
