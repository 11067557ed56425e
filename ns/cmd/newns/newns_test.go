package newns_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
)

// The tests run the real binary: $NINE, or one that is built here.
var nine string

// place is a directory that any user may enter; what the tests serve and write is
// in it.
var place string

func TestMain(m *testing.M) {
	if os.Getenv("NS_CLIENT") != "" {
		os.Exit(client(os.Args[1:]))
	}
	if len(os.Args) == 3 && os.Args[1] == "deputy" {
		os.Exit(deputy(os.Args[2]))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(place)
	return m.Run()
}

func setUp() error {
	var err error
	if place, err = os.MkdirTemp("/tmp", "9ns."); err != nil {
		return err
	}
	nine = filepath.Join(place, "nine")
	if from := os.Getenv("NINE"); from != "" {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(nine, b, 0o755)
		}
		if err != nil {
			return err
		}
	} else if out, err := exec.Command("env", "CGO_ENABLED=0", "go", "build", "-o", nine, "ninespace").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.Chmod(place, 0o755)
}

// A session is how name spaces are entered in a test.
type session struct {
	user    bool // as nobody
	noGraft bool
	v9fs    bool
	dir     string // of its own, writable, with the posted servers in srv
}

const nobody = 65534

func newSession(t *testing.T, user, noGraft bool) *session {
	t.Helper()
	if os.Getuid() != 0 {
		if user {
			t.Skip("root is needed to become another user")
		}
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	dir, err := os.MkdirTemp(place, "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, d := range []string{"", "srv", "a", "b", "c", "a/sub"} {
		p := filepath.Join(dir, d)
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if user {
			os.Chown(p, nobody, nobody)
		}
	}
	for _, f := range []string{"a/x", "a/ax", "a/sub/s", "b/x", "b/bx", "c/cx"} {
		p := filepath.Join(dir, f)
		if err := os.WriteFile(p, []byte(f+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if user {
			os.Chown(p, nobody, nobody)
		}
	}
	if user {
		fuse := filepath.Join(dir, "fuse")
		if err := syscall.Mknod(fuse, syscall.S_IFCHR|0o666, 10<<8|229); err != nil {
			t.Fatal(err)
		}
		os.Chmod(fuse, 0o666)
	}
	return &session{user: user, noGraft: noGraft, dir: dir}
}

// command makes `nine newns -n lines sh -c script`.
func (s *session) command(t *testing.T, lines, script string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(s.dir, "nsfile")
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{nine, "newns", "-n", file}
	if s.noGraft {
		args = append(args, "-N")
	}
	if s.v9fs {
		args = append(args, "-9")
	}
	args = append(args, "sh", "-c", script)
	if s.user {
		// The machine's /dev/fuse may be root's alone; theirs is in a mount
		// namespace of its own.
		args = append([]string{"unshare", "-m", "sh", "-ec", `
			mount --make-rprivate /
			mount --bind "$0"/fuse /dev/fuse
			exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`, s.dir}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "NAMESPACE="+s.dir+"/srv", "HOME="+s.dir, "D="+s.dir, "NINE_USERNS=", "LC_ALL=C",
		"GORACE=atexit_sleep_ms=0") // a binary with the race detector would wait a second at its end
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs a script and gives what it printed, on both outputs.
func (s *session) run(t *testing.T, lines, script string) (string, error) {
	t.Helper()
	cmd := s.command(t, lines, script)
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), s.dir, "D"), err
}

// serve serves a tree as a posted server until the test or stop ends it.
func (s *session) serve(t *testing.T, name string, root srv.File) (stop func()) {
	t.Helper()
	return s.serveServer(t, name, srv.New(root))
}

func (s *session) serveServer(t *testing.T, name string, server *srv.Server) (stop func()) {
	sock := filepath.Join(s.dir, "srv", name)
	l, err := srv.Announce("unix!" + sock)
	if err != nil {
		t.Fatal(err)
	}
	if s.user {
		os.Chown(sock, nobody, nobody)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(ctx, l)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// ramfs runs the server ramfs as the session's user.
func (s *session) ramfs(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(nine, "ramfs", "-s", "ram")
	cmd.Env = append(os.Environ(), "NAMESPACE="+s.dir+"/srv", "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	if s.user {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	until(t, "ramfs is posted", func() bool {
		_, err := os.Stat(s.dir + "/srv/ram")
		return err == nil
	})
	return cmd
}

// each runs a test in each kind of session.
func each(t *testing.T, do func(t *testing.T, s *session)) {
	for _, user := range []bool{false, true} {
		for _, noGraft := range []bool{false, true} {
			name := "root"
			if user {
				name = "user"
			}
			if noGraft {
				name += ",nograft"
			}
			t.Run(name, func(t *testing.T) { do(t, newSession(t, user, noGraft)) })
		}
	}
}

// TestBind has scripts and what they print, in every kind of session alike.
func TestBind(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		s.ramfs(t)
		for _, c := range []struct{ name, script, want string }{
			{"files", "ls /mnt/ns; ls /n", "ctl\nns\nserving\nram\n"},
			{"files hidden", "n=$(readlink /mnt/bin/bind); bind c /mnt/ns; ls /mnt/ns; ns; bind c /mnt; ls /mnt; $n ns $$; $n newns $n unmount /mnt; $n unmount /mnt; unmount /mnt/ns; ls /mnt/ns",
				"cx\nmount #s/ram /n/ram\nbind D/c /mnt/ns\ncd D\n" +
					"cx\nmount #s/ram /n/ram\nbind D/c /mnt/ns\nbind D/c /mnt\ncd D\nctl\nns\nserving\n"},
			{"files that nothing hides", "ls -A / | grep '#'; ls '/#ns'; bind c '/#ns'; bind c '#ns'; bind '#ns' c; bind c/ns c/ctl; unmount c; mkdir '/#ns' 2>&1 | sed 's/.*: //'; rmdir '/#ns' 2>/dev/null || echo no; bind '/#ns' c; ls c; unmount c; " +
				"mkdir -p /n/ram/'#ns'; echo other >/n/ram/'#ns/ns'; bind -b /n/ram /; ls -l / >/dev/null; cat '/#ns/ns' | sed -n '$p'; unmount /n/ram /; rm -r /n/ram/'#ns'",
				"ctl\nns\nserving\nbind: bind D/c /#ns: nothing can be mounted on #ns\nbind: bind D/c #ns: nothing can be mounted on #ns\n" +
					"bind: bind D/c/ns D/c/ctl: nothing can be mounted on #ns\nFile exists\nno\nctl\nns\nserving\nbind -b /n/ram /\n"},
			{"text", "ns", "mount #s/ram /n/ram\ncd D\n"},
			{"text of a process", "ns $$", "mount #s/ram /n/ram\ncd D\n"},
			{"text of another process", "mkfifo p; newns sh -c 'bind a b; echo >p; read x <p' & read x <p; ns $!; ns; echo >p; wait; rm p",
				"mount #s/ram /n/ram\nbind D/a D/b\ncd D\nmount #s/ram /n/ram\ncd D\n"},
			{"bind", "bind a b; cat b/x; ls b; unmount b; cat b/x", "a/x\nax\nsub\nx\nb/x\n"},
			{"file", "bind a/ax b/x; cat b/x; unmount b/x; cat b/x", "a/ax\nb/x\n"},
			{"by the file", "bind a c; bind b a/sub; cat c/sub/bx; unmount a/sub; cat c/sub/s", "b/bx\na/sub/s\n"},
			{"rebind", "bind a b; bind c a; ls b; ls a", "ax\nsub\nx\ncx\n"},
			{"server over a directory", "echo hi >/n/ram/hi; bind /n/ram b; cat b/hi; echo ho >b/ho; cat /n/ram/ho; rm b/ho; unmount b; ls b; rm /n/ram/hi",
				"hi\nho\nbx\nx\n"},
			{"directory over a server", "mkdir /n/ram/d; bind a /n/ram/d; ls /n/ram/d; unmount /n/ram/d; ls /n/ram/d; rmdir /n/ram/d", "ax\nsub\nx\n"},
			{"in use", "mkdir /n/ram/d; bind a /n/ram/d; rmdir /n/ram/d 2>/dev/null || echo busy; unmount /n/ram/d; rmdir /n/ram/d", "busy\n"},
			{"union", "bind -a a b; ls b; cat b/x b/ax; touch b/new 2>/dev/null || echo no; unmount a b; ls b", "ax\nbx\nsub\nx\nb/x\na/ax\nno\nbx\nx\n"},
			{"union that creates", "bind -ac c b; echo n >b/new; cat c/new; rm b/new; ls c; unmount b", "n\ncx\n"},
			{"union of a server", "echo r >/n/ram/r; bind -bc /n/ram b; cat b/r b/bx; echo n >b/n; ls /n/ram; mv b/n b/m; rm b/r b/m; ls /n/ram", "r\nb/bx\nn\nr\n"},
			{"root union", "mkdir /n/ram/zz; bind -b /n/ram /; ls -d /zz; mkdir -p /n/ram/home/zzz; bind -b /n/ram /; ls /home; unmount /n/ram /; unmount /n/ram /; test -e /home/zzz || echo gone; rm -r /n/ram/home /n/ram/zz", "/zz\nzzz\ngone\n"},
			{"same text", "bind -a a b; bind b c; ns >1; newns -n 1 ns >2; unmount b; cat 1; rm 1 2",
				"mount #s/ram /n/ram\nbind -a D/a D/b\nbind D/b D/c\ncd D\n"},
			{"nested", "newns sh -c 'bind a b; cat b/x; unmount /n/ram; ls /n'; cat b/x; ls /n", "a/x\nb/x\nram\n"},
			{"nested copies", "bind a b; bind -a c a; newns sh -c 'cat b/ax; ls a; unmount b; cat b/x; unmount a; ls a'; cat b/x; ls a", "a/ax\nax\ncx\nsub\nx\nb/x\nax\nsub\nx\na/x\nax\ncx\nsub\nx\n"},
			{"seen by others", "sh -c 'bind a b'; cat b/x", "a/x\n"},
			{"no mount point", "bind a nosuch; bind nosuch a; unmount a; unmount /n/nosuch; ls /n/nosuch",
				"bind: bind D/a D/nosuch: mount point not there: D/nosuch: file does not exist\n" +
					"bind: bind D/nosuch D/a: D/nosuch: file does not exist\n" +
					"unmount: unmount D/a: not mounted\n" +
					"unmount: unmount /n/nosuch: /n/nosuch: file does not exist\n" +
					"ls: cannot access '/n/nosuch': No such file or directory\n"},
			{"dead server", "mount unix!$D/nosuch /n/x; mount nosuch /n/x; mount tcp!127.0.0.1!1 /n/x; mount 'a b!c' /n/x; ls /n",
				"mount: mount /n/x: dial unix!D/nosuch: file does not exist\n" +
					"mount: mount /n/x: nosuch: no such server is posted in D/srv\n" +
					"mount: mount /n/x: dial tcp!127.0.0.1!1: Connection refused\n" +
					"mount: mount /n/x: dial tcp!a b!c: unknown port\nram\n"},
			{"mount and unmount by name", "mount ram /n/r2; ls /n; unmount /srv/ram /n/r2; ls /n", "r2\nram\nram\n"},
			{"usage", "bind a; bind -x a b; mount; unmount; ns x; newns -y 2>&1 | sed 1q; bind -ab a b",
				"usage: nine bind [-abcCq] new old\nbind: flag provided but not defined: -x\nusage: nine bind [-abcCq] new old\n" +
					"usage: nine mount [-abcCnq] [-k key] server old [aname]\nusage: nine unmount [new] old\nns: \"x\": no process id\nusage: nine ns [pid]\n" +
					"newns: flag provided but not defined: -y\nusage: nine bind [-abcCq] new old\n"},
			{"path", "echo $PATH | sed 's/:.*//'; readlink /mnt/bin/bind", "/mnt/bin\n" + "N\n"},
			{"kernel's own", "test -e /proc/self/exe && test -c /dev/null && ls /sys >/dev/null && echo yes >/dev/null && readlink /proc/self/cwd", "D\n"},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, _ := s.run(t, "mount #s/ram /n/ram", c.script)
				got = strings.ReplaceAll(got, nine, "N")
				if got != c.want {
					t.Errorf("%s\nprints\n%s\nnot\n%s", c.script, got, c.want)
				}
			})
		}
	})
}

