package newns_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
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
		for _, c := range work {
			name := filepath.Join(dir, "w")
			if err := os.Mkdir(name, 0o755); err != nil {
				fmt.Println(err)
				return 1
			}
			if err := c.do(name, filepath.Join(other, "w")); err != nil {
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

// clean0 checks that nothing but the session's server is left.
func clean0(t *testing.T, s *session) {
	t.Helper()
	until(t, "end of the session", func() bool { return len(processes(t, "nsd"))+len(processes(t, "newns")) == 0 })
}
