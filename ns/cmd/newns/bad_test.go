package newns_test

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// grafted runs a test as root and as a user.
func grafted(t *testing.T, do func(t *testing.T, s *session)) {
	for _, user := range []bool{false, true} {
		name := "root"
		if user {
			name = "user"
		}
		t.Run(name, func(t *testing.T) { do(t, newSession(t, user, false)) })
	}
}

// waiting tells whether a process of a command line sleeps in the kernel.
func waiting(argv ...string) bool {
	for _, pid := range globArgs(argv...) {
		w, _ := os.ReadFile(filepath.Join("/proc", pid, "wchan"))
		if strings.Contains(string(w), "fuse") || strings.Contains(string(w), "request_wait") {
			return true
		}
		tasks, _ := filepath.Glob("/proc/" + pid + "/task/*/syscall")
		for _, f := range tasks {
			if s, _ := os.ReadFile(f); strings.HasPrefix(string(s), "1 ") || strings.HasPrefix(string(s), "0 ") { // write(2), read(2)
				return true
			}
		}
	}
	return false
}

// globArgs gives the processes of a command line that are these tests' own: the same tests may run
// elsewhere on the machine, or have left some there.
func globArgs(argv ...string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		proc := filepath.Dir(f)
		if b, _ := os.ReadFile(f); string(b) != strings.Join(argv, "\x00")+"\x00" {
			continue
		}
		if dir, _ := os.Readlink(proc + "/cwd"); strings.Contains(dir, place) {
			pids = append(pids, filepath.Base(proc))
		}
	}
	return pids
}

// TestMute has a server that takes a connection and never says a word: a mount of
// it can be interrupted, and nothing is half done.
func TestMute(t *testing.T) {
	grafted(t, func(t *testing.T, s *session) {
		l, err := net.Listen("unix", s.dir+"/srv/mute")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if s.user {
			os.Chown(s.dir+"/srv/mute", nobody, nobody)
		}
		cmd := s.command(t, "", "trap : INT; echo; mount mute /n/mute || echo $?; bind a b; cat b/x; ls /n; ns")
		r := start(t, cmd)
		until(t, "mount waits", func() bool { return waiting("mount", "mute", "/n/mute") })
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		b, err := io.ReadAll(r)
		cmd.Wait()
		want := "130\na/x\nbind " + s.dir + "/a " + s.dir + "/b\ncd " + s.dir + "\n"
		if err != nil || string(b) != want {
			t.Errorf("%q, not %q, %v", b, want, err)
		}
		clean(t)
	})
}