// TestStatus has what newns ends with.
func TestStatus(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		for _, c := range []struct {
			lines, script string
			code          int
			out           string
		}{
			{"", "exit 7", 7, ""},
			{"", "kill -9 $$", 137, ""},
			{"", "newns sh -c 'exit 9'", 9, ""},
			{"", "exec newns nosuch", 127, "newns: nosuch: command not found\n"},
			{"", "exec newns ./srv", 126, "newns: ./srv: is a directory\n"},
			{"bind /nosuch /n/x", "echo no", 1, "newns: D/nsfile:1: bind /nosuch /n/x: /nosuch: file does not exist\n"},
			{"# x\nfoo", "echo no", 1, "newns: D/nsfile:2: \"foo\": unknown operation\n"},
			{"-mount nosuch /n/x\nbind $D/a /n/a\ncd /n/a", "pwd; cat x", 0, "newns: D/nsfile:1: mount /n/x: nosuch: no such server is posted in D/srv\n/n/a\na/x\n"},
			{"cd /nosuch", "echo no", 1, "newns: D/nsfile:1: cd /nosuch: no such file or directory\n"},
		} {
			got, err := s.run(t, c.lines, c.script)
			code := 0
			var ee *exec.ExitError
			if errors.As(err, &ee) {
				code = ee.ExitCode()
			}
			if code != c.code || !strings.EqualFold(got, c.out) {
				t.Errorf("%q, %q: status %d, %q; want %d, %q", c.lines, c.script, code, got, c.code, c.out)
			}
		}
		out, err := exec.Command(nine, "bind", "/a", "/b").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "bind: not in a name space: start one with") {
			t.Errorf("bind outside: %v, %s", err, out)
		}
	})
}

