package ns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ninespace/srv/ramfs"
)

// lockings are how programs lock by files that only one of them can make: each makes the file
// "lock", or fails with fs.ErrExist, and gives what lets go.
var lockings = map[string]func() (unlock func() error, err error){
	"excl": func() (func() error, error) { // lockfile(1)
		f, err := os.OpenFile("lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
		if err != nil {
			return nil, err
		}
		return func() error { return os.Remove("lock") }, f.Close()
	},
	"link": func() (func() error, error) { // dotlockfile(1)
		own := "own." + strconv.Itoa(os.Getpid())
		if err := os.WriteFile(own, nil, 0o644); err != nil {
			return nil, err
		}
		defer os.Remove(own)
		return func() error { return os.Remove("lock") }, os.Link(own, "lock")
	},
	"mkdir": func() (func() error, error) { // scripts
		return func() error { return os.Remove("lock") }, os.Mkdir("lock", 0o755)
	},
	"rename": func() (func() error, error) { // git's index.lock, which becomes the index
		b, err := os.OpenFile("lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return nil, err
		}
		return func() error { return os.Rename("lock", "n") }, b.Close()
	},
}

// TestLockFiles has two nodes count in a file that each replaces by another while it has a
// lock.
func TestLockFiles(t *testing.T) {
	for _, w := range pageWays {
		for how := range lockings {
			t.Run(w.name+"/"+how, func(t *testing.T) {
				n := 100
				if w.name != "plain" { // each take asks the other node
					n = 25
				}
				if s := os.Getenv("NINE_TEST_N"); s != "" {
					n, _ = strconv.Atoi(s)
				}
				// Known to neither: what was looked at just before the first lock may be believed.
				nodes := w.mount(t, ramWith(t, map[string][]byte{"n": []byte("0\n")}))
				bothDo(t, nodes, "files", how, n)
				if got, want := strings.TrimSpace(nodes[0].sh(t, "/n/x", "flock n cat n")), strconv.Itoa(2*n); got != want {
					t.Errorf("counted to %s, not %s", got, want)
				}
			})
		}
	}
}

// TestLockFileFirst has who makes a lock's file for the first time find what was done under the one
// before, of a server that tells of no changes.
func TestLockFileFirst(t *testing.T) {
	for _, w := range pageWays {
		if w.name != "kept" {
			continue
		}
		nodes := w.mount(t, ramfs.New())
		nodes[0].sh(t, "/n/x", "echo a >f; echo a >gone")
		nodes[1].sh(t, "/n/x", "cat f; stat f gone new; ls")
		nodes[0].sh(t, "/n/x", "mkdir lock; echo b >>f; rm gone; echo >new; rmdir lock")
		time.Sleep(fileBelieved) // what was looked at just before the first lock may be believed
		if got := nodes[1].sh(t, "/n/x", "mkdir lock; stat -c %s f; echo *; rmdir lock"); got != "4\nf lock new\n" {
			t.Errorf("%q", got)
		}
	}
}

func mappedFiles() error {
	n, err := strconv.Atoi(os.Getenv("NINE_TEST_N"))
	if err != nil {
		return err
	}
	how := os.Getenv("NINE_TEST_HOW")
	for i := range n {
		if err := countLocked(lockings[how], how == "rename"); err != nil {
			return fmt.Errorf("count %d: %w", i, err)
		}
	}
	return nil
}

// countLocked adds 1 to the number in n, by a file that takes its place: the lock itself, where
// that becomes it.
func countLocked(lock func() (func() error, error), becomes bool) error {
	unlock, err := lock()
	for end := time.Now().Add(time.Minute); errors.Is(err, fs.ErrExist) && time.Now().Before(end); unlock, err = lock() {
		time.Sleep(100 * time.Microsecond)
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile("n")
	if err != nil {
		return err
	}
	was, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	to := "new"
	if becomes {
		to = "lock"
	}
	if err := os.WriteFile(to, fmt.Appendln(nil, was+1), 0o644); err != nil {
		return err
	}
	if !becomes {
		if err := os.Rename(to, "n"); err != nil {
			return err
		}
	}
	return unlock()
}
