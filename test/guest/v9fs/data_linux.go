package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// testMany reads directories of many entries: every name is there once.
func testMany(t *T, m *mount, dir, ref string) {
	big := filepath.Join("/mnt", m.name, "many") // which the host filled
	n := 10000
	if _, err := os.Stat(big); err != nil {
		big, n = filepath.Join(dir, "many"), 300
		t.ok(os.Mkdir(big, 0o755))
		for i := range n {
			t.ok(write(filepath.Join(big, manyName(i)), "", 0o644))
		}
	}
	want := make([]string, n)
	for i := range want {
		want[i] = manyName(i)
	}
	slices.Sort(want)
	for _, size := range []int{512, 32 << 10} {
		got, err := names(big, size)
		t.ok(err)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d names by reads of %d bytes, %d of them different; want %d", len(got), size, len(slices.Compact(got)), n)
		}
	}
	// What is removed as it is listed neither comes again nor hides others.
	sub := filepath.Join(dir, "sub")
	t.ok(os.Mkdir(sub, 0o755))
	for i := range 100 {
		t.ok(write(filepath.Join(sub, manyName(i)), "", 0o644))
	}
	f, err := os.Open(sub)
	t.ok(err)
	defer f.Close()
	seen := 0
	for {
		names, err := f.Readdirnames(7)
		for _, name := range names {
			seen++
			t.ok(unix.Unlink(filepath.Join(sub, name)))
		}
		if err == io.EOF {
			break
		}
		t.ok(err)
	}
	if left, err := os.ReadDir(sub); err != nil || len(left) != 0 || seen != 100 {
		t.Errorf("removed %d of 100 while they were listed; %d left: %v", seen, len(left), err)
	}
	// seekdir and telldir, at the end, where the kernel has nothing left of what it read ahead:
	// Debian's 6.1.176, unlike 6.1.192, gives that first, wherever one has gone meanwhile.
	all, err := names(big, 4096)
	t.ok(err)
	d, err := unix.Open(big, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	t.ok(err)
	defer unix.Close(d)
	from := func(at int64) []string {
		_, err := unix.Seek(d, at, unix.SEEK_SET)
		t.ok(err)
		buf := make([]byte, 2048)
		k, err := unix.Getdents(d, buf)
		t.ok(err)
		return dirents(buf[:k])
	}
	toEnd := func() {
		buf := make([]byte, 32<<10)
		for k := 1; k > 0; {
			k, err = unix.Getdents(d, buf)
			t.ok(err)
		}
	}
	first := from(0)
	at, err := unix.Seek(d, 0, unix.SEEK_CUR)
	t.ok(err)
	toEnd()
	if m.dotl() { // 9P2000 has no way to go back but to the start
		if got := from(at); len(got) == 0 || got[0] != all[len(first)] {
			t.Errorf("after seekdir %.20q, want %q", got, all[len(first)])
		}
		toEnd()
	}
	if got := from(0); !slices.Equal(got, first) {
		t.Errorf("after rewinddir %.20q, want %.20q", got, first)
	}
}

// manyName is the name of the host's file i: of many lengths.
func manyName(i int) string { return fmt.Sprintf("%05d", i) + strings.Repeat("x", i*i%97) }

// names lists a directory by reads of a size.
func names(dir string, size int) (all []string, err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, size)
	for {
		n, err := unix.Getdents(fd, buf)
		if n <= 0 {
			return all, err
		}
		all = append(all, dirents(buf[:n])...)
	}
}

func dirents(b []byte) (all []string) {
	for len(b) > 0 {
		d := (*unix.Dirent)(unsafe.Pointer(&b[0]))
		name, _, _ := bytes.Cut(b[unsafe.Offsetof(d.Name):d.Reclen], []byte{0})
		if s := string(name); s != "." && s != ".." {
			all = append(all, s)
		}
		b = b[d.Reclen:]
	}
	return all
}

// testSizes writes and reads by all kinds of sizes, and goes down far.
func testSizes(t *T, m *mount, dir, ref string) {
	data := make([]byte, 300_123)
	rand.New(rand.NewSource(seed)).Read(data)
	for _, size := range []int{len(data), 131072 - 24, 16384 - 23, 5000} {
		f, err := os.Create(dir + "/f")
		t.ok(err)
		for b := range slices.Chunk(data, size) {
			n, err := f.Write(b)
			if n != len(b) || err != nil {
				t.Errorf("write of %d: %d %v", len(b), n, err)
			}
		}
		t.ok(f.Close())
		f, err = os.Open(dir + "/f")
		t.ok(err)
		got, err := io.ReadAll(struct{ io.Reader }{&chunks{f, size}})
		t.ok(err)
		t.ok(f.Close())
		if !bytes.Equal(got, data) {
			t.Errorf("by %d bytes: read back %d bytes, and others", size, len(got))
		}
	}
	deep := dir + strings.Repeat("/d", 20) // more than a walk takes names
	t.ok(os.MkdirAll(deep, 0o755))
	t.ok(write(deep+"/f", "deep", 0o644))
	os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	t.is("root, from nothing", has(deep+"/f", "deep"), nil)
	t.is("another, who walks all of it at once", other(func() error { return has(deep+"/f", "deep") }), nil)
}