// start starts a script that prints a line when it has come to its point, waits
// for that line and gives what reads the rest.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { r.Close() })
	b := make([]byte, 1)
	var line bytes.Buffer
	for {
		if _, err := r.Read(b); err != nil {
			t.Fatalf("%q: %v", line.String(), err)
		}
		if b[0] == '\n' {
			return r
		}
		line.WriteByte(b[0])
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, time.Minute, what, is)
}

func within(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

// processes gives the processes of the binary nine that are in the tests' place,
// with their states.
func processes(t *testing.T, word string) map[int]string {
	t.Helper()
	found := map[int]string{}
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, l := range links {
		dir := filepath.Dir(l)
		args, err := os.ReadFile(dir + "/cmdline")
		if exe, lerr := os.Readlink(l); lerr != nil || err != nil || exe != nine || !strings.Contains(string(args), word) {
			continue
		}
		stat, _ := os.ReadFile(dir + "/stat")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if _, rest, ok := strings.Cut(string(stat), ") "); ok && rest[0] != 'Z' {
			found[pid] = rest[:1]
		}
	}
	return found
}

// clean checks that nothing of a session is left.
func clean(t *testing.T) {
	t.Helper()
	until(t, "end of all processes", func() bool { return len(processes(t, "")) == 0 })
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(b), "fuse.nine") || strings.Contains(string(b), place) {
		t.Errorf("mounts are left: %v\n%s", err, b)
	}
}

