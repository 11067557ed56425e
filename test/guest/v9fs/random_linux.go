package main

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Random operations, each done on the mount and on the local file system, which
// must agree on every outcome.

// A rig is two trees in lock step: [0] on the mount, [1] the local one.
type rig struct {
	t    *T
	m    *mount
	rnd  *rand.Rand
	root [2]string
	open []*twin
	log  []string
}

// A twin is a file that is open in both trees.
type twin struct {
	name  string // by which it was opened
	flags int
	fd    [2]int
}

const (
	maxOpen = 8
	maxSize = 96 << 10
)

func testRandom(t *T, m *mount, dir, ref string) {
	r := &rig{t: t, m: m, rnd: rand.New(rand.NewSource(seed)), root: [2]string{dir, ref}}
	t.Logf("seed %d, %d operations", seed, ops)
	for _, d := range r.root {
		t.ok(os.Chmod(d, 0o777)) // in 9P2000 what is made in it has no more
	}
	total := 0
	for _, o := range operations {
		total += o.weight
	}
	t.Cleanup(func() {
		for len(r.open) > 0 {
			r.close(0)
		}
	})
	for i := range ops {
		pick := r.rnd.Intn(total)
		for _, o := range operations {
			if pick -= o.weight; pick < 0 {
				if !o.dotl || m.dotl() {
					r.note("%d %s", i, o.name)
					o.do(r)
				}
				break
			}
		}
		if i%200 == 199 {
			same(t, m, dir, ref)
		}
		if t.failed {
			t.Fatalf("operation %d of seed %d; the last ones:\n%s", i, seed, strings.Join(r.log[max(0, len(r.log)-40):], "\n"))
		}
	}
	for len(r.open) > 0 {
		r.close(0)
	}
	same(t, m, dir, ref)
}

func (r *rig) note(format string, args ...any) { r.log = append(r.log, fmt.Sprintf(format, args...)) }

// both does an operation in both trees and compares what it says.
func (r *rig) both(what string, do func(i int) string) string {
	got, want := do(0), do(1)
	r.note("\t%s: %s", what, want)
	if got != want {
		r.t.Errorf("%s: %s\n%s: the local file system says", what, got, want)
	}
	return want
}

func (r *rig) path(i int, name string) string { return r.root[i] + "/" + name }

// name makes up a name up to three directories deep, often one that is there.
func (r *rig) name() string {
	const letters = "abcde"
	n := 1 + r.rnd.Intn(3)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = letters[r.rnd.Intn(len(letters)):][:1]
	}
	return strings.Join(parts, "/")
}

// inDir makes up a name in the directory of another.
func (r *rig) inDir(name string) string {
	return filepath.Join(filepath.Dir(name), "abcde"[r.rnd.Intn(5):][:1])
}

// span makes up an offset and a length, often at what is an edge somewhere: a page,
// a block, a message.
func (r *rig) span() (off int64, n int) {
	edges := []int{0, 4096, 8192, 16384 - 24, 16384, 32768, 65536 - 24, 65536}
	off = int64(r.rnd.Intn(maxSize / 2))
	if r.rnd.Intn(2) == 0 {
		off = int64(max(0, edges[r.rnd.Intn(len(edges))]+r.rnd.Intn(3)-1))
	}
	switch n = r.rnd.Intn(600); r.rnd.Intn(4) {
	case 0:
		n = r.rnd.Intn(maxSize / 3)
	case 1:
		n = max(0, edges[r.rnd.Intn(5)]+r.rnd.Intn(3)-1)
	}
	return off, n
}

func (r *rig) bytes(n int) []byte {
	p := make([]byte, n)
	r.rnd.Read(p)
	return p
}

// file gives an open file, or opens one.
func (r *rig) file() *twin {
	if len(r.open) == 0 || r.rnd.Intn(20) == 0 {
		r.create(r.name(), unix.O_RDWR|unix.O_CREAT)
	}
	if len(r.open) == 0 {
		return nil
	}
	return r.open[r.rnd.Intn(len(r.open))]
}

// create opens a file in both trees, with any flags.
func (r *rig) create(name string, flags int) {
	if len(r.open) >= maxOpen {
		r.close(r.rnd.Intn(len(r.open)))
	}
	f := &twin{name: name, flags: flags, fd: [2]int{-1, -1}}
	perm := uint32(0o600 | r.rnd.Intn(0o100))
	r.both(fmt.Sprintf("open %s %#x %o", name, flags, perm), func(i int) string {
		fd, err := unix.Open(r.path(i, name), flags|unix.O_CLOEXEC|unix.O_NONBLOCK, perm) // else a pipe is waited for
		if err == nil {
			f.fd[i] = fd
			err = unix.SetNonblock(fd, false) // else v9fs reads one message's worth
			unix.Seek(fd, 0, unix.SEEK_SET)   // v9fs starts at the end where 9P2000 cannot append
		}
		return fmt.Sprint(err)
	})
	var st unix.Stat_t
	if f.fd[1] < 0 || unix.Fstat(f.fd[1], &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.close()
		return
	}
	r.open = append(r.open, f)
	r.checkOpen(f)
}

func (f *twin) close() (errs [2]error) {
	for i, fd := range f.fd {
		if fd >= 0 {
			errs[i] = unix.Close(fd)
		}
	}
	return errs
}

func (r *rig) close(i int) {
	f := r.open[i]
	r.open = append(r.open[:i], r.open[i+1:]...)
	errs := f.close()
	r.both("close "+f.name, func(i int) string { return fmt.Sprint(errs[i]) })
}

// check compares what has a name in both trees.
func (r *rig) check(names ...string) {
	for _, name := range names {
		r.both("check "+name, func(i int) string { return describe(r.m, r.path(i, name)) })
	}
}

// checkOpen compares what is open in both trees.
func (r *rig) checkOpen(f *twin) {
	r.both("check the open "+f.name, func(i int) string {
		var st unix.Stat_t
		if err := unix.Fstat(f.fd[i], &st); err != nil {
			return err.Error()
		}
		text := attributes(r.m, &st)
		if f.flags&unix.O_ACCMODE != unix.O_WRONLY {
			text += " " + sum(f.fd[i], st.Size)
		}
		return text
	})
}

// list tells what is in a directory.
func list(dir string) string {
	ents, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()[strings.LastIndex(err.Error(), ": "):]
	}
	var b strings.Builder
	for _, e := range ents {
		fmt.Fprint(&b, e.Name(), " ", e.Type(), " ")
	}
	return b.String()
}
