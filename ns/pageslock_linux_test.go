package ns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv/ramfs"
)

// TestPagesLocked has who gets a lock see what was there when it was let go, by whatever
// it has in memory, also of a server that tells of no changes.
func TestPagesLocked(t *testing.T) {
	for _, w := range pageWays {
		t.Run(w.name, func(t *testing.T) {
			nodes := w.mount(t, ramfs.New())
			is := bytes.Repeat([]byte{'a'}, 12288)
			nodes[0].sh(t, "/n/x", fillBy(len(is), 0, 'a'))
			var lookers [2][2]*looker
			for i, m := range nodes {
				lookers[i] = [2]*looker{m.looker(t, "f", os.O_RDONLY), m.looker(t, "f", os.O_RDWR)}
			}
			for i, c := range append(pageChanges(), pageChanges()...) {
				nodes[(i+i/8)%2].change(t, c)
				is = c.then(is)
				how := []string{"fcntl", "ofd", "try", "flock"}[(i+i/4)%4]
				for n := range nodes {
					for k, l := range lookers[n] {
						if got, want := l.look(t, how), wantSeen(is); got != want {
							t.Errorf("change %d, %s, %s: looker %d.%d sees\n%s, not\n%s", i, c.do, how, n, k, got, want)
						}
					}
				}
			}
		})
	}
}

// TestPagesCount has two nodes count in one file, by each kind of lock, in records of the same
// page that are locked each.
func TestPagesCount(t *testing.T) {
	const n = 100
	for _, w := range pageWays {
		for _, how := range []string{"fcntl", "ofd", "flock"} {
			t.Run(w.name+"/"+how, func(t *testing.T) {
				nodes := w.mount(t, ramfs.New())
				nodes[0].sh(t, "/n/x", "head -c 4096 /dev/zero >n")
				bothDo(t, nodes, "count", how, n)
				for _, m := range nodes {
					if got, want := strings.Fields(m.sh(t, "/n/x", "od -v -w8 -An -t u8 -N 32 n")), slices.Repeat([]string{fmt.Sprint(2 * n / 4)}, 4); !slices.Equal(got, want) {
						t.Errorf("counted to %s, not %s", got, want)
					}
				}
			})
		}
	}
}

// TestLockedNames has two nodes make and remove a file under a lock, as data bases do with
// their journals, and look whether it is there without: under the lock it never is.
func TestLockedNames(t *testing.T) {
	for _, w := range pageWays {
		t.Run(w.name, func(t *testing.T) {
			nodes := w.mount(t, ramfs.New())
			nodes[0].sh(t, "/n/x", "echo >n")
			bothDo(t, nodes, "names", "fcntl", 100)
		})
	}
}

// TestLockedKnown has who gets a lock find what was done under the one before, whatever he knew,
// also of a server that tells of no changes.
func TestLockedKnown(t *testing.T) {
	const know = "ls; stat -c %s new gone old; readlink link; cat old; stat -c %a sub gonedir; test -d newdir; cat sub/old; true"
	does := []struct{ do, sees, is string }{
		{"echo b >new", "cat new", "b"},
		{"echo b >new", "echo *", "gone gonedir link new old sub"},
		{"rm gone", "test -e gone || echo no", "no"},
		{"rm gone", "echo *", "gonedir link old sub"},
		{"echo b >>old", "stat -c %s old", "4"},
		{"echo bb >new; mv new old", "stat -c %s old", "3"},
		{"ln -sf b link", "readlink link", "b"},
		{"chmod 600 old", "stat -c %a old", "600"},
		{"rmdir gonedir", "test -d gonedir || echo no", "no"},
		{"mkdir newdir", "test -d newdir && echo yes", "yes"},
		{"chmod 700 sub", "stat -c %a sub", "700"},
		{"mv sub s2; mkdir sub; echo b >sub/old", "cat sub/old", "b"},
		{"mv sub s2; mkdir sub; echo b >sub/old", "cd sub; cat old", "b"},
	}
	for _, w := range pageWays {
		for _, lock := range []string{"flock ../n sh -c", "until mkdir ../lock; do :; done; sh -ec"} {
			t.Run(w.name+"/"+strings.Fields(lock)[0], func(t *testing.T) {
				nodes := w.mount(t, ramfs.New())
				nodes[0].sh(t, "/n/x", ">n")
				locked := func(i int, d, script string) string {
					t.Helper()
					return nodes[i].sh(t, "/n/x/"+d, lock+" '"+script+"'; r=$?; rmdir ../lock 2>/dev/null; exit $r")
				}
				for i := range does {
					d := fmt.Sprint("d", i)
					nodes[0].sh(t, "/n/x", "mkdir "+d+"; cd "+d+"; mkdir sub gonedir; echo a >sub/old; echo a >old; echo a >gone; ln -s a link")
				}
				for i := range nodes {
					locked(i, "d0", "true") // the second time the name is known for a lock's
					locked(i, "d0", "true")
				}
				for i, c := range does {
					d := fmt.Sprint("d", i)
					for _, m := range nodes {
						m.sh(t, "/n/x/"+d, know)
					}
					locked(0, d, c.do)
					if got := strings.TrimSpace(locked(1, d, c.sees)); got != c.is {
						t.Errorf("%s: %s: %s, not %s", c.do, c.sees, got, c.is)
					}
				}
			})
		}
	}
}

