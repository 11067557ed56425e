package top

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/srv/procfs"
)

const (
	sysstat2 = "          0          50          13           0          77           0           3         250          60          20 \n" +
		"          1          50          13           0           0           0           0           0          20           0 \n"
	swapText  = "1024000 memory\n4096 pagesize\n10 kernel\n500/1000 user\n0/0 swap\n"
	statsText = "conns 2\nfids 4\ndescriptors 0\ninflight 1\nheld 34 bytes\nin 247 bytes\nout 600 bytes\nmem 9 bytes\n" +
		"Tread n 10 err 2 mean 47 p50 64 p99 128 max 128 µs\nTwalk n 5 err 5 mean 43 p50 8 p99 128 max 128 µs\n"
)

func TestParse(t *testing.T) {
	if v := sysstat(sysstat2); v < .599 || v > .601 {
		t.Errorf("sysstat: %v", v)
	}
	if used, all := swap(swapText); used != 500<<12 || all != 1000<<12 {
		t.Errorf("swap: %d of %d", used, all)
	}
	if s := stats(statsText); s != (server{2, 4, 1, 15, 2, 247, 600}) {
		t.Errorf("stats: %+v", s)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(.25), "0.2"}, {count(9.96), "10"}, {count(99999), "99999"}, {count(123456), "123k"}, {count(2e6), "2.0M"},
		{size(0), "0"}, {size(1023), "1023"}, {size(1024), "1.0K"}, {size(1023.6 * 1024), "1.0M"}, {size(23 << 30), "23G"},
		{graph([]float64{0, 1, .5, 2}, 6, 1), "  ▁█▅█"}, {graph([]float64{0, 1, 1}, 2, 1), "██"},
		{pad("abcdef", 4), "abc "}, {right("abc", 5), "  abc"}, {right("abcdef", 3), " abcdef"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestPaint has a row that fills the screen keep its last column.
func TestPaint(t *testing.T) {
	got := string(paint([]row{{{"full", plain}}, {{"a", bold}}}, 4, false))
	if want := home + blank + "full\r\n" + blank + "\x1b[1ma\x1b[m"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// twice gives a view of nodes that were looked at twice, a second apart.
func twice() *view {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := &view{by: 'c', every: time.Second}
	for _, name := range []string{"here", "n1", "far"} {
		v.nodes = append(v.nodes, &node{name: name, msgs: map[string][]float64{}})
	}
	for i := range uint64(2) {
		for _, n := range v.nodes[:2] {
			n.take(sample{at: at.Add(time.Duration(i) * time.Second), hasDev: true, cpu: .5, mem: 1 << 30, all: 4 << 30, procs: 2,
				servers: map[string]server{"proc": {conns: 1, fids: 3, msgs: 1000 * i, errs: 2 * i, in: 4096 * i, out: 1 << (20 * i)}, "new": {msgs: 7}},
				list: map[int]process{1: {procfs.Status{Name: "init", User: "root", State: "Wakeme", Utime: 10 * time.Millisecond, Size: 1 << 20}, "init"},
					20: {procfs.Status{Name: "sh", User: "glenda", State: "Ready", Stime: time.Duration(100+250*i) * time.Millisecond, Size: 2 << 20}, "sh -c work"}}})
		}
	}
	v.nodes[2].asked = at.Add(-4 * time.Second)
	return v
}

func TestView(t *testing.T) {
	v := twice()
	now := v.nodes[0].now.at
	check := func(rows []row, want string) {
		t.Helper()
		var got strings.Builder
		for _, r := range rows {
			got.WriteString(r.String() + "\n")
		}
		if want = strings.TrimPrefix(want, "\n"); got.String() != want {
			t.Errorf("%s\nwant\n%s", got.String(), want)
		}
	}
	check(v.rows(80, 16, now), `
 ninespace  3 nodes, every 1s                                          03:04:06

 node                    cpu  mem           procs    9p/s  err/s    in/s   out/s
▌ here                ▅  50%  1.0G of 4.0G      2    1000    2.0    4.0K    1.0M
  n1                  ▅  50%  1.0G of 4.0G      2    1000    2.0    4.0K    1.0M
  far      …  no answer for 5s

 servers                    conns     fids   busy    9p/s  err/s    in/s   out/s
  new                 ▁         0        0      0       0      0       0       0
  proc                █         1        3      0    1000    2.0    4.0K    1.0M

 processes      pid  user        state         cpu     mem  program
                 20  glenda      Ready         25%    2.0M  sh -c work
                  1  root        Wakeme         0%    1.0M  init

 ↑↓ node  cmpn order  space stop  q end
`)
	check(v.rows(40, 16, now), `
 ninespace  3 nodes, every 1s  03:04:06

 node        cpu  mem           procs
▌ here       50%  1.0G of 4.0G      2
  n1         50%  1.0G of 4.0G      2
  far      …  no answer for 5s

 servers        conns     fids   busy
  new               0        0      0
  proc              1        3      0

 procs     pid    cpu     mem  program
            20    25%    2.0M  sh -c work
             1     0%    1.0M  init

 ↑↓ node  cmpn order  space stop  q end
`)
	for _, r := range v.rows(80, 24, now) {
		if r.width() > 80 {
			t.Errorf("%d columns: %s", r.width(), r)
		}
	}
	many := twice()
	for i := range 60 {
		many.nodes = append(many.nodes, &node{name: fmt.Sprint("m", i)})
	}
	for many.chosen = range many.nodes { // what is chosen is seen, and what it does
		rows := many.rows(80, 24, now)
		seen := slices.ContainsFunc(rows, func(r row) bool { return strings.HasPrefix(r.String(), "▌") })
		if busy := slices.ContainsFunc(rows, func(r row) bool { return strings.Contains(r.String(), "sh -c work") }); !seen || many.chosen < 2 && !busy {
			t.Errorf("node %d of %d: %v", many.chosen, len(many.nodes), rows)
		}
	}
	for _, k := range []string{"j", "\x1b[B", "p", " "} {
		v.key(k)
	}
	if v.chosen != 2 || v.by != 'p' || !v.paused {
		t.Errorf("keys: %+v", v)
	}
	for width := 0; width < 100; width += 7 { // nothing is too small
		for height := range 12 {
			for i := range v.nodes {
				v.chosen = i
				rows := v.rows(width, height, now)
				if len(rows) > height {
					t.Fatalf("%d rows on %d", len(rows), height)
				}
				for _, r := range rows {
					r.styled(width, true)
				}
			}
		}
	}
}
