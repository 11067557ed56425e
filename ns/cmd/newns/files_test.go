package newns_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// client is what this binary does when it is run inside a name space: file work
// in the directories of the arguments. It must be another process than the one
// that serves. It prints what is wrong.
func client(dirs []string) int {
	status := 0
	for i, dir := range dirs {
		other := dir // the same directory by another mount
		if i+1 < len(dirs) && dirs[i+1][0] == '=' {
			other = dirs[i+1][1:]
		}
		if dir[0] == '=' {
			continue
		}
		for i, c := range work {
			w := fmt.Sprint("w", i) // by the other mount names are what they were a second ago
			name := filepath.Join(dir, w)
			if err := os.Mkdir(name, 0o755); err != nil {
				fmt.Println(err)
				return 1
			}
			if err := c.do(name, filepath.Join(other, w)); err != nil {
				fmt.Printf("%s: %s: %v\n", dir, c.name, err)
				status = 1
			}
			if err := os.RemoveAll(name); err != nil {
				fmt.Printf("%s: %s: %v\n", dir, c.name, err)
				return 1
			}
		}
	}
	return status
}

func want(got, want string, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%q, not %q", got, want)
	}
	return err
}

var work = []struct {
	name string
	do   func(dir, other string) error
}{
	{"write and read", func(d, _ string) error {
		big := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
		err := os.WriteFile(d+"/f", big, 0o644)
		b, rerr := os.ReadFile(d + "/f")
		if err := errors.Join(err, rerr); err != nil || !bytes.Equal(b, big) {
			return fmt.Errorf("%d bytes, %w", len(b), err)
		}
		return nil
	}},
	{"open flags", func(d, _ string) error {
		open := func(flags int, text string) error {
			f, err := os.OpenFile(d+"/f", flags, 0o640)
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			return errors.Join(err, f.Close())
		}
		if err := open(os.O_CREATE|os.O_EXCL|os.O_WRONLY, "one"); err != nil {
			return err
		}
		if err := open(os.O_CREATE|os.O_EXCL|os.O_WRONLY, ""); !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("O_EXCL: %v", err)
		}
		if err := open(os.O_APPEND|os.O_WRONLY, "two"); err != nil {
			return err
		}
		if err := open(os.O_RDWR, "O"); err != nil {
			return err
		}
		b, err := os.ReadFile(d + "/f")
		if err := want(string(b), "Onetwo", err); err != nil {
			return err
		}
		if err := open(os.O_CREATE|os.O_TRUNC|os.O_WRONLY, "3"); err != nil {
			return err
		}
		b, err = os.ReadFile(d + "/f")
		return want(string(b), "3", err)
	}},
	{"two that append", func(d, _ string) error {
		a, err := os.OpenFile(d+"/f", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer a.Close()
		b, err := os.OpenFile(d+"/f", os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer b.Close()
		for range 3 {
			a.WriteString("a")
			b.WriteString("b")
		}
		s, err := os.ReadFile(d + "/f")
		return want(string(s), "ababab", err)
	}},
	{"copied by the kernel", func(d, other string) error {
		from, err := os.OpenFile(d+"/f", os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer from.Close()
		to, err := os.OpenFile(d+"/g", os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer to.Close()
		text := make([]byte, 300<<10)
		for i := range text {
			text[i] = byte(i % 251)
		}
		from.Write(text)
		to.Write(make([]byte, 1000))
		if _, err := os.ReadFile(d + "/g"); err != nil { // so that the kernel knows it
			return err
		}
		for _, c := range []struct{ off, at, n int }{{0, 10, 20}, {100, 500, 200 << 10}, {290 << 10, 0, 1 << 20}, {1 << 20, 0, 1}} {
			off, at := int64(c.off), int64(c.at)
			for n := c.n; n > 0; { // it may copy less
				m, err := unix.CopyFileRange(int(from.Fd()), &off, int(to.Fd()), &at, n, 0)
				if err != nil {
					return fmt.Errorf("%v: %w", c, err)
				}
				if m == 0 {
					break
				}
				n -= m
			}
		}
		expect := make([]byte, 500+200<<10)
		copy(expect[10:], text[:20])
		copy(expect[500:], text[100:][:200<<10])
		copy(expect, text[290<<10:])
		for _, name := range []string{d, other} {
			b, err := os.ReadFile(name + "/g")
			if err != nil || !bytes.Equal(b, expect) {
				return fmt.Errorf("%s: %d bytes, not the right %d (%v)", name, len(b), len(expect), err)
			}
		}
		b := make([]byte, 100)
		_, err = to.ReadAt(b, 600)
		return want(string(b), string(expect[600:700]), err)
	}},
	{"removed while open", func(d, _ string) error {
		f, err := os.OpenFile(d+"/f", os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		f.WriteString("text")
		if err := os.Remove(d + "/f"); err != nil {
			return err
		}
		f.WriteString("more")
		if err := f.Truncate(6); err != nil {
			return err
		}
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		b := make([]byte, 10)
		n, _ := f.ReadAt(b, 0)
		return want(fmt.Sprint(string(b[:n]), fi.Size()), "textmo6", nil)
	}},
	{"mmap", func(d, _ string) error {
		f, err := os.OpenFile(d+"/f", os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Truncate(10000); err != nil {
			return err
		}
		for _, flag := range []int{syscall.MAP_SHARED, syscall.MAP_PRIVATE} {
			m, err := syscall.Mmap(int(f.Fd()), 0, 10000, syscall.PROT_READ|syscall.PROT_WRITE, flag)
			if err != nil {
				return err
			}
			if flag == syscall.MAP_SHARED {
				copy(m[5000:], "shared")
			} else if err := want(string(m[5000:5006]), "shared", nil); err != nil {
				return err
			}
			if err := syscall.Munmap(m); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
		}
		b, err := os.ReadFile(d + "/f")
		if err != nil || len(b) != 10000 {
			return fmt.Errorf("%d bytes: %w", len(b), err)
		}
		return want(string(b[4999:5007]), "\x00shared\x00", nil)
	}},
	{"exec", func(d, _ string) error {
		b, err := os.ReadFile("/bin/echo")
		if err != nil {
			return err
		}
		if err := os.WriteFile(d+"/e", b, 0o755); err != nil {
			return err
		}
		out, err := exec.Command(d+"/e", "ran").Output()
		return want(string(out), "ran\n", err)
	}},
	{"names", func(d, _ string) error {
		if err := errors.Join(os.WriteFile(d+"/f", []byte("f"), 0o600), os.WriteFile(d+"/g", []byte("g"), 0o600), os.Mkdir(d+"/d", 0o700),
			os.Link(d+"/f", d+"/l"), os.Symlink("../f", d+"/d/s"), os.Rename(d+"/f", d+"/g"), os.Rename(d+"/g", d+"/d/g"),
			os.Rename(d+"/d", d+"/e"), os.Mkdir(d+"/e/deep", 0o755), os.WriteFile(d+"/e/deep/x", []byte("x"), 0o644)); err != nil {
			return err
		}
		b, err := os.ReadFile(d + "/e/deep/x")
		if err := want(string(b), "x", err); err != nil {
			return err
		}
		a, aerr := os.Stat(d + "/l")
		g, gerr := os.Stat(d + "/e/g")
		if err := errors.Join(aerr, gerr); err != nil {
			return err
		}
		if !os.SameFile(a, g) || a.Sys().(*syscall.Stat_t).Nlink != 2 {
			return fmt.Errorf("a link is not the file: %v %v", a.Sys(), g.Sys())
		}
		target, err := os.Readlink(d + "/e/s")
		if err := want(target, "../f", err); err != nil {
			return err
		}
		if err := os.Remove(d + "/e"); !errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("rmdir of a full directory: %v", err)
		}
		if err := syscall.Rename(d+"/l", d+"/e"); !errors.Is(err, syscall.EISDIR) {
			return fmt.Errorf("file over directory: %v", err)
		}
		return nil
	}},
	{"attributes", func(d, _ string) error {
		when := time.Unix(1e9, 123456789)
		if err := errors.Join(os.WriteFile(d+"/f", []byte("12345"), 0o644), os.Chmod(d+"/f", 0o640), os.Chtimes(d+"/f", when, when)); err != nil {
			return err
		}
		fi, err := os.Stat(d + "/f")
		if err != nil {
			return err
		}
		return want(fmt.Sprint(fi.Mode().String(), fi.Size(), fi.ModTime().UnixNano()), fmt.Sprint("-rw-r-----", 5, when.UnixNano()), nil)
	}},
	{"locks", func(d, _ string) error {
		f, err := os.OpenFile(d+"/f", os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		g, err := os.OpenFile(d+"/f", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer g.Close()
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		if err := syscall.Flock(int(g.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
			return fmt.Errorf("second flock: %v", err)
		}
		lk := syscall.Flock_t{Type: syscall.F_WRLCK, Len: 10}
		return syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lk)
	}},
	{"many entries", func(d, other string) error {
		n := 1_000
		if other != d && os.Getenv("NS_MANY") != "" {
			n = 12_000
		}
		for i := range n {
			if err := os.Symlink("x", fmt.Sprintf("%s/%05d", d, i)); err != nil {
				return err
			}
		}
		f, err := os.Open(d)
		if err != nil {
			return err
		}
		defer f.Close()
		var names []string
		for {
			more, _ := f.Readdirnames(100)
			if len(more) == 0 {
				break
			}
			for _, m := range more[:len(more)/2] { // a listing bears removals
				os.Remove(d + "/" + m)
			}
			names = append(names, more...)
		}
		slices.Sort(names)
		if got := len(slices.Compact(names)); got != n {
			return fmt.Errorf("%d entries, not %d", got, n)
		}
		left, err := os.ReadDir(d)
		return want(fmt.Sprint(len(left)), fmt.Sprint(n/2), err)
	}},
	{"long and short", func(d, _ string) error { // the kernel may read and write the long ones by itself
		long := strings.Repeat("ninespace ", 20_000)
		if err := os.WriteFile(d+"/l", []byte(long), 0o644); err != nil {
			return err
		}
		a, err := os.OpenFile(d+"/l", os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer a.Close()
		if _, err := a.WriteString("end"); err != nil {
			return err
		}
		b, err := os.ReadFile(d + "/l")
		if err := want(string(b), long+"end", err); err != nil {
			return fmt.Errorf("appended: %w", err)
		}
		if err := a.Truncate(7); err != nil {
			return err
		}
		b, err = os.ReadFile(d + "/l")
		if err := want(string(b), long[:7], err); err != nil {
			return fmt.Errorf("truncated: %w", err)
		}

		// A short file that grows while it is read, and then a long one that is
		// replaced while it is.
		if err := os.WriteFile(d+"/s", []byte("short"), 0o644); err != nil {
			return err
		}
		for i, text := range []string{long, "short", long + long, ""} {
			r, err := os.Open(d + "/s")
			if err != nil {
				return err
			}
			defer r.Close()
			if _, err := io.ReadAll(r); err != nil {
				return err
			}
			w, err := os.OpenFile(d+"/s", os.O_RDWR|os.O_TRUNC, 0)
			if err != nil {
				return err
			}
			defer w.Close()
			if _, err := w.WriteString(text); err != nil {
				return err
			}
			for _, f := range []*os.File{r, w} {
				b, err := io.ReadAll(io.NewSectionReader(f, 0, int64(2*len(long)+1)))
				if err := want(string(b), text, err); err != nil {
					return fmt.Errorf("step %d: %w", i, err)
				}
			}
			b, err := os.ReadFile(d + "/s")
			if err := want(string(b), text, err); err != nil {
				return fmt.Errorf("step %d: opened again: %w", i, err)
			}
			if i%2 == 1 {
				r.Close()
				w.Close()
			}
		}

		m, err := os.OpenFile(d+"/m", os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		defer m.Close()
		if _, err := m.WriteString(long); err != nil {
			return err
		}
		mem, err := syscall.Mmap(int(m.Fd()), 0, len(long), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		if err != nil {
			return err
		}
		copy(mem, "memory")
		got := string(mem[:12])
		if err := syscall.Munmap(mem); err != nil {
			return err
		}
		if err := want(got, "memoryace ni", m.Sync()); err != nil {
			return fmt.Errorf("mapped: %w", err)
		}
		if err := os.Remove(d + "/m"); err != nil {
			return err
		}
		first := make([]byte, 12)
		_, err = m.ReadAt(first, 0)
		if err := want(string(first), got, err); err != nil {
			return fmt.Errorf("removed: %w", err)
		}
		return nil
	}},
	{"changed elsewhere", func(d, other string) error {
		for i, text := range []string{"one", "two", "three", "four", "", "five"} {
			// Same sizes, others, and by rename: what is opened is what is there.
			if err := os.WriteFile(other+"/f", []byte(text), 0o644); err != nil {
				return err
			}
			b, err := os.ReadFile(d + "/f")
			if err := want(string(b), text, err); err != nil {
				return fmt.Errorf("write %d: %w", i, err)
			}
			if fi, err := os.Stat(d + "/f"); err != nil || fi.Size() != int64(len(text)) {
				return fmt.Errorf("write %d: size %d, %w", i, fi.Size(), err)
			}
		}
		return nil
	}},
	{"inotify", func(d, other string) error {
		fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		if _, err := syscall.InotifyAddWatch(fd, d, syscall.IN_CREATE); err != nil {
			return err
		}
		told := "made elsewhere, made here"
		if other != d { // another mount, of which this one is not told
			told = "made here"
		}
		for _, name := range []string{other + "/made elsewhere", d + "/made here"} {
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				return err
			}
		}
		var got []string
		for len(got) == 0 || got[len(got)-1] != "made here" {
			b := make([]byte, 4096)
			n, err := syscall.Read(fd, b)
			if err != nil {
				return err
			}
			for b = b[:n]; len(b) > 0; {
				size := binary.NativeEndian.Uint32(b[12:])
				name := b[16 : 16+size]
				got = append(got, string(bytes.TrimRight(name, "\x00")))
				b = b[16+size:]
			}
		}
		return want(strings.Join(got, ", "), told, nil)
	}},
}

// TestFiles has file work in directories of the host's and of a server, which the
// kernel and the engine serve alike.
func TestFiles(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe) // go's own place is the tester's alone
	if err != nil {
		t.Fatal(err)
	}
	c := filepath.Join(place, "client")
	if err := os.WriteFile(c, b, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NS_CLIENT", "1")
	each(t, func(t *testing.T, s *session) {
		s.ramfs(t)
		if s.user && !s.noGraft { // once is enough: it takes a while
			t.Setenv("NS_MANY", "1")
		}
		out, err := s.run(t, "mount #s/ram /n/ram\nmount #s/ram /n/r2", c+" $D/b /n/ram =/n/r2")
		if err != nil || out != "" {
			t.Errorf("%v\n%s", err, out)
		}
		clean0(t, s)
	})
}

// TestSetid has set-id bits go when someone else writes, whoever does the writing.
func TestSetid(t *testing.T) {
	for _, noGraft := range []bool{false, true} {
		s := newSession(t, false, noGraft)
		out, err := s.run(t, "", `
			cd $D/a
			other() { setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'echo x >>'$1; }
			for size in 1 100; do
				for open in no yes; do
					rm -f f
					dd if=/dev/zero of=f bs=1k count=$size status=none
					chmod 6777 f
					if [ $open = yes ]; then exec 3<f; fi
					other f
					stat -c '%a %s' f
					exec 3<&-
				done
			done`)
		if want := "777 1026\n777 1026\n777 102402\n777 102402\n"; err != nil || out != want {
			t.Errorf("nograft %v: %v\n%s", noGraft, err, out)
		}
	}
}

// clean0 checks that nothing but the session's server is left.
func clean0(t *testing.T, s *session) {
	t.Helper()
	until(t, "end of the session", func() bool { return len(processes(t, "nsd"))+len(processes(t, "newns")) == 0 })
}
