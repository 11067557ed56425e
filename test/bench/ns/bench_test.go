package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// The workers and the commands of nine are processes of this program, which in a
// test is the test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// needs skips what cannot be done here.
func needs(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("root is needed to mount")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	f.Close()
}

// left tells what mounts there are below a directory.
func left(t *testing.T, dir string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, dir) {
			lines = append(lines, line)
		}
	}
	return lines
}

// small is a bench whose figures are of no concern.
func small(t *testing.T) *bench {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0")       // a program with the race detector waits a second at its end
	home, err := os.MkdirTemp("/tmp", "nsbench.") // a disk; with room for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	return &bench{home: home, quick: true, rounds: 2, span: time.Millisecond, files: 200, last: 5 * time.Minute}
}

// clean checks that nothing is left of it.
func clean(t *testing.T, b *bench) {
	t.Helper()
	if ents, err := os.ReadDir(b.home); len(ents) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", ents, err)
	}
	if m := left(t, b.home); len(m) > 0 {
		t.Errorf("left mounted: %q", m)
	}
	if pids := below(os.Getpid(), os.Getpid()); len(pids) > 0 {
		t.Errorf("left running: %v", pids)
	}
}

// TestRows runs rows of every kind but those with much of something.
func TestRows(t *testing.T) {
	needs(t)
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	b := small(t)
	for _, b.cpu = range []bool{false, true} {
		match := regexp.MustCompile(`^(stat, cached|read, |write|find|rfork, name|bind, (bind|through))`)
		if b.cpu {
			match = regexp.MustCompile(`^(stat, cached|rfork, name|exec)`)
		}
		var table, machine bytes.Buffer
		human, js := reporter(&table, false), reporter(&machine, true)
		rows := 0
		err := b.run(context.Background(), match, func(r *row, results map[string]*result) {
			rows++
			human(r, results)
			js(r, results)
			for name, res := range results {
				switch {
				case res.err != nil && (name == "mergerfs" || name == "overlay" || r.do == "git"):
					t.Logf("%s: %s: %v", r.name(), name, res.err) // not there, or not on this disk
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
		if n := strings.Count(table.String(), "\n"); rows < 3 || n < rows+1 {
			t.Errorf("%d rows:\n%s", rows, &table)
		}
		for dec := json.NewDecoder(&machine); dec.More(); {
			var o object
			if err := dec.Decode(&o); err != nil {
				t.Fatal(err)
			}
			if o.Work == "" || o.Config == "" || o.Peer == "" || o.Time == 0 && o.Note == "" {
				t.Errorf("object %+v", o)
			}
		}
		clean(t, b)
	}
}

// TestCrowd has many binds and many name spaces, if not so many.
func TestCrowd(t *testing.T) {
	needs(t)
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	b := small(t)
	b.few = 5
	err := b.run(context.Background(), regexp.MustCompile("^bind.*(binds|others)"), func(r *row, results map[string]*result) {
		for name, res := range results {
			if res.err != nil || len(res.values) == 0 {
				t.Errorf("%s: %s: %v, %v", r.name(), name, res.values, res.err)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	clean(t, b)
}

// TestInterrupt ends it in the middle of a row, as ^C does.
func TestInterrupt(t *testing.T) {
	needs(t)
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	b := small(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	err := b.run(ctx, regexp.MustCompile("^(stat, cached|open.*4 KiB|write)"), func(r *row, results map[string]*result) {
		if n++; n == 1 {
			time.AfterFunc(time.Millisecond, cancel)
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%d rows, %v", n, err)
	}
	clean(t, b)
}

// TestFailed has a worker that dies be a note, once and for all.
func TestFailed(t *testing.T) {
	needs(t)
	b := small(t)
	var notes []string
	err := b.run(context.Background(), regexp.MustCompile("^(stat, cached|open.*4 KiB)"), func(r *row, results map[string]*result) {
		for name, res := range results {
			if res.err != nil {
				notes = append(notes, name+": "+res.err.Error())
			}
		}
		if len(notes) == 0 {
			b.places["graft"].cmd.Process.Kill()
		}
	})
	if err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.HasPrefix(s, "graft: ") }) {
		t.Errorf("notes: %q", notes)
	}
	clean(t, b)
}

// TestTable has places that do not run be said to.
func TestTable(t *testing.T) {
	r := &row{work: "stat", config: "cached name", places: all, workload: true}
	results := map[string]*result{}
	for _, p := range all {
		results[p] = &result{values: []float64{2e-6, 1e-6, 3e-6}}
	}
	results["engine"].values = []float64{3e-6, 2e-6, 3e-6}
	results["mergerfs"] = &result{err: os.ErrNotExist}
	var table bytes.Buffer
	reporter(&table, false)(r, results)
	for _, want := range []string{"2.0µs", "100%", "1.50", "graft 1.1 ok", "engine 1.3 BELOW", "(mergerfs: file does not exist)"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in the table:\n%s", want, &table)
		}
	}
	list := objects(r, results)
	i := slices.IndexFunc(list, func(o object) bool { return o.Peer == "engine" })
	if o := list[i]; math.Abs(*o.Ratio-1/1.5) > 1e-9 || math.Abs(*o.Goal-1/1.3) > 1e-9 {
		t.Errorf("object %+v", o)
	}
	r = &row{work: "rfork", config: "name space", places: change}
	results = map[string]*result{"native": {values: []float64{1e-4}}, "graft": {values: []float64{2e-3}}, "engine": {values: []float64{2e-3}}}
	table.Reset()
	reporter(&table, false)(r, results)
	for _, want := range []string{"100.0µs", "=2.0ms", "graft 1ms BELOW"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in the table:\n%s", want, &table)
		}
	}
	for _, o := range objects(r, results) {
		if o.Peer == "graft limit" && (*o.Ratio != .5 || *o.Goal != 1 || o.Floor != 0) {
			t.Errorf("object %+v", o)
		}
	}
	r = &row{work: "bind", config: "through ctl", places: append(slices.Clone(change), floorHow)}
	for _, c := range []struct {
		floor float64
		want  string
	}{{80e-6, "graft 50µs BELOW, as is the floor, 80.0µs"}, {40e-6, "graft 50µs BELOW\n"}} {
		results = map[string]*result{"native": {values: []float64{1e-5}}, "graft": {values: []float64{1e-4}}, "engine": {values: []float64{1e-5}}, floorHow: {values: []float64{c.floor}}}
		table.Reset()
		reporter(&table, false)(r, results)
		if !strings.Contains(table.String(), c.want) {
			t.Errorf("%q is not in the table:\n%s", c.want, &table)
		}
		for _, o := range objects(r, results) {
			if o.Peer == "graft limit" && (*o.Ratio != .5 || math.Abs(o.Floor-50e-6/c.floor) > 1e-9) {
				t.Errorf("object %+v", o)
			}
		}
	}
}

// TestGoals wants each goal to be of a row, and of a place that the row has.
func TestGoals(t *testing.T) {
	found := map[string]bool{}
	for _, r := range rows(20000) {
		if found[r.name()] {
			t.Errorf("%s: twice", r.name())
		}
		found[r.name()] = true
		if works[r.do] == nil {
			t.Errorf("%s: no work %q", r.name(), r.do)
		}
		for _, g := range goalsOf(&r) {
			if r.place(g.place) == "" {
				t.Errorf("%s: %s is no place of the row", r.name(), g.place)
			}
			if g.floor != "" && !slices.Contains(r.places, g.floor) {
				t.Errorf("%s: %s is no place of the row", r.name(), g.floor)
			}
		}
		for _, p := range r.places {
			if !slices.ContainsFunc(places(0), func(q *place) bool { return q.name == p }) {
				t.Errorf("%s: no place %q", r.name(), p)
			}
		}
	}
	for name := range goals {
		if !found[name] {
			t.Errorf("%s: no row", name)
		}
	}
	if f := filepath.Base(os.Args[0]); nine[f] != nil {
		t.Errorf("%s would be a command", f)
	}
}
