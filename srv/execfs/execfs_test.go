package execfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct{ cmd, status string }{
		{"exec true", ""},
		{"exec sh -c 'exit 0'", ""},
		{"exec sh -c 'exit 1'", "exit 1"},
		{"exec sh -c 'exit 7'", "exit 7"},
		{"exec sh -c 'exit 255'", "exit 255"},
		{"exec sh -c 'kill -KILL $$'", "signal 9 (killed)"},
		{"exec sh -c 'kill -TERM $$'", "signal 15 (terminated)"},
		{"exec sh -c '\nexit 3\n'", "exit 3"},
	} {
		t.Run(c.cmd, func(t *testing.T) {
			each(t, Config{}, func(x *tree) {
				v := x.clone()
				v.must(c.cmd)
				w := v.wait()
				if w.Status != c.status || w.Pid <= 0 {
					x.Errorf("%+v, want status %q", w, c.status)
				}
				if again := v.wait(); again != w {
					x.Errorf("read again: %+v, want %+v", again, w)
				}
				if st := v.text("status"); !strings.Contains(st, "state ended\n") || !strings.Contains(st, "wait "+srv.Quote(c.status)+"\n") {
					x.Errorf("status: %q", st)
				}
				v.end()
			})
		})
	}
}

// TestCore sees the core flag, which is the kernel's to set whatever becomes of the file.
func TestCore(t *testing.T) {
	each(t, Config{Dir: t.TempDir()}, func(x *tree) {
		v := x.clone()
		v.must("exec sh -c 'ulimit -c unlimited; kill -ABRT $$'")
		ws, err := srv.ParseStatus(v.wait().Status)
		if err != nil || ws.Signal() != syscall.SIGABRT {
			x.Errorf("%v, %v", ws, err)
		}
		v.end()
	})
}

func TestOutput(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name     string
		ctl      []string
		in       string
		out, err string
	}{
		{"both", []string{"exec sh -c 'echo out; echo err >&2'"}, "", "out\n", "err\n"},
		{"stdin", []string{"exec cat"}, "some\ntext", "some\ntext", ""},
		{"dir", []string{"dir " + srv.Quote(dir), "exec pwd"}, "", dir + "\n", ""},
		{"env", []string{"env A=1 'B=2 3'", "env A=4", "exec sh -c 'echo $A $B'"}, "", "4 2 3\n", ""},
		{"no env", []string{"env -", "env C=5", "exec env"}, "", "C=5\n", ""},
		{"arg0", []string{"arg0 -other", "exec sh -c 'echo $0'"}, "", "-other\n", ""},
		{"words", []string{"exec printf '%s|' '' 'it''s' 'a\nb' c"}, "", "|it's|a\nb|c|", ""},
		{"lines", []string{"env A=1\nexec sh -c 'echo $A'"}, "", "1\n", ""},
		{"no descriptors", []string{"exec sh -c 'ls /proc/$$/fd; true'"}, "", "0\n1\n2\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, Config{}, func(x *tree) {
				v := x.clone()
				v.must(c.ctl...)
				in := v.file("0", p9.OWRITE)
				v.write(in, c.in)
				in.Clunk(x.ctx)
				if out, err := v.text("1"), v.text("2"); out != c.out || err != c.err {
					x.Errorf("out %q, err %q; want %q, %q", out, err, c.out, c.err)
				}
				if w := v.wait(); w.Status != "" {
					x.Errorf("status %q", w.Status)
				}
				v.end()
			})
		})
	}
}

