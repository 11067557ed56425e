package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/srvtest"
	"ninespace/test/bench/rounds"
)

// The servers are processes of this program, which in a test is the test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// place is a directory whose name leaves room for a socket's, 107 bytes.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "9p.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestRows runs rows of several kinds against all servers. How fast they are is
// no concern here.
func TestRows(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	*oldBuild = exe
	defer func() { *oldBuild = "" }()
	var table, objects bytes.Buffer
	human, machine := reporter(&table, false), reporter(&objects, true)
	match := regexp.MustCompile("^(read 4 KiB, depth 16|create.*depth 16|walk.*, depth 1, one CPU|read 4 KiB, 100 connections|blocking.*, one CPU|allocations, stat cycle)$")
	rows, home := 0, place(t)
	b := &bench{home: home, quick: true, rounds: 2, few: 2, span: time.Millisecond, last: 5 * time.Minute}
	err = b.run(context.Background(), match, func(r *row, results map[string]*result) {
		rows++
		human(r, results)
		machine(r, results)
		for name, res := range results {
			if name == "diod" && res.err != nil {
				if _, err := os.Stat(diod); err != nil {
					t.Logf("%s: %v", r.name(), res.err)
					continue
				}
			}
			switch {
			case res.err != nil:
				t.Errorf("%s: %s: %v", r.name(), name, res.err)
			case len(res.values) == 0:
				t.Errorf("%s: %s: no figures", r.name(), name)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	if rows != 6 || strings.Count(table.String(), "\n") < 5 {
		t.Errorf("%d rows:\n%s", rows, &table)
	}
	if left, err := os.ReadDir(home); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for dec := json.NewDecoder(&objects); dec.More(); {
		var o object
		if err := dec.Decode(&o); err != nil {
			t.Fatal(err)
		}
		if o.Work == "" || o.Config == "" || o.Peer == "" {
			t.Errorf("object %+v", o)
		}
	}
}

// TestMissing has a peer that does not run be a row that says so.
func TestMissing(t *testing.T) {
	r := &row{work: "read 4 KiB", config: "depth 32" + oneCPU, peers: all}
	results := map[string]*result{"ours": {figures: figures{values: []float64{3, 1, 2}}}, "null": {figures: figures{values: []float64{4, 2, 4}}}, "diod": {err: os.ErrNotExist}}
	var table bytes.Buffer
	reporter(&table, false)(r, results)
	for _, want := range []string{"2.00", "0.50", "null 0.55 BELOW", "diod 4 n/a", "(diod: file does not exist)"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in the table:\n%s", want, &table)
		}
	}
	i := slices.IndexFunc(objects(r, results), func(o object) bool { return o.Peer == "diod" })
	if o := objects(r, results)[i]; o.Ratio != nil || *o.Goal != 4 || o.Note != "file does not exist" {
		t.Errorf("object %+v", o)
	}
}

// TestPairs has a ratio be of what was measured next to each other.
func TestPairs(t *testing.T) {
	r := &row{floor: "sys"}
	ours := &result{figures: figures{values: rounds.Values{1, 2, 3, 4, 5, 6}}}
	null, sys := &result{figures: figures{values: rounds.Values{10, 400, 20}}}, &result{figures: figures{values: rounds.Values{6, 9, 5}}}
	null.beside.values, sys.beside.values = rounds.Values{5, 100, 10}, rounds.Values{6, 3, 5}
	results := map[string]*result{"ours": ours, "null": null, "sys": sys}
	if x, ok := ratio(r, ours, null); x != .5 || !ok {
		t.Errorf("ratio %v, %v", x, ok)
	}
	if x, ok := floor(r, results); x != .5 || !ok { // 1/2, 3/4, 1/2
		t.Errorf("sys to null %v, %v", x, ok)
	}
	for g, want := range map[goal]string{{"null", .5}: "ok", {"null", .6}: "FLOOR", {"sys", 2}: "BELOW", {"diod", 2}: "n/a"} {
		if word := verdict(r, results, g); word != want {
			t.Errorf("%v: %q, want %q", g, word, want)
		}
	}
	null.beside.values = rounds.Values{3, 60, 4} // of 10, 400, 20; sys to null is .3, .45, .2
	if word := verdict(r, results, goal{"null", .25}); word != "BELOW" {
		t.Errorf("not the floor's, but %q", word)
	}
}

// TestQuick has rows without a goal have few rounds with -q, so that those with one have the time.
func TestQuick(t *testing.T) {
	b := &bench{ctx: t.Context(), quick: true, few: 2, row: time.Hour, servers: map[string]*server{"ours": {}, "null": {}}}
	for config, want := range map[string]int{"depth 16": 2, "depth 32" + oneCPU: 9} {
		r := &row{work: "read 4 KiB", config: config, peers: []string{"ours", "null"}}
		results := map[string]*result{"ours": {}, "null": {}}
		b.paired(r, results, 9, func(string) (sample, error) { return sample{value: 1}, nil })
		if n := len(results["null"].values); n != want {
			t.Errorf("%s: %d rounds, want %d", r.name(), n, want)
		}
	}
}

// TestGoals wants each goal to be of a row, and of a peer that the row has.
func TestGoals(t *testing.T) {
	found := map[string]bool{}
	for _, r := range rows() {
		if found[r.name()] {
			t.Errorf("%s: twice", r.name())
		}
		found[r.name()] = true
		for _, g := range goals[r.name()] {
			if g.peer != limit && !slices.Contains(r.peers, g.peer) && !slices.Contains(r.peers, g.peer+"-memory") {
				t.Errorf("%s: %s is no peer of the row", r.name(), g.peer)
			}
		}
	}
	for name := range goals {
		if !found[name] {
			t.Errorf("%s: no row", name)
		}
	}
	limits := &row{work: "allocations", config: "read 4 KiB"}
	for v, want := range map[float64]bool{0: true, .004: true, .006: false, 1: false} {
		if _, ok, known := reached(limits, map[string]*result{"ours": {figures: figures{values: []float64{v}}}}, goal{limit, 0}); ok != want || !known {
			t.Errorf("%v of at most 0: %v, %v", v, ok, known)
		}
	}
}

// TestList lists a directory in both dialects, and sees what it should not hold.
func TestList(t *testing.T) {
	dir := place(t)
	const size = 5000 // several messages long
	if err := crowd(t.Context(), filepath.Join(dir, many), size); err != nil {
		t.Fatal(err)
	}
	root, err := diskfs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.(io.Closer).Close()
	s := &server{name: "ours", socket: filepath.Join(dir, "s")}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.New(root).Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	for _, s.dotl = range []bool{true, false} {
		c, err := dial(s, make([]byte, readAhead))
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if n, err := c.list(many, size); n != size || err != nil {
			t.Errorf(".L %v: %d names, %v", s.dotl, n, err)
		}
		if _, err := c.list(many, size/2); err == nil {
			t.Errorf(".L %v: names that should not be there were let pass", s.dotl)
		}
	}
}

// TestNothingAllocated has the client and the null server, in one process, use no
// memory for an operation.
func TestNothingAllocated(t *testing.T) {
	s := &server{name: "null", dotl: true, socket: filepath.Join(place(t), "s")}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- serveNull(l, "") }()
	defer func() { l.Close(); <-done }()
	for name, prepare := range map[string]cycler{
		"read 4 KiB":   transfer(4<<10, false),
		"read 128 KiB": transfer(128<<10, false),
		"write 60 KiB": transfer(60<<10, true),
		"stat cycle":   statCycle("", "file"),
		"create cycle": createCycle("made"),
	} {
		c, err := dial(s, make([]byte, readAhead))
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		cycle, _, _, err := prepare(c, 16)
		if err != nil {
			t.Fatal(err)
		}
		const ops = 1000
		allocs := testing.AllocsPerRun(1, func() { // its first run is warming
			if n, _, err := c.drive(cycle, 16, ops, 0); n != ops || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		})
		if allocs/ops > .01 {
			t.Errorf("%s: %v allocations in %d operations", name, allocs, ops)
		}
	}
}

// TestPinned has client and server on one CPU for the time of a measure, threads that
// begin meanwhile too, and on all of them before and after it.
func TestPinned(t *testing.T) {
	count := func(tid int) int {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err != nil {
			t.Fatal(err)
		}
		return set.Count()
	}
	all := count(0)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	b := &bench{servers: map[string]*server{"ours": {name: "ours", cmd: cmd}, "diod": {name: "diod", missing: os.ErrNotExist}}}
	r := &row{peers: []string{"ours", "diod"}}
	during := map[string]*result{"ours": {}}
	got := pinned(func(*bench, *row) map[string]*result {
		thread := make(chan int)
		go func() {
			runtime.LockOSThread() // and ends it
			thread <- unix.Gettid()
			<-thread
		}()
		tid := <-thread
		for who, n := range map[string]int{"client": count(unix.Gettid()), "a new thread": count(tid), "server": count(cmd.Process.Pid)} {
			if n != 1 {
				t.Errorf("%s: %d CPUs", who, n)
			}
		}
		close(thread)
		return during
	})(b, r)
	if got["ours"] != during["ours"] {
		t.Errorf("results %v", got)
	}
	if n, k := count(0), count(cmd.Process.Pid); n != all || k != all {
		t.Errorf("%d and %d CPUs afterwards, of %d", n, k, all)
	}
	if cmd.Process.Kill(); cmd.Wait() == nil {
		t.Error("sleep ended by itself")
	}
	if got := pinned(func(*bench, *row) map[string]*result { return during })(b, r); got["ours"].err == nil {
		t.Error("a server that is gone was let pass")
	}
}

// TestProcs has a server that is another build use as many threads as there are processors
// when it is started, however few it is pinned to later.
func TestProcs(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	*oldBuild = exe
	defer func() { *oldBuild = "" }()
	for _, s := range servers() {
		if s.name != "old" && s.name != "null" {
			continue
		}
		dir := place(t)
		if err := s.start(t.Context(), dir, dir); err != nil {
			t.Fatal(err)
		}
		defer s.stop()
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.cmd.Process.Pid))
		if want := "\x00" + procs() + "\x00"; err != nil || !strings.Contains("\x00"+string(env), want) {
			t.Errorf("%s: no %q: %v", s.name, want, err)
		}
	}
}

