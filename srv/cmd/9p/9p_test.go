package ninep

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// post serves a tree under a name in a name space directory of the test's own.
func post(t *testing.T, name string, root srv.File) {
	t.Helper()
	srvtest.CheckGoroutines(t)
	if dir := os.Getenv("NAMESPACE"); !strings.HasPrefix(dir, os.TempDir()+"/Test") {
		t.Setenv("NAMESPACE", t.TempDir())
	}
	l, err := srv.Post(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.New(root).Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
}

// run runs the command and gives what it prints.
func run(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var std [3]*os.File
	var w [3]*os.File
	for i := range std {
		r, w1, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w1.Close()
		if std[i], w[i] = w1, r; i == 0 {
			std[i], w[i] = r, w1
		}
	}
	go func() { io.WriteString(w[0], in); w[0].Close() }()
	out := make(chan string)
	for _, r := range w[1:] {
		go func() {
			var b bytes.Buffer
			b.ReadFrom(r)
			out <- b.String()
		}()
	}
	err := Main(context.Background(), std, args)
	std[1].Close()
	std[2].Close()
	return <-out + <-out, err
}

func TestCommands(t *testing.T) {
	post(t, "ram", ramfs.New())
	post(t, "other", ramfs.New())
	ns := os.Getenv("NAMESPACE")
	for _, dialect := range [][]string{nil, {"-l"}} {
		for _, c := range []struct {
			cmd, in string
			out     string // a regular expression
			err     string
		}{
			{"ls ram", "", ``, ""},
			{"mkdir ram/d ram/d/e", "", ``, ""},
			{"mkdir ram/d", "", ``, "/?d: file already exists"},
			{"create ram/d/f ram/g", "", ``, ""},
			{"create ram/g", "", ``, "/?g: file already exists"},
			{"write ram/g", "hello\nworld\n", ``, ""},
			{"read ram/g ram/d/f ram/g", "", "hello\nworld\nhello\nworld\n", ""},
			{"write -l ram/g", "line\nby\nline", ``, ""},
			{"read ram/g", "", "line\nby\nline", ""},
			{"write ram/none", "x", "", "none: file does not exist"},
			{"ls ram", "", "d\ng\n", ""},
			{"ls ram/d ram/g", "", "e\nf\ng\n", ""},
			{"ls -d ram/d", "", "d\n", ""},
			{"ls -l ram ram/d", "", `d-r.* d\n--rw.* 12 .* g\nd-r.* e\n--rw.* 0 .* f\n`, ""},
			{"ls -ld ram/d", "", `d-r.* d\n`, ""},
			{"ls -d ram ram/ ram/d/..", "", `/\n/\nd/..\n`, ""},
			{"read ram/", "", "", "read /: Is a directory"},
			{"create ram/b\ae", "", "", ""},
			{"ls ram/b\ae", "", `"b\\ae"\n`, ""},
			{"rm ram/b\ae", "", "", ""},
			{"ls ram/none ram/d", "", "e\nf\n", "none: file does not exist"},
			{"stat ram/g", "", `"g" .* q \([0-9a-f]+ \d+ \) m 06\d\d at \d+ mt \d+ l 12\n`, ""},
			{"mv ram/g ram/h", "", "", ""},
			{"mv ram/none ram/i", "", "", "none to i: file does not exist"},
			{"mv ram/none/x ram/i", "", "", "none/x: file does not exist"},
			{"mv ram/h ram/none/i", "", "", "none/i: file does not exist"},
			{"mv ram/h ram/d", "", "", "h to d: "},
			{"mv ram/h other/h", "", "", "mv ram/h other/h: not of one server"},
			{"rm ram/d", "", "", "d: directory is not empty"},
			{"rm ram/d/e ram/none ram/d/f ram/d ram/h", "", "", "none: file does not exist"},
			{"ls ram", "", ``, ""},
			{"-a ram ls /", "", ``, ""},
			{"-a unix!" + ns + "/other create a", "", ``, ""},
			{"-a other rm a", "", ``, ""},
			{"ls nosuch/x", "", "", "nosuch: no such server is posted in " + ns},
			{"-a tcp!127.0.0.1!1 ls x", "", "", "dial tcp!127.0.0.1!1: Connection refused"},
			{"-a bogus!a!b ls x", "", "", `dial string "bogus!a!b": unknown network bogus`},
			{"ls /x", "", "", "/x: no server name"},
			{"-D -A none ls ram", "", "(?s)-> Tversion.*\n<- Rerror.*|.*<- Rlerror.*", "attach ram none: "},
		} {
			out, err := run(t, c.in, append(dialect[:len(dialect):len(dialect)], strings.Fields(c.cmd)...)...)
			if err == nil && c.err != "" || err != nil && (c.err == "" || !regexp.MustCompile(`^`+quoteUnless(c.err)).MatchString(err.Error())) {
				t.Errorf("%v %s: %v, want %s", dialect, c.cmd, err, c.err)
			}
			if !regexp.MustCompile(`^(` + c.out + `)$`).MatchString(out) {
				t.Errorf("%v %s:\n%swant\n%s", dialect, c.cmd, out, c.out)
			}
		}
	}
}

// TestLink lists links that lead nowhere, or that the dialect does not follow.
func TestLink(t *testing.T) {
	root := ramfs.New()
	post(t, "ram", root)
	_, err := root.(srv.Symlinker).Symlink(t.Context(), "l", "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"ls -l ram/l", "-l ls -l ram/l", "ls -ld ram/l", "-l ls -ld ram/l"} {
		if out, err := run(t, "", strings.Fields(args)...); !strings.HasPrefix(out, "L-rwx") || err != nil {
			t.Errorf("%s: %q, %v", args, out, err)
		}
	}
}

// TestUmask makes files in a directory that all may write: where the server does
// not take from the modes what the directory's does not have, 9p does.
func TestUmask(t *testing.T) {
	post(t, "ram", ramfs.New())
	old := syscall.Umask(0o27)
	defer syscall.Umask(old)
	for _, args := range []string{"-l create ram/f", "-l mkdir ram/d"} {
		if _, err := run(t, "", strings.Fields(args)...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
	out, err := run(t, "", "ls", "-l", "ram")
	if !regexp.MustCompile(`^d-rwxr-x--- .* d\n--rw-r----- .* f\n$`).MatchString(out) || err != nil {
		t.Errorf("%s, %v", out, err)
	}
}

func quoteUnless(s string) string {
	if strings.HasPrefix(s, "/?") {
		return s
	}
	return regexp.QuoteMeta(s)
}

// echo is a file that answers what is written to it.
type echo struct {
	srv.Node
	said string
}

func (e *echo) Write(_ context.Context, p []byte, _ int64) (int, error) {
	e.said = "you said " + string(p)
	return len(p), nil
}

func (e *echo) Read(_ context.Context, p []byte, off int64) (int, error) {
	return copy(p, e.said[min(off, int64(len(e.said))):]), nil
}

func TestRdwr(t *testing.T) {
	post(t, "rpc", srv.NewDir().Add("echo", &echo{srv.NewNode(0o666), "ready"}))
	out, err := run(t, "a\nb", "rdwr", "rpc/echo")
	if want := "ready\nyou said a\nyou said b\n"; out != want || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []string{"", "nosuch x", "-x ls a", "ls -x a", "ls", "mv a", "mv a b c", "write a b", "read -l a"} {
		if _, err := run(t, "", strings.Fields(c)...); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", c, err)
		}
	}
}

// blocked is a file whose reads block until they are flushed.
type blocked struct {
	srv.Node
	read, flushed chan struct{}
}

func (b *blocked) Read(ctx context.Context, _ []byte, _ int64) (int, error) {
	close(b.read)
	<-ctx.Done()
	close(b.flushed)
	return 0, ctx.Err()
}

// TestInterrupt has the process get the signal that ^C sends.
func TestInterrupt(t *testing.T) {
	b := &blocked{srv.NewNode(0o444), make(chan struct{}), make(chan struct{})}
	post(t, "srv", srv.NewDir().Add("blocked", b))
	go func() {
		<-b.read
		syscall.Kill(os.Getpid(), syscall.SIGINT)
	}()
	_, err := run(t, "", "read", "srv/blocked")
	<-b.flushed
	var exit interface{ ExitCode() int }
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v", err)
	}
}