// TestInheritedDescriptor: one that this process was given, or made without
// close-on-exec, is not handed on.
func TestInheritedDescriptor(t *testing.T) {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must(fmt.Sprintf("exec sh -c 'test -e /proc/self/fd/%d'", fd))
		if w := v.wait(); w.Status != "exit 1" {
			x.Errorf("status %q: descriptor %d is open in the command", w.Status, fd)
		}
		v.end()
	})
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode fs.FileMode, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := write("plain", 0o644, "#!/bin/sh\n")
	script := write("script", 0o755, "#!/no/such/interpreter\n")
	for _, c := range []struct {
		ctl   []string
		errno syscall.Errno
		text  string
	}{
		{[]string{"exec no-such-command"}, syscall.ENOENT, "exec no-such-command: not found in /"},
		{[]string{"env PATH=/nowhere:/no", "exec true"}, syscall.ENOENT, "exec true: not found in /nowhere:/no"},
		{[]string{"exec /no/such/command"}, syscall.ENOENT, "exec /no/such/command: file does not exist"},
		{[]string{"exec " + plain}, syscall.EACCES, "permission denied"},
		{[]string{"env PATH=" + dir, "exec plain"}, syscall.EACCES, plain + ": permission denied"},
		{[]string{"exec " + dir}, syscall.EACCES, "permission denied"},
		{[]string{"exec " + script}, syscall.ENOENT, script + ": interpreter not found"},
		{[]string{"exec"}, syscall.EINVAL, "usage: exec"},
		{[]string{"exec 'true"}, syscall.EINVAL, "unclosed quote"},
		{[]string{"dir /no/such/dir"}, syscall.ENOENT, "dir /no/such/dir: "},
		{[]string{"dir " + plain}, syscall.ENOTDIR, "not a directory"},
		{[]string{"env A"}, syscall.EINVAL, "bad variable A"},
		{[]string{"winsize 10 20"}, syscall.ENOTTY, "no pty"},
		{[]string{"winsize x 20"}, syscall.EINVAL, "bad number x"},
		{[]string{"note nonsense"}, syscall.EINVAL, "unknown note nonsense"},
		{[]string{"note interrupt"}, syscall.ESRCH, "no command"},
		{[]string{"nice"}, syscall.EINVAL, "usage: nice priority"},
		{[]string{"nice high"}, syscall.EINVAL, "bad priority high: -20 to 19"},
		{[]string{"nice 20"}, syscall.EINVAL, "bad priority 20: -20 to 19"},
		{[]string{"uid"}, syscall.EINVAL, "usage: uid user"},
		{[]string{"limit"}, syscall.EINVAL, "usage: limit cpu|memory|pids value"},
		{[]string{"limit files 3"}, syscall.EINVAL, "unknown limit files: not one of cpu, memory, pids"},
		{[]string{"limit memory much"}, syscall.EINVAL, "bad value much"},
		{[]string{"limit memory 99999999999T"}, syscall.EINVAL, "bad value 99999999999T"},
		{[]string{"limit memory K"}, syscall.EINVAL, "bad value K"},
		{[]string{"limit cpu .5"}, syscall.EINVAL, "bad value .5: not a percentage of one processor, as 50%, or unlimited"},
		{[]string{"limit memory max"}, syscall.EINVAL, "bad value max: not a number, one with K, M, G or T, or unlimited"},
		{[]string{"limit pids 1.5"}, syscall.EINVAL, "bad value 1.5"},
		{[]string{"detach"}, syscall.ESRCH, "no command is running"},
		{[]string{"uid a b"}, syscall.EINVAL, "usage: uid user"},
		{[]string{"frob"}, syscall.EINVAL, "unknown control message"},
		{[]string{"exec true", "exec true"}, syscall.EBUSY, "already started"},
		{[]string{"exec true", "dir /"}, syscall.EBUSY, "already started"},
	} {
		t.Run(strings.Join(c.ctl, ";"), func(t *testing.T) {
			each(t, Config{}, func(x *tree) {
				v := x.clone()
				err := v.cmd(c.ctl...)
				if !x.is(err, c.errno) {
					x.Errorf("%v, want %v", err, c.errno)
				}
				if st := v.text("status"); !strings.Contains(st, "err ") || !strings.Contains(strings.ReplaceAll(st, "''", "'"), c.text) {
					x.Errorf("status %q lacks %q", st, c.text)
				}
				if !strings.HasSuffix(x.Name(), ".L") && !strings.Contains(err.Error(), c.text) {
					x.Errorf("%q lacks %q", err, c.text)
				}
				if c.ctl[0] != "exec true" {
					v.must("env PATH=/usr/bin:/bin", "exec true") // a failure is not the end
				}
				v.wait()
				v.end()
			})
		})
	}
}

