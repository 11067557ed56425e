package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/ns/cmd/newns"
	"ninespace/srv/srvtest"
)

// TestPosix has the operations of test/posix done on a disk, and on the same disk
// in name spaces: grafted there, served by the engine (newns -N), and mounted from
// diskfs. Every line must come out as on the disk itself, but for those in
// testdata/differs, which must differ; the manual of newns says why they do.
func TestPosix(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is needed: what each of several users may do is tested")
	}
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	nine, dir := binary(t), tempDir(t)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Type != unix.EXT4_SUPER_MAGIC {
		t.Skipf("%s is not on ext4, whose answers are the standard here (%v)", dir, err)
	}
	os.Chmod(dir, 0o755)
	posix := filepath.Join(dir, "posix")
	if out, err := exec.Command("go", "build", "-o", posix, "ninespace/test/posix").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	disk := func(name string) string {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		return d
	}
	env := append(os.Environ(), "NAMESPACE="+dir, "NINE_USERNS=", "GORACE=atexit_sleep_ms=0")
	served := disk("served")
	server := exec.Command(nine, "diskfs", "-s", "disk", served)
	server.Env, server.Stderr = env, os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	}()
	waitSocket(t, filepath.Join(dir, "disk"))
	lines := filepath.Join(dir, "nsfile")
	if err := os.WriteFile(lines, []byte("mount -c #s/disk /n/d\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	differs := readDiffers(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[string][]string{}
	for _, place := range []struct{ name, args string }{
		{"", posix + " " + disk("native")},
		{"graft", nine + " newns -n " + lines + " " + posix + " " + disk("grafted")},
		{"N", nine + " newns -N -n " + lines + " " + posix + " " + disk("engine")},
		{"9", nine + " newns -n " + lines + " " + posix + " /n/d"},
	} {
		wg.Go(func() {
			args := strings.Fields(place.args)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = env
			b, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", place.args, err, tail(b))
			}
			mu.Lock()
			defer mu.Unlock()
			out[place.name] = strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		})
	}
	wg.Wait()
	for name, got := range out {
		if name != "" {
			compare(t, name, out[""], got, differs)
		}
	}
	for _, d := range differs {
		for in, n := range d.seen {
			if n == 0 {
				t.Errorf("%s: %s: does not differ from a disk: take it out of testdata/differs", in, d.line)
			}
		}
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-1000):] }

// compare wants of each line that got has it as want does, if it is not in differs.
func compare(t *testing.T, in string, want, got []string, differs []*differ) {
	if len(want) != len(got) {
		t.Errorf("%s: %d lines, not %d: %s", in, len(got), len(want), got[len(got)-1])
		return
	}
	for i, w := range want {
		if w == got[i] {
			continue
		}
		op := w[:strings.LastIndex(w, ": ")]
		known := false
		for _, d := range differs {
			if _, here := d.seen[in]; here {
				if ok, _ := path.Match(d.line, op[:min(len(op), strings.Index(op, ": "))]); ok {
					d.seen[in]++
					known = true
				}
			}
		}
		if !known {
			t.Errorf("%s: %s\n\tis on a disk:  %s", in, got[i], w)
		}
	}
}

// A differ is a line that comes out otherwise than on a disk.
type differ struct {
	line string         // case.number, as path.Match has it
	seen map[string]int // where: N, 9
}

// readDiffers reads testdata/differs: a reason, which is an item of the manual's
// BUGS, and the lines, each after where it holds. What other tests show has those instead, after
// =, and what none does why, after -. No item is without.
func readDiffers(t *testing.T) (all []*differ) {
	t.Helper()
	b, err := os.ReadFile("testdata/differs")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{} // how many lines each has
	reason := ""
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		line := s.Text()
		if r, ok := strings.CutPrefix(line, "# "); ok {
			reason, reasons[r] = r, 0
			continue
		}
		where, line, ok := strings.Cut(line, "\t")
		if !ok {
			continue
		}
		reasons[reason]++
		switch where {
		case "-":
		case "=":
			if dir, name, _ := strings.Cut(line, " "); !hasTest(dir, name) {
				t.Errorf("testdata/differs: %s: no such test", line)
			}
		default:
			d := &differ{line: line, seen: map[string]int{}}
			for _, w := range strings.Fields(where) {
				d.seen[w] = 0
			}
			all = append(all, d)
		}
	}
	bugs := map[string]bool{}
	_, text, _ := strings.Cut(newns.Man, "\n# BUGS\n")
	text, _, _ = strings.Cut(text, "\n*/")
	_, text, _ = strings.Cut(text, "\n  - ")
	for item := range strings.SplitSeq(text, "\n  - ") {
		item, _, _ = strings.Cut(item, "\n\n")
		bugs[strings.Join(strings.Fields(item), " ")] = true
	}
	for r, n := range reasons {
		if !bugs[r] || n == 0 {
			t.Errorf("%d lines for %q, which is an item of newns's BUGS: %v", n, r, bugs[r])
		}
	}
	for b := range bugs {
		if _, ok := reasons[b]; !ok {
			t.Errorf("testdata/differs has nothing of newns's BUGS %q", b)
		}
	}
	return all
}

// hasTest tells whether a package has a test.
func hasTest(dir, name string) bool {
	files, _ := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	return slices.ContainsFunc(files, func(f string) bool {
		b, err := os.ReadFile(f)
		return err == nil && bytes.Contains(b, []byte("\nfunc "+name+"("))
	})
}

func waitSocket(t *testing.T, name string) {
	t.Helper()
	if !srvtest.Until(func() bool { _, err := os.Stat(name); return err == nil }) {
		t.Fatalf("%s: not there", name)
	}
}
