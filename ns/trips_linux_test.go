package ns

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// files makes a server of a tree with the files f0 to f99 in d, and one of what is
// made up as it is read.
func files(t testing.TB, n int) srv.File {
	t.Helper()
	ctx := t.Context()
	root := ramfs.New()
	d, _, err := srv.Create(ctx, root, "d", os.ModeDir|0o777, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_, h, err := srv.Create(ctx, d, fmt.Sprintf("f%d", i), 0o666, p9.OWRITE)
		if err == nil {
			_, err = h.(srv.Writer).Write(ctx, []byte(strings.Repeat("text\n", 100)), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestTrips counts the round trips of a few commands, one after the other, by a link
// that is slow: at most so many, as the machine's own slowness has the kernel ask twice.
func TestTrips(t *testing.T) {
	t.Setenv("NINE_TEST_KEEP", "1m") // not to end in the middle of it, on a slow machine
	for _, c := range []struct {
		mount string
		cmds  []tripCase
	}{
		{"", []tripCase{{"cat d/f1", 8}, {"cat d/f1", 8}, {"ls d", 8}}},
		{"-C ", []tripCase{
			{"cat d/f1", 3}, {"cat d/f1", 1}, {"stat d/f2", 2}, {"stat d/f2", 0}, {"ls d", 0}, {"ls -l d", 6}, {"ls -l d", 0},
			{"test ! -e d/none", 0}, {"cat d/f*", 100}}},
	} {
		t.Run("mount "+c.mount, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(files(t, 100)), 5*time.Millisecond)
			m := mountGroup(t, "mount "+c.mount+l.Addr+" /n/x")
			m.sh(t, "/n/x", "ls >/dev/null")
			l.Traffic()
			m.requests(t)
			for _, c := range c.cmds {
				m.sh(t, "/n/x", c.cmd+" >/dev/null")
				n := l.Traffic()
				t.Logf("%-12s %v, kernel's requests %s", c.cmd, n, m.requests(t))
				if n.Trips > c.most {
					t.Errorf("%s: %d round trips, not %d", c.cmd, n.Trips, c.most)
				}
			}
		})
	}
}

type tripCase struct {
	cmd  string
	most int
}
