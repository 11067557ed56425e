package term

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// The files of these tests hang nobody, however long the machine takes to get to them.
func TestMain(m *testing.M) {
	patience = srvtest.Patience
	os.Exit(m.Run())
}

func TestHistoryShared(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lib", "history")
	var wg sync.WaitGroup
	const shells, each = 8, 50
	for i := range shells {
		wg.Go(func() {
			h := &history{name: name}
			for j := range each {
				h.add(name, fmt.Sprintf("shell %d\ncommand %d", i, j))
				h.read()
			}
		})
	}
	wg.Wait()
	h := &history{name: name}
	h.read()
	if len(h.all) != shells*each {
		t.Errorf("%d commands", len(h.all))
	}
	h.add(name, h.all[3])
	last := h.all[3]
	h.read()
	if len(h.all) != shells*each || h.all[len(h.all)-1] != last {
		t.Errorf("%d commands, %q", len(h.all), h.all[len(h.all)-1])
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
}

// TestHistoryFull: a file that has become too long is made anew while others append to
// it, and nothing of what they append is lost.
func TestHistoryFull(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history")
	long := strings.Repeat("x", 1000)
	var b strings.Builder
	for i := range fullFile / 1000 {
		fmt.Fprintf(&b, "%s %d\n", long, i)
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	other := &history{name: name}
	other.read()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				if err := appendLine(name, encode(fmt.Sprintf("new %d %d", i, j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	st, err := os.Stat(name)
	if err != nil || st.Size() > fullFile {
		t.Errorf("%v %v", st.Size(), err)
	}
	other.read()
	n := 0
	for _, text := range other.all {
		if strings.HasPrefix(text, "new ") {
			n++
		}
	}
	if n != 160 || len(other.all) > most+most/4 {
		t.Errorf("%d of 160, of %d", n, len(other.all))
	}
	if left, _ := filepath.Glob(name + ".*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestHistoryBad: the shell goes on whatever the file is.
func TestHistoryBad(t *testing.T) {
	dir := t.TempDir()
	fifo, unfinished, deep := filepath.Join(dir, "fifo"), filepath.Join(dir, "unfinished"), filepath.Join(dir, "unfinished/deep")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unfinished, []byte("one\ntwo and no mo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, fifo, deep, "/dev/null", "/proc/nowhere/history", "", "/proc/self/cmdline"} {
		h := &history{name: name}
		h.read()
		h.add(name, "echo a")
		h.add(name, "echo b")
		h.read()
		if !slices.Equal(h.all, []string{"echo a", "echo b"}) {
			t.Errorf("%s: got %q", name, h.all)
		}
	}
	h := &history{name: unfinished}
	h.read()
	h.add(unfinished, "three")
	h.read()
	if !slices.Equal(h.all, []string{"one", "two and no mo", "three"}) {
		t.Errorf("got %q", h.all)
	}
}

func TestHistoryBounded(t *testing.T) {
	var h history
	for i := range 3 * most {
		h.push(fmt.Sprint(i))
	}
	if len(h.all) > most+most/4 || h.all[len(h.all)-1] != fmt.Sprint(3*most-1) {
		t.Errorf("%d", len(h.all))
	}
}