// TestHung has names that lead to servers that answer no more, not even a flush:
// who waits for one can be killed, and a bind be given up, with nothing done.
func TestHung(t *testing.T) {
	s := newSession(t, true, false)
	s.serve(t, "real", srv.NewDir().Add("q", srv.NewQueue(0o666)).Add("d", srv.NewDir().Add("e", srv.NewDir())))
	lines := ""
	var shut []func(bool)
	for _, h := range []string{"h", "h2", "h3"} {
		shut = append(shut, stall(t, s.dir+"/srv/"+h, s.dir+"/srv/real", true))
		lines += "mount #s/" + h + " /n/" + h + "\n"
	}
	cmd := s.command(t, lines, `trap : INT; echo; cat /n/h/q; bind /n/h2/d/e b || echo $?; ls -l /n/h3 || echo $?
		bind a b; cat b/x; ns; unmount /n/h3; ls /n`)
	r := start(t, cmd)
	until(t, "cat waits", func() bool { return blocked(t, "cat", "/n/h/q") })
	for _, shut := range shut {
		shut(true)
	}
	for _, c := range [][]string{{"cat", "/n/h/q"}, {"bind", "/n/h2/d/e", "b"}, {"ls", "-l", "/n/h3"}} {
		until(t, c[0]+" waits", func() bool { return waiting(c...) })
		for _, pid := range globArgs(c...) {
			n, _ := strconv.Atoi(pid)
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
	b, err := io.ReadAll(r)
	cmd.Wait()
	got := strings.ReplaceAll(string(b), s.dir, "D")
	want := "137\n137\na/x\nmount #s/h /n/h\nmount #s/h2 /n/h2\nmount #s/h3 /n/h3\nbind D/a D/b\ncd D\nh\nh2\n"
	if err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	clean(t)
}

// A liar is a directory that lists what it likes, in which every name is itself.
type liar struct {
	srv.Node
	names []string // nil: no end
	n     uint64   // asked for attributes so often
	turns bool     // a file and a directory by turns
}

func (l *liar) Walk(_ context.Context, name string) (srv.File, error) { return l, nil }

func (l *liar) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := l.Node.Stat(ctx)
	if l.n++; l.turns && l.n%2 == 0 {
		st.Mode, st.Qid.Type = 0o666, 0
	}
	return st, err
}

func (l *liar) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := cookie; l.names == nil || i < uint64(len(l.names)); i++ {
			e := p9.Dirent{Name: "again", Cookie: i + 1, Qid: p9.Qid{Path: 7}}
			if l.names != nil {
				e.Name = l.names[i]
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// An odd directory fails with a number that is no error of Linux's.
type odd struct {
	srv.Node
	errno syscall.Errno
}

func (o *odd) Walk(context.Context, string) (srv.File, error) {
	return nil, p9.NewError(o.errno, "odd")
}

// TestLiar has a server that lies: there are errors, and all else goes on.
func TestLiar(t *testing.T) {
	grafted(t, func(t *testing.T, s *session) {
		dir := func(names ...string) *liar { return &liar{Node: srv.NewNode(fs.ModeDir | 0o777), names: names} }
		turns := dir("x")
		turns.turns = true
		s.serve(t, "liar", srv.NewDir().Add("names", dir("ok", "a/b", "..", "", "n\x00", "also")).Add("endless", dir()).
			Add("same", dir("x")).Add("turns", turns).
			Add("odd", &odd{srv.NewNode(fs.ModeDir | 0o777), 99999}).Add("odder", &odd{srv.NewNode(fs.ModeDir | 0o777), 1<<31 + 5}))
		for _, c := range []struct{ script, want string }{
			{"ls /n/l/names 2>$D/err; grep -c names $D/err", "also\nok\n1\n"},
			{"for d in odd odder; do timeout -s KILL 10 stat /n/l/$d/x 2>&1 | sed 's/.*: //'; done", "Input/output error\nInput/output error\n"},
			{"ls -U /n/l/endless | head -2; bind a b; cat b/x", "again\nagain\na/x\n"},
			{"timeout -s INT 0.2 ls -U /n/l/endless >/dev/null 2>&1; cat a/x", "a/x\n"},
			{"ls -U /n/l/endless 2>&1 >/dev/null | sed 's/.*: //'", "File too large\n"},
			{"bind /n/l/endless b; bind -a a b; cat a/x; unmount b; cat b/x", "a/x\nb/x\n"},
			{"ls /n/l/same/x/x/x/x; bind a /n/l/same; ls /n/l/same; bind /n/l/same/sub b; ls b", "x\nax\nsub\nx\ns\n"},
			{"(ls /n/l/turns; cat /n/l/turns; ls /n/l/turns/x/x; bind /n/l/turns b; bind a /n/l/turns/x) >/dev/null 2>&1; cat a/x", "a/x\n"},
		} {
			got, _ := s.run(t, "mount #s/liar /n/l", c.script)
			if got != c.want {
				t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, c.want)
			}
		}
		clean(t)
	})
}

// TestLoop has a directory within itself: what walks through it ends.
func TestLoop(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		got, _ := s.run(t, "bind $D/a $D/a/sub", "find a -name ax 2>/dev/null | grep -q . && echo ends; unmount a/sub; find a -name s; bind $D $D/c; ls c/c/c/c/a")
		if got != "ends\na/sub/s\nax\nsub\nx\n" {
			t.Errorf("%q", got)
		}
		clean(t)
	})
}

// TestNoMount has a group that may mount no more use Linux's own means.
func TestNoMount(t *testing.T) {
	grafted(t, func(t *testing.T, s *session) {
		for _, c := range []struct{ script, want string }{
			{"bind a b; rfork nm sh -c 'umount b || command -p mount -t tmpfs none b || command -p mount --bind c b; cat b/x; bind c b; ls b' 2>/dev/null; ls b", "a/x\ncx\nax\nsub\nx\n"},
			{"rfork nm sh -c 'echo bind $D/a /n >/proc/$0/root/mnt/ns/ctl' $$ 2>/dev/null; ls /n", ""},
			{"rfork nm sh -c 'command -p umount b; command -p mount -t tmpfs none b; command -p mount --bind c b' 2>/dev/null; bind a b; rfork nm command -p umount b 2>/dev/null; rfork nm cat b/x", "a/x\n"},
			// CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_SYS_ADMIN
			{`rfork nm sh -c 'p=0x$(sed -n "s/CapPrm:.//p" /proc/self/status); echo $((p >> 2 & 1)) $((p >> 19 & 1)) $((p >> 21 & 1))'`, "0 0 0\n"},
			{"rfork m sh -c 'rfork n true' 2>&1", "rfork: new mount namespace: mount/attach disallowed\n"},
			{"rfork m true; newns -n nsfile true && rfork N true", "rfork: rfork N: mount/attach disallowed\n"},
			{"exec rfork E sh -c 'echo $D; exit 3'", "\n"},
			{"rfork nN; rfork q 2>&1 | head -1; rfork n nosuch", "rfork: rfork nN: a copy and a clean one\nusage: nine rfork [flags [command [argument ...]]]\nrfork: rfork q: unknown flag q\nrfork: nosuch: command not found\n"},
		} {
			got, _ := s.run(t, "", c.script)
			if got != c.want {
				t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, c.want)
			}
		}
		clean(t)
	})
}
