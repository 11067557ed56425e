package diskfs

import (
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestBacking wants the descriptor of an open file, but not where each user's
// requests are done as that user.
func TestBacking(t *testing.T) {
	type backer interface{ Backing() int }
	dir := wide(t)
	write(t, dir+"/f", "text")
	r := serve(t, dir)
	h := open(t, walk(t, r, "f"), p9.OREAD)
	b := make([]byte, 10)
	if n, err := unix.Pread(h.(backer).Backing(), b, 0); string(b[:max(n, 0)]) != "text" || err != nil {
		t.Errorf("%q, %v", b[:max(n, 0)], err)
	}
	for _, f := range []srv.File{r, walk(t, r, "f")} {
		if _, ok := f.(backer); ok {
			t.Errorf("%T is not open", f)
		}
	}
	h = open(t, walk(t, other(t, dir), "f"), p9.OREAD)
	if fd := h.(backer).Backing(); fd >= 0 {
		t.Errorf("PerUser: %d", fd)
	}
}
