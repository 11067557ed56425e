/*
Fsx does random operations on one file, through several descriptors and a shared
mapping at once, and checks each read against a copy in memory.

	fsx [-seed n] [-time d] [-other file] file

The file is made anew. -other is the same file by another way, from outside a name
space for one: now and then all is closed here, and what is there is read, and
changed, that way. What goes wrong is told with the seed and the operations before,
and exit status 1.
*/
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

const most = 300 << 10 // bytes that the file may have

var page = os.Getpagesize()

// A tester is the file and what it should hold.
type tester struct {
	name, other string
	r           *rand.Rand
	want        []byte
	fds         []*handle
	mem         []byte // nil: not mapped
	log         []string
	n           int
	noAlloc     bool // fallocate is not supported
}

type handle struct {
	f      *os.File
	flags  int
	append bool
}

func main() {
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano())%1e6, "of the operations")
	d := flag.Duration("time", 5*time.Second, "how long")
	other := flag.String("other", "", "the same `file` by another way")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	t := &tester{name: flag.Arg(0), other: *other, r: rand.New(rand.NewPCG(*seed, 0))}
	debug.SetPanicOnFault(true) // by memory that is not there: it is a file's
	defer func() {
		if e := recover(); e != nil {
			for _, l := range t.log[max(0, len(t.log)-60):] {
				fmt.Println(l)
			}
			fmt.Printf("fsx: seed %d, operation %d: %v\n", *seed, t.n, e)
			if _, ok := e.(failure); !ok {
				debug.PrintStack()
			}
			os.Exit(1)
		}
	}()
	os.Remove(t.name)
	t.open(unix.O_RDWR | unix.O_CREAT)
	for end := time.Now().Add(*d); time.Now().Before(end); t.n++ {
		t.step()
	}
	t.closeAll()
	t.check(t.name)
	os.Remove(t.name)
	fmt.Printf("%d operations\n", t.n)
}

type failure string

func fail(format string, a ...any) { panic(failure(fmt.Sprintf(format, a...))) }

func ok(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func (t *tester) did(format string, a ...any) {
	t.log = append(t.log, fmt.Sprintf("%6d size %6d  ", t.n, len(t.want))+fmt.Sprintf(format, a...))
	if len(t.log) > 1000 {
		t.log = append(t.log[:0], t.log[500:]...)
	}
}

func (t *tester) open(flags int) {
	t.did("open %#x", flags)
	fd, err := unix.Open(t.name, flags|unix.O_CLOEXEC, 0o644)
	ok(err)
	if flags&unix.O_TRUNC != 0 {
		t.want = t.want[:0]
	}
	t.fds = append(t.fds, &handle{os.NewFile(uintptr(fd), t.name), flags, flags&unix.O_APPEND != 0})
}

func (t *tester) closeAll() {
	t.unmap()
	for len(t.fds) > 0 {
		t.close(0)
	}
}

func (t *tester) close(i int) {
	t.did("close %d", i)
	ok(t.fds[i].f.Close())
	t.fds = append(t.fds[:i], t.fds[i+1:]...)
}

// pick gives a descriptor that can write, or any.
func (t *tester) pick(write bool) *handle {
	for range 50 {
		h := t.fds[t.r.IntN(len(t.fds))]
		if !write || h.flags&unix.O_ACCMODE != unix.O_RDONLY {
			if write || h.flags&unix.O_ACCMODE != unix.O_WRONLY {
				return h
			}
		}
	}
	t.open(unix.O_RDWR)
	return t.fds[len(t.fds)-1]
}

// span gives a range, often at the ends of pages or of the file.
func (t *tester) span(size int) (off, n int) {
	if size <= 0 {
		return 0, 0
	}
	off = t.r.IntN(size)
	switch t.r.IntN(6) {
	case 0:
		off -= off % page
	case 1:
		off = max(0, off-off%page-1)
	case 2:
		off = min(len(t.want), size-1)
	}
	n = 1 + t.r.IntN(min(size-off, 1<<(2+t.r.IntN(16))))
	return off, n
}

// grow makes the copy at least n bytes long.
func (t *tester) grow(n int) {
	if n > len(t.want) {
		t.want = append(t.want, make([]byte, n-len(t.want))...)
	}
}

func (t *tester) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(t.n*7 + i*13 + i>>8)
	}
	return b
}

func (t *tester) same(what string, got []byte, off int) {
	if len(got) == 0 {
		return
	}
	if want := t.want[off : off+len(got)]; !bytes.Equal(got, want) {
		i := 0
		for got[i] == want[i] {
			i++
		}
		bad := 0
		for j := range got {
			if got[j] != want[j] {
				bad++
			}
		}
		fail("%s of %d at %d: byte %d is %#x, not %#x; %d are wrong", what, len(got), off, off+i, got[i], want[i], bad)
	}
}

// check reads all of the file by a name.
func (t *tester) check(name string) {
	b, err := os.ReadFile(name)
	ok(err)
	if len(b) != len(t.want) {
		fail("%s has %d bytes, not %d", name, len(b), len(t.want))
	}
	t.same("all", b, 0)
}

func (t *tester) unmap() {
	if t.mem != nil {
		t.did("munmap")
		ok(unix.Munmap(t.mem))
		t.mem = nil
	}
}

func (t *tester) size() {
	var st unix.Stat_t
	ok(unix.Stat(t.name, &st))
	if st.Size != int64(len(t.want)) {
		fail("stat says %d bytes, not %d", st.Size, len(t.want))
	}
	ok(unix.Fstat(int(t.pick(false).f.Fd()), &st))
	if st.Size != int64(len(t.want)) {
		fail("fstat says %d bytes, not %d", st.Size, len(t.want))
	}
}
