package ns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// What the kernel has in memory of a file (its pages), and when it is another's change that
// counts.

// A pageChange is a change of the file f, and what the file is then.
type pageChange struct {
	do   string // by the shell; "poke": see mappedPoke
	then func(b []byte) []byte
}

func pageChanges() []pageChange {
	put := func(n, at int, c byte) pageChange {
		return pageChange{fillBy(n, at, c), func(b []byte) []byte {
			b = append(bytes.Clone(b), make([]byte, max(0, at+n-len(b)))...)
			copy(b[at:], bytes.Repeat([]byte{c}, n))
			return b
		}}
	}
	return []pageChange{
		put(4096, 0, 'b'),
		put(150, 4096+90, 'c'),
		put(12288, 0, 'd'),
		{"truncate -s 4150 f", func(b []byte) []byte { return b[:4150] }},
		{"truncate -s 9000 f", func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, 9000-len(b))...) }},
		{"head -c 3000 /dev/zero | tr '\\0' e >>f", func(b []byte) []byte { return append(bytes.Clone(b), bytes.Repeat([]byte{'e'}, 3000)...) }},
		{"poke", func(b []byte) []byte { b = bytes.Clone(b); copy(b[4096:], bytes.Repeat([]byte{'p'}, 4096)); return b }},
		{"head -c 12000 /dev/zero | tr '\\0' g >f", func([]byte) []byte { return bytes.Repeat([]byte{'g'}, 12000) }},
	}
}

// mappedPoke changes a file's second page in memory.
func mappedPoke() error {
	return withFile("x/f", os.O_RDWR, func(f *os.File) error {
		return withMemory(f, 12000, func(mem []byte) error {
			copy(mem[4096:], bytes.Repeat([]byte{'p'}, 4096))
			return nil
		})
	})
}

// change makes a change on a node.
func (m *mounted) change(t *testing.T, c pageChange) {
	if c.do == "poke" {
		m.mapped(t, "poke")
		return
	}
	m.sh(t, "/n/x", c.do)
}

// TestPages has every kind of change on one node be seen on the other by who has the file
// open, and in memory: at once under a lease. Of a disk inotify tells once more, late: where
// that is in the middle of a read the kernel does not take the new length from it.
func TestPages(t *testing.T) {
	t.Run("ramfs", func(t *testing.T) { testPages(t, ramfs.New(), false) })
	t.Run("diskfs", func(t *testing.T) { testPages(t, onDisk(t, t.TempDir()), true) })
}

func testPages(t *testing.T, root srv.File, late bool) {
	a, b, _ := twoNodes(t, root)
	nodes := [2]*mounted{a, b}
	is := bytes.Repeat([]byte{'a'}, 12288)
	a.sh(t, "/n/x", fillBy(len(is), 0, 'a'))
	var lookers [2][2]*looker
	for i, m := range nodes {
		lookers[i] = [2]*looker{m.looker(t, "f", os.O_RDONLY), m.looker(t, "f", os.O_RDWR)}
	}
	for i, c := range append(pageChanges(), pageChanges()...) { // each from each side
		nodes[(i+i/8)%2].change(t, c)
		is = c.then(is)
		for n := range nodes {
			for k, l := range lookers[n] {
				got, want := l.look(t, "look"), wantSeen(is)
				if got != want && late {
					got = l.look(t, "look")
				}
				if got != want {
					t.Errorf("change %d, %s: looker %d.%d sees\n%s, not\n%s", i, c.do, n, k, got, want)
				}
			}
		}
	}
	// What is open stays what it was, and the name is the new file.
	a.sh(t, "/n/x", "echo new >g; cat f >/dev/null")
	b.sh(t, "/n/x", "cat f g >/dev/null; mv g f")
	for n, m := range nodes {
		if got := m.sh(t, "/n/x", "cat f"); got != "new\n" {
			t.Errorf("the name has %q", got)
		}
		if got := lookers[n][0].look(t, "look"); got != wantSeen(is) {
			t.Errorf("what is open is %s", got)
		}
	}
}

// A pageWay is how two nodes have a tree.
type pageWay struct {
	name   string
	leases bool
	flags  [2]string
}