// TestOwn has a row whose speed is by the server's own time have no other, and the clock's beside it.
func TestOwn(t *testing.T) {
	b := &bench{ctx: t.Context(), few: 2, servers: map[string]*server{"ours": {}, base: {}}}
	r := &row{own: true, work: "walk+getattr+clunk", config: "1e6 fids", peers: []string{"ours", base}}
	results := map[string]*result{"ours": {}, base: {}}
	b.paired(r, results, 2, func(name string) (sample, error) {
		if name == base {
			return sample{value: 1000, cpu: 40}, nil
		}
		return sample{value: 10, cpu: 20}, nil
	})
	if x, ok := ratio(r, results["ours"], results[base]); x != .5 || !ok {
		t.Errorf("ratio %v, %v", x, ok)
	}
	if o := objects(r, results)[0]; *o.Ratio != .5 || *o.Clock != .01 {
		t.Errorf("object of %v, and %v by the clock", *o.Ratio, *o.Clock)
	}
	if word := verdict(r, results, flat[0]); word != "BELOW (0.50, by the clock 0.01)" {
		t.Errorf("%q", word)
	}
	b.paired(r, results, 1, func(string) (sample, error) { return sample{value: 1}, nil })
	if results["ours"].err != errNoTime {
		t.Errorf("a time that is not known: %v", results["ours"].err)
	}
}