// TestInterrupt has ^C end a read that blocks, at once, and writes go on beside a
// blocked read of the same descriptor. Poll(2) does not know of it.
func TestInterrupt(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		q := srv.NewQueue(0o666)
		s.serve(t, "q", srv.NewDir().Add("q", q))
		cmd := s.command(t, "mount #s/q /n/q", "trap 'echo trapped' INT; echo ready; cat /n/q/q; echo after; echo one >/n/q/q; head -c 4 /n/q/q")
		r := start(t, cmd)
		until(t, "cat reads", func() bool { return blocked(t, "cat", "/n/q/q") })
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		b, err := io.ReadAll(r)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if got := string(b); err != nil || got != "trapped\nafter\none\n" {
			t.Errorf("%q, %v", got, err)
		}
		got, err := s.run(t, "mount #s/q /n/q", `exec 3<>/n/q/q; cat <&3 & read x <a/x; echo two >&3; until grep -q two $D/out 2>/dev/null; do kill -0 $! || break; echo two >&3; sleep 0.05; cat /dev/null; break; done; sleep 0.3; kill $!; wait; echo done`)
		if err != nil || !strings.HasPrefix(got, "two\n") || !strings.HasSuffix(got, "done\n") {
			t.Errorf("%q, %v", got, err)
		}
		// A read waits, though poll(2) says that it need not.
		got, err = s.run(t, "mount #s/q /n/q", "bash -c 'read -t 0 && echo can be read; timeout .2 head -c 1 || echo waits' <>/n/q/q")
		if err != nil || got != "can be read\nwaits\n" {
			t.Errorf("%q, %v", got, err)
		}
		clean(t)
	})
}