var pageWays = []pageWay{
	{"leases", true, [2]string{"-C", "-C"}},
	{"kept", false, [2]string{"-C", "-C"}},
	{"plain", false, [2]string{"", ""}},
	{"mixed", true, [2]string{"-C", ""}},
}

// mount has two nodes have a server's tree so.
func (w *pageWay) mount(t *testing.T, root srv.File) (nodes [2]*mounted) {
	s := srv.New(root)
	if !w.leases {
		s.Leases = nil
	}
	l := srvtest.NewLink(t, s, 0)
	for i, flag := range w.flags {
		nodes[i] = mountGroup(t, "mount -c "+flag+" "+l.Addr+" /n/x")
	}
	return nodes
}

// TestPagesOpen has who opens a file, and who asks for its attributes, see in memory what is
// there, also of a server that tells of no changes; and who has it open to read and write
// without the cache, what there is whenever he reads.
func TestPagesOpen(t *testing.T) {
	t.Setenv("NINE_TEST_KEEP", "1ms")
	for _, w := range pageWays {
		t.Run(w.name, func(t *testing.T) {
			nodes := w.mount(t, ramfs.New())
			nodes[0].sh(t, "/n/x", fillBy(12288, 0, 'a'))
			old := nodes[1].looker(t, "f", os.O_RDONLY)
			writes := nodes[1].looker(t, "f", os.O_RDWR)
			for i, c := range []byte("bcdefg") {
				nodes[0].sh(t, "/n/x", fillBy(5000, 3000, c))
				want := bytes.Repeat([]byte{'a'}, 12288)
				copy(want[3000:], bytes.Repeat([]byte{c}, 5000))
				if got := writes.look(t, "look"); w.flags[1] == "" && got[:strings.LastIndex(got, "/")] != wantSeen(want)[:strings.LastIndex(wantSeen(want), "/")] {
					t.Errorf("write %d: who may write sees %s", i, got)
				}
				var got string
				if !srvtest.Until(func() bool { // the kernel believes attributes for a while
					nodes[1].sh(t, "/n/x", "stat f >/dev/null")
					got = old.look(t, "look")
					return got == wantSeen(want)
				}) {
					t.Errorf("write %d: after stat it is %s", i, got)
				}
				if got := nodes[1].looker(t, "f", os.O_RDONLY).look(t, "look"); got != wantSeen(want) {
					t.Errorf("write %d: who opens sees %s", i, got)
				}
			}
		})
	}
}

// TestPagesSilence has a node whose server is not heard of not go on with what it has in
// memory when the server gives up its lease.
func TestPagesSilence(t *testing.T) {
	t.Parallel()
	s := srv.New(ramfs.New())
	near, far := srvtest.NewLink(t, s, 0), srvtest.NewLink(t, s, 0)
	a := mountGroup(t, "mount -c -C "+near.Addr+" /n/x")
	a.sh(t, "/n/x", fillBy(12288, 0, 'a'))
	l := mountGroup(t, "mount -c -C "+far.Addr+" /n/x").looker(t, "f", os.O_RDONLY)
	far.Stall()
	a.sh(t, "/n/x", fillBy(12288, 0, 'b')) // is held up until the lease is over
	got := make(chan string)
	go func() {
		fmt.Fprintln(l.in, "look")
		s, _ := l.out.ReadString('\n')
		got <- strings.TrimSpace(s)
	}()
	select {
	case s := <-got:
		t.Errorf("sees %s", s)
		far.Go()
		return
	case <-time.After(100 * time.Millisecond): // it asks
	}
	far.Go()
	if s, want := <-got, wantSeen(bytes.Repeat([]byte{'b'}, 12288)); s != want {
		t.Errorf("sees %s, not %s", s, want)
	}
}

// TestPagesStay has pages stay, and be good without a question, where only this node writes.
func TestPagesStay(t *testing.T) {
	if linuxBefore(6, 6) {
		t.Skip("Linux before 6.6 drops a file's pages after each write of its own")
	}
	l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	m.sh(t, "/n/x", "head -c 262144 /dev/zero >turns; cat turns >/dev/null")
	m.requests(t)
	m.mapped(t, "turns")
	reqs := m.requests(t)
	t.Log(reqs)
	count := func(what string) (n int) {
		if f := regexp.MustCompile(`\b` + what + `:(\d+)`).FindStringSubmatch(reqs); f != nil {
			n, _ = strconv.Atoi(f[1])
		}
		return n
	}
	if n := count("open"); n == 0 {
		t.Errorf("nothing is counted: %s", reqs)
	}
	for _, what := range []string{"getattr", "read"} {
		if n := count(what); n > 10 {
			t.Errorf("%d times %s, not 10", n, what)
		}
	}
}