// TestThrough sends a lot through cat and compares.
func TestThrough(t *testing.T) {
	size := 100 << 20
	if testing.Short() {
		size = 4 << 20
	}
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("exec cat")
		in, out := v.file("0", p9.OWRITE), v.file("1", p9.OREAD)
		sent, got := sha256.New(), sha256.New()
		var wg sync.WaitGroup
		wg.Go(func() {
			block := bytes.Repeat([]byte("0123456789abcdef!"), 7711)
			for left := size; left > 0; {
				b := block[:min(left, len(block))]
				n, err := in.Write(x.ctx, b, 0)
				if err != nil {
					x.Error(err)
					break
				}
				sent.Write(b[:n])
				left -= n
			}
			in.Clunk(x.ctx)
		})
		p, total := make([]byte, 128<<10), 0
		for {
			n, err := out.Read(x.ctx, p, int64(total))
			got.Write(p[:n])
			total += n
			if err != nil && err != io.EOF {
				x.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		wg.Wait()
		if total != size || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
			x.Errorf("%d bytes of %d came back, or others", total, size)
		}
		out.Clunk(x.ctx)
		v.end()
	})
}

// TestFlush flushes reads of a stream at every moment and loses nothing.
func TestFlush(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("exec cat")
		in, out := v.file("0", p9.OWRITE), v.file("1", p9.OREAD)
		var want, got bytes.Buffer
		p := make([]byte, 512)
		for i := range 300 {
			ctx, cancel := context.WithCancel(x.ctx)
			var wg sync.WaitGroup
			wg.Go(func() {
				n, err := out.Read(ctx, p, 0)
				if err == nil {
					got.Write(p[:n])
				}
			})
			line := fmt.Sprintf("line %d\n", i)
			if i%3 == 0 {
				cancel() // before there are data
			}
			want.WriteString(line)
			v.write(in, line)
			cancel()
			wg.Wait()
		}
		in.Clunk(x.ctx)
		got.Write(v.all(out))
		if got.String() != want.String() {
			x.Errorf("%d bytes of %d", got.Len(), want.Len())
		}
		out.Clunk(x.ctx)
		v.end()
	})
}

// TestBackPressure: what nobody reads blocks its writer, and is in no memory of ours.
func TestBackPressure(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("exec sh -c 'head -c 1073741824 /dev/zero; echo done >&2'")
		pid := v.field("pid")
		until(x.T, "blocked in its write", func() (string, bool) {
			// head is the shell's child; it sleeps in pipe_write.
			kids, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
			io, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(kids)) + "/stat")
			_, rest, _ := strings.Cut(string(io), ") ")
			return string(io), strings.HasPrefix(rest, "S")
		})
		v.must("kill")
		if n := len(v.text("1")); n > 1<<20 {
			x.Errorf("%d bytes were waiting", n)
		}
		if w := v.wait(); w.Status != "signal 9 (killed)" {
			x.Errorf("status %q", w.Status)
		}
		v.end()
	})
}

// field is a value of the file status.
func (c *conversation) field(name string) string {
	c.Helper()
	for line := range strings.Lines(c.text("status")) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// TestPwd holds that a command's PWD is where it runs, whatever the server's is.
func TestPwd(t *testing.T) {
	t.Setenv("PWD", "/nowhere")
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("dir /usr", "exec printenv PWD")
		if s := v.text("1"); s != "/usr\n" {
			x.Errorf("PWD is %q", s)
		}
		v.wait()
		v.end()
	})
}