// blocked tells whether a process of the name has been in a system call on a FUSE
// file for its turn.
func blocked(t *testing.T, comm, arg string) bool {
	t.Helper()
	for _, pid := range globArgs(comm, arg) {
		w, _ := os.ReadFile("/proc/" + pid + "/wchan")
		s, _ := os.ReadFile("/proc/" + pid + "/syscall")
		return strings.Contains(string(w), "fuse") || strings.Contains(string(w), "request_wait") || strings.HasPrefix(string(s), "0 ")
	}
	return false
}

// TestServerDies has a server end: errors, and no hanging.
func TestServerDies(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		q := srv.NewQueue(0o666)
		stop := s.serve(t, "q", srv.NewDir().Add("q", q).Add("c", srv.Const("x")))
		cmd := s.command(t, "mount #s/q /n/q", "cat /n/q/c; echo; cat /n/q/q 2>/dev/null || echo gone; ls /n/q >/dev/null 2>&1 || echo no ls; cat /n/q/c 2>/dev/null || echo no cat; unmount /n/q; ls /n")
		r := start(t, cmd)
		until(t, "cat reads", func() bool { return blocked(t, "cat", "/n/q/q") })
		stop()
		b, err := io.ReadAll(r)
		cmd.Wait()
		if got := string(b); err != nil || got != "gone\nno ls\nno cat\n" {
			t.Errorf("%q, %v", got, err)
		}
		clean(t)
	})
}

// stall passes connections on to a server while it is not shut: what the server answers is held
// back until it is open again.
func stall(t *testing.T, from, to string, user bool) (shut func(bool)) {
	t.Helper()
	l, err := net.Listen("unix", from)
	if err != nil {
		t.Fatal(err)
	}
	if user {
		os.Chown(from, nobody, nobody)
	}
	var gate sync.RWMutex // who passes something on reads
	isShut := false
	shut = func(on bool) {
		switch {
		case on == isShut:
		case on:
			gate.Lock()
		default:
			gate.Unlock()
		}
		isShut = on
	}
	t.Cleanup(func() {
		l.Close()
		shut(false)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("unix", to)
			if err != nil {
				c.Close()
				return
			}
			go func() {
				io.Copy(s, c)
				s.Close()
				c.Close()
			}()
			go func() {
				buf := make([]byte, 1<<16)
				for err == nil {
					var n int
					n, err = s.Read(buf)
					gate.RLock()
					c.Write(buf[:n])
					gate.RUnlock()
				}
			}()
		}
	}()
	return shut
}

