package ipcfs

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// full makes a tree with one of each.
func full(t *testing.T) *FS {
	t.Helper()
	f := New(Config{})
	ctl, err := f.Walk(t.Context(), "ctl")
	if err != nil {
		t.Fatal(err)
	}
	h, err := srv.Open(t.Context(), ctl, p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.(srv.Writer).Write(t.Context(), []byte("queue a\nqueue b 3 work\nsem s 2\nmutex m\nevent e\nsegment g 8192"), 0); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"pipe", "plumb"} {
		d, err := f.Walk(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		name, mode := "clone", p9.ORDWR
		if dir == "plumb" {
			name, mode = "rules", p9.OWRITE
		}
		file, err := srv.Walk(t.Context(), d, name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := srv.Open(t.Context(), file, mode)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { srv.Clunk(h) })
		if dir == "plumb" {
			if _, err := h.(srv.Writer).Write(t.Context(), []byte("plumb to edit\n"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(f.Close)
	return f
}

func TestTree(t *testing.T) {
	srvtest.CheckFiles(t)
	srvtest.Test(t, func() srv.File { return full(t) },
		"pipe/clone", "pipe/0/data", "pipe/0/data1", "q/*", "sem/*", "mutex/*", "event/*", "plumb/edit")
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "ipcfs.go", full(t)) }

func TestTranscripts(t *testing.T) {
	srvtest.Transcripts(t, func(t *testing.T) srv.File {
		f := New(Config{})
		t.Cleanup(f.Close)
		return f
	})
}

// A tree is one that is served, in one dialect.
type tree struct {
	srvtest.Tree
	fs *FS
}

// each runs a test in both dialects.
func each(t *testing.T, cfg Config, test func(x tree)) {
	t.Helper()
	var f *FS
	srvtest.CheckFiles(t)
	srvtest.Each(t, func() srv.File { f = New(cfg); return f }, func(t *testing.T, root *client.Fid) {
		t.Cleanup(f.Close)
		test(tree{srvtest.Tree{T: t, Root: root}, f})
	})
}

// create creates a file in a directory.
func (x tree) create(dir, name string, mode p9.Mode) (*client.Fid, error) {
	x.Helper()
	d, err := x.Root.Walk(x.Context(), dir)
	if err != nil {
		x.Fatal(err)
	}
	defer d.Clunk(x.Context())
	return d.WalkCreate(x.Context(), name, 0o666, mode)
}

func (x tree) clunk(f *client.Fid) {
	x.Helper()
	if err := f.Clunk(context.Background()); err != nil {
		x.Error(err)
	}
}

// echo writes to a file.
func (x tree) echo(text, name string) error {
	x.Helper()
	return srvtest.WriteFile(x.Context(), x.Root, name, text)
}

func (x tree) must(text, name string) {
	x.Helper()
	if err := x.echo(text, name); err != nil {
		x.Fatalf("%s: %s: %v", name, text, err)
	}
}

// reads is one read of a file, which must give a text.
func (x tree) reads(f *client.Fid, want string) {
	x.Helper()
	if s, err := read(x.Context(), f, 8192); s != want || err != nil && !errors.Is(err, io.EOF) {
		x.Errorf("read %q, %v, want %q", s, err, want)
	}
}

func read(ctx context.Context, f *client.Fid, n int) (string, error) {
	p := make([]byte, n)
	n, err := f.Read(ctx, p, 0)
	return string(p[:n]), err
}

// status waits until status has a line.
func (x tree) status(line string) {
	x.Helper()
	var text string
	if !srvtest.Until(func() bool {
		text = x.Text("status")
		return strings.Contains("\n"+text, "\n"+line+"\n")
	}) {
		x.Fatalf("status has no line %q:\n%s", line, text)
	}
}

// fails wants an error that says something.
func (x tree) fails(err error, text string) {
	x.Helper()
	if err == nil || !x.Root.Conn().DotL() && !strings.Contains(err.Error(), text) {
		x.Errorf("error %v, want %q", err, text)
	}
}

// A pending is a read that is under way.
type pending struct {
	x    tree
	stop context.CancelFunc
	done chan struct{}
	text string
	err  error
}

func (x tree) start(f *client.Fid) *pending {
	ctx, cancel := context.WithCancel(x.Context())
	p := &pending{x: x, stop: cancel, done: make(chan struct{})}
	go func() {
		p.text, p.err = read(ctx, f, 8192)
		close(p.done)
	}()
	return p
}

// ends waits for its end.
func (p *pending) ends(want string) {
	p.x.Helper()
	<-p.done
	if p.text != want || p.err != nil && !errors.Is(p.err, io.EOF) {
		p.x.Errorf("read %q, %v, want %q", p.text, p.err, want)
	}
	p.stop()
}

// flushed ends it without a result.
func (p *pending) flushed() {
	p.x.Helper()
	p.stop()
	if <-p.done; p.err == nil {
		p.x.Errorf("read %q", p.text)
	}
}
