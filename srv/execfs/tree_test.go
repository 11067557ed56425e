package execfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A fid is an open file, of the tree itself or of a client.
type fid interface {
	Read(ctx context.Context, p []byte, off int64) (int, error)
	Write(ctx context.Context, p []byte, off int64) (int, error)
	Clunk(ctx context.Context) error
}

// A tree is the served tree as one of the ways to it has it.
type tree struct {
	*testing.T
	ctx  context.Context
	fs   *FS
	open func(path string, mode p9.Mode) (fid, error)
	hang func() // the connection is gone
}

type direct struct {
	srv.Reader
	srv.Writer
	h srv.Handle
}

func (d direct) Clunk(context.Context) error { srv.Clunk(d.h); return nil }

// each runs a test on the File interface and over both dialects, and sees that
// nothing is left behind.
func each(t *testing.T, cfg Config, f func(x *tree)) {
	for _, way := range []string{"file", "9P2000", "9P2000.L"} {
		t.Run(way, func(t *testing.T) {
			if r, w, err := os.Pipe(); err == nil { // the poller has descriptors too, from its first use on
				r.Close()
				w.Close()
			}
			unignore() // by its first use too, where the tests were started with nohup
			before := held()
			ctx, cancel := context.WithCancel(t.Context()) // no limit: TestThrough takes a slow machine more than a minute
			fs := New(cfg)
			x := &tree{T: t, ctx: ctx, fs: fs}
			stop := func() {}
			if way == "file" {
				x.open = func(path string, mode p9.Mode) (fid, error) { return openFile(ctx, fs, path, mode) }
			} else {
				stop = x.dial(way)
			}
			f(x)
			stop()
			fs.Close()
			cancel()
			until(t, "nothing is left", func() (string, bool) {
				now := held()
				return fmt.Sprintf("before %v, now %v", before, now), !now.more(before)
			})
		})
	}
}

func openFile(ctx context.Context, root srv.File, path string, mode p9.Mode) (fid, error) {
	f := root
	for name := range strings.SplitSeq(path, "/") {
		var err error
		if f, err = srv.Walk(ctx, f, name); err != nil {
			return nil, err
		}
	}
	h, err := srv.Open(ctx, f, mode)
	if err != nil {
		return nil, err
	}
	r, _ := h.(srv.Reader)
	w, _ := h.(srv.Writer)
	return direct{r, w, h}, nil
}

// dial serves the tree on a connection and attaches to it.
func (x *tree) dial(version string) (stop func()) {
	ours, theirs := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- srv.New(x.fs).ServeConn(x.ctx, theirs) }()
	c, err := client.New(x.ctx, ours, &client.Options{Version: version})
	if err != nil {
		x.Fatal(err)
	}
	u, err := user.Current()
	if err != nil {
		x.Fatal(err)
	}
	root, err := c.Attach(x.ctx, nil, u.Username, "")
	if err != nil {
		x.Fatal(err)
	}
	x.open = func(path string, mode p9.Mode) (fid, error) {
		f, err := root.Walk(x.ctx, strings.Split(path, "/")...)
		if err != nil {
			return nil, err
		}
		if err := f.Open(x.ctx, mode); err != nil {
			f.Clunk(x.ctx)
			return nil, err
		}
		return f, nil
	}
	x.hang = func() { c.Close() }
	return func() {
		c.Close()
		<-served
	}
}

// holding is what this process has.
type holding struct{ fds, goroutines, children int }

func held() holding {
	fds, _ := os.ReadDir("/proc/self/fd")
	return holding{len(fds), runtime.NumGoroutine(), len(children())}
}

func (h holding) more(than holding) bool {
	return h.fds > than.fds || h.goroutines > than.goroutines || h.children > than.children
}

func children() (pids []string) {
	procs, _ := os.ReadDir("/proc")
	for _, p := range procs {
		stat, _ := os.ReadFile("/proc/" + p.Name() + "/stat")
		if i := strings.LastIndex(string(stat), ")"); i > 0 {
			if f := strings.Fields(string(stat[i+1:])); f[1] == fmt.Sprint(os.Getpid()) {
				pids = append(pids, p.Name())
			}
		}
	}
	return pids
}

// is tells whether an error is of a number, or any error where the dialect has none.
func (x *tree) is(err error, errno syscall.Errno) bool {
	var e *p9.Error
	return err != nil && errors.As(p9.ErrorOf(err), &e) && (e.Errno == errno || strings.HasSuffix(x.Name(), "/9P2000"))
}

// until waits for a condition of the system that nothing tells of.
func until(t *testing.T, what string, cond func() (string, bool)) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(20 * time.Second)
	for range tick.C {
		state, ok := cond()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s", what, state)
		}
	}
}

// A conversation is one as a client has it.
type conversation struct {
	*tree
	n   string
	ctl fid
}

func (x *tree) clone() *conversation {
	x.Helper()
	ctl, err := x.open("clone", p9.ORDWR)
	if err != nil {
		x.Fatal(err)
	}
	return &conversation{x, strings.TrimSpace(x.read(ctl)), ctl}
}

func (x *tree) read(f fid) string {
	x.Helper()
	p := make([]byte, 8192)
	n, err := f.Read(x.ctx, p, 0)
	if err != nil && err != io.EOF {
		x.Fatal(err)
	}
	return string(p[:n])
}

// cmd writes commands to ctl.
func (c *conversation) cmd(lines ...string) error {
	for _, l := range lines {
		if _, err := c.ctl.Write(c.ctx, []byte(l), 0); err != nil {
			return err
		}
	}
	return nil
}

// must is cmd that may not fail.
func (c *conversation) must(lines ...string) {
	c.Helper()
	if err := c.cmd(lines...); err != nil {
		c.Fatal(err)
	}
}

func (c *conversation) file(name string, mode p9.Mode) fid {
	c.Helper()
	f, err := c.open(c.n+"/"+name, mode)
	if err != nil {
		c.Fatal(err)
	}
	return f
}

// text is all that a file reads as until its end.
func (c *conversation) text(name string) string {
	c.Helper()
	f := c.file(name, p9.OREAD)
	defer f.Clunk(c.ctx)
	return string(c.all(f))
}

func (c *conversation) all(f fid) []byte {
	c.Helper()
	var b []byte
	p := make([]byte, 64<<10)
	for {
		n, err := f.Read(c.ctx, p, int64(len(b)))
		b = append(b, p[:n]...)
		if err == io.EOF || err == nil && n == 0 {
			return b
		}
		if err != nil {
			c.Fatal(err)
		}
	}
}

// write writes all to a standard input.
func (c *conversation) write(f fid, s string) {
	c.Helper()
	for off := 0; off < len(s); {
		n, err := f.Write(c.ctx, []byte(s[off:]), int64(off))
		if err != nil {
			c.Error(err)
			return
		}
		off += n
	}
}

// wait is how the command ended.
func (c *conversation) wait() srv.WaitMsg {
	c.Helper()
	w, err := srv.ParseWaitMsg(c.text("wait"))
	if err != nil {
		c.Fatal(err)
	}
	return w
}

// end lets go of ctl, the last fid.
func (c *conversation) end() { c.ctl.Clunk(c.ctx) }