// mappedTurns writes and reads by turns.
func mappedTurns() error {
	return withFile("x/turns", os.O_RDWR, func(f *os.File) error {
		page := make([]byte, 4096)
		for i := range 200 {
			if _, err := f.WriteAt([]byte("some"), int64(i*7919%262000)); err != nil {
				return err
			}
			if _, err := f.ReadAt(page, int64(i*4801%63*4096)); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestPagesGone has a page that the kernel let go be read again, and not all of the file.
func TestPagesGone(t *testing.T) {
	l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	m.sh(t, "/n/x", "head -c 4194304 /dev/zero >gone; cat gone >/dev/null; cat gone >/dev/null")
	for range 20 {
		l.Traffic()
		gone, err := strconv.Atoi(strings.TrimSpace(m.mapped(t, "gone")))
		n := l.Traffic()
		switch {
		case err != nil:
			t.Fatal(err)
		case gone > 3: // a busy machine's kernel has let others go as well
			t.Logf("%d pages took %v", gone, n)
			continue
		case gone < 3 || n.Of[p9.Tread] > 2*3:
			t.Errorf("%d pages took %v", gone, n)
		}
		return
	}
	t.Error("the kernel never had the rest of the file")
}

// mappedGone has the kernel let three pages go, reads the file, and tells how many it did not have.
func mappedGone() error {
	return withFile("x/gone", os.O_RDONLY, func(f *os.File) error {
		for _, page := range []int64{90, 300, 900} {
			if err := unix.Fadvise(int(f.Fd()), page*4096, 4096, unix.FADV_DONTNEED); err != nil {
				return err
			}
		}
		gone, err := absent(f, 4194304/4096)
		if err != nil {
			return err
		}
		fmt.Println(gone)
		_, err = io.Copy(io.Discard, f)
		return err
	})
}

// absent tells how many of a file's first pages the kernel does not have.
func absent(f *os.File, pages int) (n int, err error) {
	mem, err := unix.Mmap(int(f.Fd()), 0, pages*4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(mem)
	has := make([]byte, pages)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&has[0]))); errno != 0 {
		return 0, errno
	}
	for _, h := range has {
		n += int(1 - h&1)
	}
	return n, nil
}

// TestPagesTruncate has what was changed in memory before a file was made empty not come back,
// where it is on its way just then as the other node changes the file.
func TestPagesTruncate(t *testing.T) {
	s := srv.New(ramfs.New())
	slow, quick := srvtest.NewLink(t, s, 2*time.Millisecond), srvtest.NewLink(t, s, 0)
	mountGroup(t, "mount -c -C "+slow.Addr+" /n/x\nmount -c "+quick.Addr+" /n/y").mapped(t, "truncate")
}

func mappedTruncate() error {
	const size = 64 * 4096
	for i := range 40 {
		if err := os.WriteFile("x/f", make([]byte, size), 0o644); err != nil {
			return err
		}
		err := withFile("x/f", os.O_RDWR, func(f *os.File) error {
			return withMemory(f, size, func(mem []byte) error {
				for at := 4096; at < size; at += 4096 {
					mem[at] = 'm'
				}
				other := make(chan error)
				go func() {
					other <- withFile("y/f", os.O_WRONLY, func(f *os.File) error {
						_, err := f.WriteAt([]byte("y"), 0)
						return err
					})
				}()
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				err := withFile("x/f", os.O_WRONLY|os.O_TRUNC, func(*os.File) error { return nil })
				return errors.Join(err, <-other, f.Sync())
			})
		})
		if err != nil {
			return err
		}
		if b, err := os.ReadFile("y/f"); err != nil || bytes.Contains(b, []byte("m")) {
			return fmt.Errorf("time %d: %s is back, %v", i, runs(b), err)
		}
	}
	return nil
}