// TestLockedBeside has who locks by a directory find what was done to those beside it.
func TestLockedBeside(t *testing.T) {
	for _, w := range pageWays {
		t.Run(w.name, func(t *testing.T) {
			nodes := w.mount(t, ramfs.New())
			nodes[0].sh(t, "/n/x", "mkdir sub; echo a >sub/old")
			locked := func(i int, script string) string {
				t.Helper()
				return nodes[i].sh(t, "/n/x", "mkdir lock; "+script+"; rmdir lock")
			}
			for i := range nodes {
				locked(i, "true")
				locked(i, "true")
			}
			nodes[1].sh(t, "/n/x", "cat sub/old")
			locked(0, "mv sub s2; mkdir sub; echo b >sub/old")
			if got := locked(1, "cat sub/old"); got != "b\n" {
				t.Errorf("sub/old is %q", got)
			}
		})
	}
}

// TestLockedPlaces has who gets a lock stay where he is.
func TestLockedPlaces(t *testing.T) {
	for _, w := range pageWays {
		t.Run(w.name, func(t *testing.T) {
			nodes := w.mount(t, ramfs.New())
			nodes[0].sh(t, "/n/x", ">n; mkdir sub sub/at; echo a >sub/at/f")
			const script = `cd sub/at
for i in 1 2 3; do
	flock ../../n true
	mkdir ../../lock
	rmdir ../../lock
	cat ../at/f f
done`
			if got, want := nodes[1].sh(t, "/n/x", script), strings.Repeat("a\na\n", 3); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		})
	}
}

// bothDo has a process in the mounted directory of each node do one of mappings n times.
func bothDo(t *testing.T, nodes [2]*mounted, name, how string, n int) {
	t.Helper()
	var cmds []*exec.Cmd
	for _, m := range nodes {
		cmd := m.command("/n/x", `exec "$TEST"`)
		cmd.Env = append(os.Environ(), mappedEnv+"="+name, "TEST="+os.Args[0], "NINE_TEST_HOW="+how, "NINE_TEST_N="+strconv.Itoa(n))
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func mappedNames() error {
	n, err := strconv.Atoi(os.Getenv("NINE_TEST_N"))
	if err != nil {
		return err
	}
	return withFile("n", os.O_RDWR, func(f *os.File) error {
		seen := 0
		for i := range n {
			os.Stat("j")
			unlock, err := lockBy(f, os.Getenv("NINE_TEST_HOW"), unix.F_WRLCK, 0, 1)
			if err != nil {
				return err
			}
			if _, err := os.Stat("j"); err == nil {
				seen++
			}
			if err := os.WriteFile("j", []byte(strconv.Itoa(i)), 0o644); err != nil {
				return err
			}
			if err := os.Remove("j"); err != nil {
				return err
			}
			if err := unlock(); err != nil {
				return err
			}
		}
		if seen > 0 {
			return fmt.Errorf("%d of %d times a file was there that is not", seen, n)
		}
		return nil
	})
}

func mappedCount() error {
	n, err := strconv.Atoi(os.Getenv("NINE_TEST_N"))
	if err != nil {
		return err
	}
	return withFile("n", os.O_RDWR, func(f *os.File) error {
		var b [8]byte
		for i := range int64(n) {
			at := i % 4 * 8
			unlock, err := lockBy(f, os.Getenv("NINE_TEST_HOW"), unix.F_WRLCK, at, 8)
			if err != nil {
				return err
			}
			if _, err := f.ReadAt(b[:], at); err != nil {
				return err
			}
			binary.LittleEndian.PutUint64(b[:], binary.LittleEndian.Uint64(b[:])+1)
			if _, err := f.WriteAt(b[:], at); err != nil {
				return err
			}
			if err := unlock(); err != nil {
				return err
			}
		}
		return nil
	})
}