// TestServerHangs has a server that answers nothing any more, not even a flush:
// others go on, and a process that waits for it can be killed.
func TestServerHangs(t *testing.T) {
	s := newSession(t, true, false)
	q := srv.NewQueue(0o666)
	s.serve(t, "real", srv.NewDir().Add("q", q))
	shut := stall(t, s.dir+"/srv/h", s.dir+"/srv/real", true)
	cmd := s.command(t, "mount #s/h /n/h", "echo ready; cat /n/h/q; bind a b; cat b/x; timeout --foreground -s KILL .1 cat /n/h/q 2>/dev/null || echo gone; unmount /n/h; ls /n")
	r := start(t, cmd)
	until(t, "cat waits", func() bool { return blocked(t, "cat", "/n/h/q") })
	shut(true)
	for _, pid := range globCmd("cat", "/n/h/q") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	b, err := io.ReadAll(r)
	cmd.Wait()
	if got := string(b); err != nil || got != "a/x\ngone\n" {
		t.Errorf("%q, %v", got, err)
	}
	clean(t)
}

func globCmd(comm, arg string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if string(b) == comm+"\x00"+arg+"\x00" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKill has each process of a session killed: nothing is left, nothing hangs.
func TestKill(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		for _, victim := range []string{"nsd", "newns", "shell"} {
			q := srv.NewQueue(0o666)
			stop := s.serve(t, "q", srv.NewDir().Add("q", q))
			cmd := s.command(t, "mount #s/q /n/q", "echo $$; cat /n/q/q; ls /n; cat /mnt/ns/ns; exit 3")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout = w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			line := make([]byte, 20)
			n, err := r.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			shell, _ := strconv.Atoi(strings.TrimSpace(string(line[:n])))
			until(t, "cat reads", func() bool { return blocked(t, "cat", "/n/q/q") })
			switch victim {
			case "shell":
				syscall.Kill(shell, syscall.SIGKILL)
				for _, pid := range globCmd("cat", "/n/q/q") {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			case "newns": // the one that waits for the shell
				for pid := range processes(t, "newns") {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			default:
				for pid := range processes(t, victim) {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			io.Copy(io.Discard, r) // ends when every process has let go of it
			r.Close()
			cmd.Wait()
			if victim == "shell" && cmd.ProcessState.ExitCode() != 137 {
				t.Errorf("shell killed: status %d", cmd.ProcessState.ExitCode())
			}
			stop()
			clean(t)
			if t.Failed() {
				t.Fatalf("after %s was killed", victim)
			}
		}
	})
}

// TestMany has sessions one after the other, and name spaces inside one.
func TestMany(t *testing.T) {
	s := newSession(t, false, false)
	for range 50 {
		if out, err := s.run(t, "", "newns true"); err != nil || out != "" {
			t.Fatalf("%s, %v", out, err)
		}
	}
	if out, err := s.run(t, "", "i=0; while [ $i -lt 50 ]; do newns sh -c 'bind a b; test $(cat b/x) = a/x' || exit; i=$((i+1)); done; cat b/x"); err != nil || out != "b/x\n" {
		t.Errorf("%q, %v", out, err)
	}
	clean(t)
	ents, err := os.ReadDir(filepath.Join(s.dir, "srv"))
	if err != nil || len(ents) > 0 {
		t.Errorf("left in srv: %v, %v", ents, err)
	}
}

// TestGroupsGo has the engine forget groups that have ended though nobody makes a
// new one: what it holds is as before them.
func TestGroupsGo(t *testing.T) {
	s := newSession(t, false, false)
	cmd := s.command(t, "", "echo ready; read x; for i in 1 2 3 4 5 6; do rfork n ls / >/dev/null; done; echo made; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(start(t, cmd))
	held := func() int {
		n := 0
		for pid := range processes(t, "nsd") {
			fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			n += len(fds)
		}
		return n
	}
	before := held()
	io.WriteString(in, "\n")
	if line, err := out.ReadString('\n'); line != "made\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if held() <= before {
		t.Error("the engine holds nothing for six groups: what is counted here?")
	}
	until(t, "end of six groups", func() bool { return held() <= before })
	io.WriteString(in, "\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
