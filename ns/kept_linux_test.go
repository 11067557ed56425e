package ns

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// twoNodes mounts one server, with leases, in two name spaces.
func twoNodes(t *testing.T, root srv.File) (a, b *mounted, l *srvtest.Link) {
	t.Helper()
	l = srvtest.NewLink(t, srv.New(root), 2*time.Millisecond)
	lines := "mount -c -C " + l.Addr + " /n/x"
	return mountGroup(t, lines), mountGroup(t, lines), l
}

// TestTwoNodes has two nodes change one tree in turn. Each sees at once what the other
// did, and asks nobody about what did not change.
func TestTwoNodes(t *testing.T) {
	t.Run("ramfs", func(t *testing.T) { testTwoNodes(t, ramfs.New(), 1) })
	t.Run("diskfs", func(t *testing.T) {
		testTwoNodes(t, onDisk(t, t.TempDir()), 1000) // where the kernel does not tell who changes a file, that comes late
	})
}

func testTwoNodes(t *testing.T, root srv.File, most int) {
	a, b, l := twoNodes(t, root)
	nodes := []*mounted{a, b}
	a.sh(t, "/n/x", "echo 0 >f; mkdir d; echo x >d/x")
	for i, step := range []struct{ do, look, want string }{
		{"echo 1 >f", "cat f", "1\n"},
		{"echo 22 >>f", "cat f", "1\n22\n"},
		{"printf 3 | dd of=f conv=notrunc 2>/dev/null", "cat f", "3\n22\n"},
		{"chmod 600 f", "stat -c %a f", "600\n"},
		{"echo y >d/y", "ls d; cat d/y", "x\ny\ny\n"},
		{"test ! -e new", "ls", "d\nf\n"},
		{"echo new >new", "cat new", "new\n"},
		{"mv new newer", "ls; cat newer", "d\nf\nnewer\nnew\n"},
		{"test ! -e new", "test ! -e new && cat newer", "new\n"},
		{"echo new >new", "cat new", "new\n"},
		{"mv new newer", "test ! -e new && cat newer", "new\n"},
		{"ln -s f l", "cat l", "3\n22\n"},
		{"ln f hard", "stat -c %h f hard", "2\n2\n"},
		{"echo 4 >hard", "cat f", "4\n"},
		{"ln -sf newer l", "cat l", "new\n"},
		{"rm newer", "ls", "d\nf\nhard\nl\n"},
		{"mkdir newer; rmdir newer; mkdir newer", "ls newer", ""},
		{"mv d newer", "cat newer/d/y", "y\n"},
		{"rm -r newer", "ls", "f\nhard\nl\n"},
		{"truncate -s 1 f", "cat f hard", "44"},
		{"touch -d @7 f", "stat -c %Y hard", "7\n"},
	} {
		writer, reader := nodes[i%2], nodes[1-i%2]
		reader.sh(t, "/n/x", step.look+" >/dev/null 2>&1; true") // to have something to forget
		writer.sh(t, "/n/x", step.do)
		for n, m := range []*mounted{reader, writer, reader, writer} {
			if got := m.sh(t, "/n/x", step.look); got != step.want {
				t.Errorf("%s: %s: %q, not %q (look %d)", step.do, step.look, got, step.want, n)
			}
		}
		l.Traffic()
		if got := reader.sh(t, "/n/x", step.look); got != step.want {
			t.Errorf("%s: %s: %q, not %q", step.do, step.look, got, step.want)
		}
		if n := l.Traffic(); n.Trips > most {
			t.Errorf("%s: what was known took %v", step.look, n)
		}
	}
}

// TestTwoNodesOpen has a node see what the other writes to a file that it has open.
func TestTwoNodesOpen(t *testing.T) {
	a, b, _ := twoNodes(t, ramfs.New())
	a.sh(t, "/n/x", ": >f")
	reader := b.command("/n/x", `exec 5<f; while read go; do read line <&5; echo "$line"; done`)
	in, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for i := range 20 {
		want := fmt.Sprintf("%02d\n", i)
		a.sh(t, "/n/x", "printf '"+want+"' >>f")
		io.WriteString(in, "go\n")
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Errorf("%q, %v, not %q", got, err, want)
		}
	}
	in.Close()
	if err := reader.Wait(); err != nil {
		t.Error(err)
	}
}

