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

// TestKeptGuess: who goes through a tree in turn waits for few of its directories and files,
// and for none that he was told of.
func TestKeptGuess(t *testing.T) {
	ctx := t.Context()
	t.Setenv("NINE_TEST_KEEP", "1ms") // but for a lease
	root := ramfs.New()
	const dirs, each = 60, 5
	for i := range dirs {
		d, _, err := srv.Create(ctx, root, fmt.Sprintf("d%02d", i), os.ModeDir|0o777, p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		for j := range each {
			_, h, err := srv.Create(ctx, d, fmt.Sprintf("f%d", j), 0o666, p9.OWRITE)
			if err == nil {
				_, err = h.(srv.Writer).Write(ctx, fmt.Appendf(nil, "%d %d\n", i, j), 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var all strings.Builder
	for i := range dirs {
		for j := range each {
			fmt.Fprintf(&all, "%d %d\n", i, j)
		}
	}
	for _, c := range []struct {
		do   string
		most int // round trips; without guesses it is two for each directory, and one for each file
		want string
	}{
		{"ls -lR | grep -c f", 60, fmt.Sprintln(dirs * each)},
		{"find . -type f | wc -l", 60, fmt.Sprintln(dirs * each)},
		{"cat d*/f*", 120, all.String()}, // 45, and more where what is asked ahead comes late
	} {
		l := srvtest.NewLink(t, srv.New(root), 5*time.Millisecond)
		m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
		if !srvtest.Until(func() bool { // what is asked before the lease is there is asked again
			l.Traffic()
			m.sh(t, "/n/x", "ls >/dev/null")
			return l.Traffic().Messages == 0
		}) {
			t.Fatal("there is no lease")
		}
		if got := m.sh(t, "/n/x", c.do); got != c.want {
			t.Errorf("%s: %.200q", c.do, got)
		}
		n := l.Traffic()
		t.Logf("%s: %v", c.do, n)
		if n.Trips > c.most {
			t.Errorf("%s: %d round trips, not %d", c.do, n.Trips, c.most)
		}
		if got := m.sh(t, "/n/x", c.do); got != c.want {
			t.Errorf("%s again: %.200q", c.do, got)
		}
		if n := l.Traffic(); n.Trips > 30 { // 3; what was read at a lapse of the lease is read once more
			t.Errorf("%s again: %v", c.do, n)
		}
	}
}

// TestKeptGuessChange: what was read of files before they were opened is not what is read
// when another has changed them meanwhile.
func TestKeptGuessChange(t *testing.T) {
	a, b, _ := twoNodes(t, ramfs.New())
	a.sh(t, "/n/x", "for i in $(seq 100 199); do echo old >f$i; done")
	b.sh(t, "/n/x", "ls -l >/dev/null; cat f100 f101 f102 f103 f104 f105 >/dev/null")
	a.sh(t, "/n/x", "for i in $(seq 100 199); do echo new >f$i; done")
	if got := b.sh(t, "/n/x", "cat f*"); got != strings.Repeat("new\n", 100) {
		t.Errorf("%q", got)
	}
	b.sh(t, "/n/x", "rm f15*; cat f14* >/dev/null; for i in 150 151 152 153; do echo $i >f$i; done")
	if got := a.sh(t, "/n/x", "cat f14* f15*"); got != strings.Repeat("new\n", 10)+"150\n151\n152\n153\n" {
		t.Errorf("%q", got)
	}
}

// TestKeptMost: who looks at more files than are remembered sees them all, again and again.
func TestKeptMost(t *testing.T) {
	ctx := t.Context()
	root := ramfs.New()
	const dirs, each = 30, 100
	t.Setenv("NINE_TEST_KEEP_MOST", "2800")
	for i := range dirs {
		d, _, err := srv.Create(ctx, root, fmt.Sprintf("d%02d", i), os.ModeDir|0o777, p9.OREAD)
		for j := 0; j < each && err == nil; j++ {
			_, _, err = srv.Create(ctx, d, fmt.Sprintf("f%d", j), 0o666, p9.OWRITE)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l := srvtest.NewLink(t, srv.New(root), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	for range 2 {
		if got, want := m.sh(t, "/n/x", "find . -type f | wc -l"), fmt.Sprintln(dirs*each); got != want {
			t.Errorf("%s files, not %s", got, want)
		}
	}
}