// chunks reads by one size.
type chunks struct {
	io.Reader
	size int
}

func (c *chunks) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.size)]) }

// testDirect goes around the kernel's cache.
func testDirect(t *T, m *mount, dir, ref string) {
	data := make([]byte, 300000)
	rand.New(rand.NewSource(seed)).Read(data)
	t.ok(opened(dir+"/f", unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT, func(fd int) error {
		for off := 0; off < len(data); off += 65536 {
			b := data[off:min(off+65536, len(data))]
			if n, err := unix.Pwrite(fd, b, int64(off)); n != len(b) || err != nil {
				return fmt.Errorf("pwrite %d: %d %v", off, n, err)
			}
		}
		p := make([]byte, len(data)+100)
		n, err := unix.Pread(fd, p, 0)
		if n != len(data) || !bytes.Equal(p[:n], data) {
			return fmt.Errorf("pread: %d %v", n, err)
		}
		n, err = unix.Pread(fd, p[:1000], 1001)
		if n != 1000 || !bytes.Equal(p[:n], data[1001:2001]) {
			return fmt.Errorf("pread at 1001: %d %v", n, err)
		}
		return nil
	}))
	if got, err := os.ReadFile(dir + "/f"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read: %d bytes, %v", len(got), err)
	}
}

// testMmap maps files, and runs a program from the mount.
func testMmap(t *T, m *mount, dir, ref string) {
	data := bytes.Repeat([]byte("page "), 4000)
	t.ok(os.WriteFile(dir+"/f", data, 0o644))
	t.ok(opened(dir+"/f", unix.O_RDWR, func(fd int) error {
		b, err := unix.Mmap(fd, 0, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("private: %w", err)
		}
		if !bytes.Equal(b, data) {
			return errors.New("the mapping has other bytes than the file")
		}
		copy(b, "changed")
		if err := errors.Join(unix.Munmap(b), has(dir+"/f", string(data))); err != nil {
			return err
		}
		b, err = unix.Mmap(fd, 0, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if !m.cached() {
			if err == nil {
				return errors.Join(errors.New("mapped to write without a cache"), unix.Munmap(b))
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("shared: %w", err)
		}
		copy(b[len(b)-7:], "changed")
		return errors.Join(unix.Msync(b, unix.MS_SYNC), unix.Munmap(b))
	}))
	if m.cached() {
		copy(data[len(data)-7:], "changed")
		t.is("what was written by the mapping", has(dir+"/f", string(data)), nil)
	}
	self, err := os.ReadFile("/proc/self/exe")
	t.ok(err)
	syscall.ForkLock.RLock() // no process may start meanwhile, with the file open to write
	err = write(dir+"/prog", string(self), 0o755)
	syscall.ForkLock.RUnlock()
	t.ok(err)
	o, err := exec.Command(dir+"/prog", "ok").CombinedOutput()
	if string(o) != "ok\n" || err != nil {
		t.Errorf("a program of the mount: %q %v", o, err)
	}
}

// testKind has a mount of memory be told from memory in the way that diskfs does: statfs(2) says what
// the server says.
func testKind(t *T, _ *mount, dir, _ string) {
	var sfs unix.Statfs_t
	t.ok(unix.Statfs(dir, &sfs))
	if sfs.Type != unix.TMPFS_MAGIC {
		t.Errorf("its magic is %#x, no longer the server's: diskfs need not doubt it", sfs.Type)
	}
	var st unix.Statx_t
	t.ok(unix.Statx(unix.AT_FDCWD, dir, 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st))
	if st.Mask&unix.STATX_BTIME != 0 || st.Dev_major != 0 {
		t.Errorf("it tells times of birth (%#x), or has a device, %d:%d", st.Mask, st.Dev_major, st.Dev_minor)
	}
	t.ok(unix.Statx(unix.AT_FDCWD, "/ref", 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st))
	if st.Mask&unix.STATX_BTIME == 0 {
		t.Errorf("memory does not (%#x)", st.Mask)
	}
}