// TestKeptChange has every way of changing a tree on one node, without leases, be seen
// there at once.
func TestKeptChange(t *testing.T) {
	s := srv.New(ramfs.New())
	s.Leases = nil
	l := srvtest.NewLink(t, s, time.Millisecond)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	got := m.sh(t, "/n/x", `
		set -e
		mkdir d; ls d; echo a >d/a; ls d; cat d/a; echo bb >>d/a; cat d/a; stat -c %s d/a
		mv d/a d/b; ls d; ! cat d/a 2>/dev/null; ln d/b d/c; ls d; stat -c %h d/b d/c
		: >d/b; cat d/c; stat -c %s d/c; ln -s b d/l; readlink d/l; rm d/l; ln -s c d/l; readlink d/l
		rm -r d; ls; mkdir d; ls d; echo z >d/a; cat d/a
		exec 5>d/open; echo 1 >&5; rm d/open; echo 2 >&5; cat /proc/self/fd/5 2>/dev/null || true
		mkdir d/e d/e/f; mv d/e g; ls g; echo q >g/f/q; mv g d/e; cat d/e/f/q`)
	want := strings.Join(strings.Fields("a a a bb 5 b b c 2 2 0 b c z 1 2 f q"), "\n") + "\n"
	if got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestKeptFor has another client change a tree that no leases are given of: an open sees
// it at once, anything else when what is known is too old.
func TestKeptFor(t *testing.T) {
	s := srv.New(ramfs.New())
	s.Leases = nil
	l := srvtest.NewLink(t, s, 0)
	lines := "mount -c -C " + l.Addr + " /n/x"
	a, b := mountGroup(t, lines), mountGroup(t, lines)
	a.sh(t, "/n/x", "echo 0 >f; ls -l; cat f")
	b.sh(t, "/n/x", "ls -l; cat f; ! cat g 2>/dev/null")
	for i := range 10 {
		a.sh(t, "/n/x", fmt.Sprintf("echo %d >f", i))
		if got, want := b.sh(t, "/n/x", "cat f"), fmt.Sprintln(i); got != want {
			t.Errorf("an open finds %q, not %q", got, want)
		}
	}
	a.sh(t, "/n/x", "echo 1234567 >f; echo >g")
	if !srvtest.Until(func() bool { return b.sh(t, "/n/x", "stat -c %s f; ls") == "8\nf\ng\n" }) {
		t.Error("a change is not seen after a while")
	}
}

// TestKeptStream has a long file written and read by a link that is slow: many requests
// are under way at once.
func TestKeptStream(t *testing.T) {
	l := srvtest.NewLink(t, srv.New(ramfs.New()), 5*time.Millisecond)
	lines := "mount -c -C " + l.Addr + " /n/x"
	a, b := mountGroup(t, lines), mountGroup(t, lines)
	const script = "seq 1 3000000 | head -c 16777216"
	l.Traffic()
	a.sh(t, "/n/x", script+" | dd of=f bs=128k iflag=fullblock 2>/dev/null")
	n := l.Traffic()
	t.Logf("16 MiB written: %v", n)
	if n.Trips > 60 { // one after the other it is 128
		t.Errorf("written in %d round trips", n.Trips)
	}
	b.sh(t, "/n/x", script+" | cmp - f")
	n = l.Traffic()
	t.Logf("read: %v", n)
	if n.Trips > 40 {
		t.Errorf("read in %d round trips", n.Trips)
	}
}

// TestKeptFull has the error of a write that was answered too soon be told at the
// latest when the file is closed, or synced.
func TestKeptFull(t *testing.T) {
	l := srvtest.NewLink(t, srv.New(ramfs.New(ramfs.Limit(1<<20))), time.Millisecond)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	for _, c := range []string{
		"dd if=/dev/zero of=f bs=64k count=64",
		"dd if=/dev/zero of=f bs=1920k count=1", // one write: only the close can tell
		"dd if=/dev/zero of=f bs=1920k count=1 conv=fsync",
	} {
		if got := m.sh(t, "/n/x", "rm -f f; if "+c+" 2>&1; then echo went well; fi"); !strings.Contains(got, "No space left") || strings.Contains(got, "went well") {
			t.Errorf("%s: %s", c, got)
		}
	}
}

// TestKeptBehind has attributes that come behind a change be of after it, though the
// server may do the two in any order and what was known before is old.
func TestKeptBehind(t *testing.T) {
	l := srvtest.NewLink(t, srv.New(onDisk(t, t.TempDir())), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	m.sh(t, "/n/x", `for i in $(seq 100 140); do
		printf text | dd of=f bs=1 seek=1$i conv=notrunc 2>/dev/null
		truncate -s $i f; test $(stat -c %s f) = $i || { stat f; exit 1; }
		printf text | dd of=f bs=1 seek=2000 conv=notrunc 2>/dev/null
		chmod 6$((i%8))0 f; test $(stat -c %s.%a f) = 2004.6$((i%8))0 || { stat f; exit 1; }
	done`)
}

// TestKeptMany goes through a directory of which only the names are asked for at first, as
// it is large: again and again the same comes out, and what is known is not asked for anew
// with each name.
func TestKeptMany(t *testing.T) {
	t.Setenv("NINE_TEST_KEEP", "1h")
	const n = 1000
	root := ramfs.New()
	for i := range n {
		if _, _, err := srv.Create(t.Context(), root, fmt.Sprintf("d%d", i), os.ModeDir|0o777, p9.OREAD); err != nil {
			t.Fatal(err)
		}
	}
	s := srv.New(root)
	s.Leases = nil // while one has lapsed, as on a slow machine, what came before it did is asked for anew
	l := srvtest.NewLink(t, s, time.Millisecond)
	m := mountGroup(t, "mount -C "+l.Addr+" /n/x")
	for i := range 3 {
		l.Traffic()
		got := m.sh(t, "/n/x", "stat -c %F * | uniq -c; find . -mindepth 1 -maxdepth 1 -type d | wc -l")
		if want := fmt.Sprintf("%7d directory\n%d\n", n, n); got != want {
			t.Errorf("time %d: %q, not %q", i, got, want)
		}
		traffic := l.Traffic()
		t.Log(traffic)
		if most := []int{4, 0, 0}[i]; traffic.Of[p9.Tlopen] > most {
			t.Errorf("time %d: the directory was read %d times, not %d", i, traffic.Of[p9.Tlopen], most)
		}
	}
}

// TestKeptFill has a directory filled, as by tar: what a file takes does not grow with the
// files that are there.
func TestKeptFill(t *testing.T) {
	t.Setenv("NINE_TEST_KEEP", "1h")
	l := srvtest.NewLink(t, srv.New(onDisk(t, t.TempDir())), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	const n = 100
	fill := func() int {
		l.Traffic()
		m.sh(t, "/n/x", fmt.Sprintf("for i in $(seq %d); do echo text >$$.$i; chmod 600 $$.$i; touch $$.$i; done; ls -l >/dev/null", n))
		traffic := l.Traffic()
		t.Log(traffic)
		return traffic.Messages
	}
	first := fill()
	fill()
	fill()
	// The last time one list of the directory has the attributes of 4 times as many.
	if last, list := fill(), 8*4*n; last > first*3/2+list {
		t.Errorf("%d messages with %d files there, %d with none", last, 3*n, first)
	}
}

// TestKeptKind has another change something of which nothing is known, while a name is made here:
// what was asked for before may be old then, but of what kind the name is stays so.
func TestKeptKind(t *testing.T) {
	c := &cache{files: map[uint64]*kept{}, tell: func([]uint64, bool) {}}
	dir := c.file(1)
	dir.st.Qid.Vers = 1
	for i, kind := range []fs.FileMode{fs.ModeDir, fs.ModeSymlink, 0} {
		asked := c.begin()
		c.recalled(client.Changes{Paths: []uint64{99}})
		path := uint64(i) + 2
		st := p9.Stat{Qid: p9.Qid{Path: path, Vers: 1}, Mode: kind | 0o700}
		if n := dir.entered("n", &st, asked); n.st.Mode != st.Mode || c.good(n.at) {
			t.Errorf("%v: it is %v, believed %v", kind, n.st.Mode, c.good(n.at))
		}
		if e := dir.names["n"].ent; e.Mode != kind || e.Qid.Path != path {
			t.Errorf("%v is listed as %v", kind, e)
		}
		dir.cut("n", c.begin())
	}
}
