package ns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
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
	t.Setenv("NINE_TEST_KEEP", "1h") // not to end in the middle of it, on a slow machine
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

// TestSnapshot has a file that is made when it is opened come with the opening: who reads
// it then, and again, sees that moment, however long it is.
func TestSnapshot(t *testing.T) {
	for _, size := range []int{0, 1, snapshotFirst - 1, snapshotFirst, snapshotFirst + 1, 3*snapshotFirst + 5} {
		opens := 0
		l := srvtest.NewLink(t, srv.New(srv.NewDir().Add("text", srv.Text(0o444, func(context.Context) (string, error) {
			opens++
			return strings.Repeat(string(rune('a'+opens)), size), nil
		}))), 0)
		m := mountGroup(t, "mount "+l.Addr+" /n/x")
		var open [2]*os.File
		for i := range open {
			f, err := os.Open(m.file("/n/x/text"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			open[i] = f
		}
		for range 2 {
			for i, f := range open {
				want := strings.Repeat(string(rune('b'+i)), size)
				f.Seek(0, io.SeekStart)
				if b, err := io.ReadAll(f); string(b) != want || err != nil {
					t.Errorf("%d bytes, open %d: %d bytes %.9q, %v", size, i, len(b), b, err)
				}
			}
		}
		if size >= snapshotFirst {
			continue
		}
		// What is remembered is for a second: on a busy machine a program can take that.
		var n srvtest.Traffic
		if !srvtest.Until(func() bool {
			l.Traffic()
			m.sh(t, "/n/x", "cat text >/dev/null")
			n = l.Traffic()
			return n.Trips <= 1 // the open with the read: the name is known still, and the attributes are then
		}) {
			t.Errorf("%d bytes take %v", size, n)
		}
	}
}

// TestSnapshotGone has the kernel, which remembers the name of a file that is made when it
// is opened, not open what is gone, nor what was there before another of its name.
func TestSnapshotGone(t *testing.T) {
	d := srv.NewDir()
	var gone atomic.Bool
	d.Add("text", srv.Text(0o444, func(context.Context) (string, error) {
		if gone.Load() {
			return "", p9.NewError(syscall.ESRCH, "process exited")
		}
		return "one", nil
	}))
	l := srvtest.NewLink(t, srv.New(d), 0)
	m := mountGroup(t, "mount "+l.Addr+" /n/x")
	read := func(want string, is error) {
		t.Helper()
		if b, err := os.ReadFile(m.file("/n/x/text")); string(b) != want || !errors.Is(err, is) {
			t.Errorf("%q, %v; want %q, %v", b, err, want, is)
		}
	}
	read("one", nil)
	gone.Store(true)
	read("", syscall.ESRCH) // as the name says still
	read("", syscall.ESRCH)
	d.Del("text")
	read("", syscall.ENOENT)
	d.Add("text", srv.Text(0o444, func(context.Context) (string, error) { return "two", nil }))
	read("two", nil)
}
