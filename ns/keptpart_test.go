package ns

import (
	"bytes"
	"context"
	"io/fs"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A heldDir has one file, whose bytes from a place on come when they are let go.
type heldDir struct {
	srv.File
	f     srv.File
	from  int64
	asked chan struct{} // closed when such bytes were asked for
	once  sync.Once
	let   chan struct{}
}

func newHeld(t *testing.T, text []byte, from int64) *heldDir {
	t.Helper()
	root := ramfs.New()
	f, h, err := srv.Create(t.Context(), root, "f", fs.FileMode(0o666), p9.OWRITE)
	if err == nil {
		_, err = h.(srv.Writer).Write(t.Context(), text, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &heldDir{File: root, f: f, from: from, asked: make(chan struct{}), let: make(chan struct{})}
}

// link serves it, with leases.
func (d *heldDir) link(t *testing.T) *srvtest.Link {
	s := srv.New(d)
	s.Leases = srv.NewLeases()
	return srvtest.NewLink(t, s, 0)
}

func (d *heldDir) Walk(context.Context, string) (srv.File, error) { return heldFile{d.f, d}, nil }

type heldFile struct {
	srv.File
	d *heldDir
}

func (f heldFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, f.File, mode)
	if err != nil {
		return nil, err
	}
	return heldHandle{h.(ramHandle), f.d}, nil
}

type heldHandle struct {
	ramHandle
	d *heldDir
}

func (h heldHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if off >= h.d.from {
		h.d.once.Do(func() { close(h.d.asked) })
		select {
		case <-h.d.let:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return h.ramHandle.Read(ctx, p, off)
}

// TestKeptPart: who opens a file that comes ahead and is long waits for what he reads, not for all
// of it, and nothing is asked for twice.
func TestKeptPart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
	defer cancel()
	text := bytes.Repeat([]byte("0123456789abcde\n"), 3<<16)
	d := newHeld(t, text, 2<<20)
	l := d.link(t)
	k, came := comesAhead(t, l, d)
	h, err := k.Open(ctx, p9.OREAD)
	if err != nil {
		t.Fatal("opened while the end is still to come: ", err)
	}
	defer srv.Clunk(h)
	for _, off := range []int64{0, 5000, 1<<20 + 1<<19} {
		checkRead(t, h, text, off)
	}
	end := make(chan struct{})
	go func() {
		defer close(end)
		checkRead(t, h, text, int64(len(text)-5000))
	}()
	close(d.let)
	<-end
	if b := <-came; !bytes.Equal(b, text) {
		t.Errorf("%d bytes came, not the file", len(b))
	}
	checkRead(t, h, text, 0)
	checkRead(t, h, text, int64(len(text)))
	if n := l.Traffic(); n.Bytes > len(text)+fewBytesCame {
		t.Errorf("of %d bytes: %v", len(text), n)
	}
}

// TestKeptPartChange has another client change the file before all of it has come: what had come
// is not read any more.
func TestKeptPartChange(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcde\n"), 3<<16)
	d := newHeld(t, text, 2<<20)
	l := d.link(t)
	k, came := comesAhead(t, l, d)
	ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
	defer cancel()
	h, err := k.Open(ctx, p9.OREAD)
	if err != nil {
		t.Fatal("opened while the end is still to come: ", err)
	}
	defer srv.Clunk(h)
	now := bytes.Clone(text)
	copy(now[1000:], "changed")
	f, err := linkRoot(t, l).WalkOpen(ctx, p9.OWRITE, "f")
	if err == nil {
		_, err = f.Write(ctx, []byte("changed"), 1000)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkRead(t, h, now, 900)
	close(d.let)
	if b := <-came; b != nil {
		t.Errorf("%d bytes came, of two states of the file", len(b))
	}
	checkRead(t, h, now, 900)
	checkRead(t, h, now, 2<<20)
}

// comesAhead has the file be asked for ahead, of which all gives what has come.
func comesAhead(t *testing.T, l *srvtest.Link, d *heldDir) (k *kept, all chan []byte) {
	t.Helper()
	root := keptTree(t, l)
	f, _, err := root.WalkStat(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Clunk(f) })
	l.Traffic()
	k, all = f.(*kept), make(chan []byte, 1)
	go func() { all <- k.c.read(context.Background(), k, false) }()
	<-d.asked
	return k, all
}

// checkRead compares what is read at an offset.
func checkRead(t *testing.T, h srv.Handle, text []byte, off int64) {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := h.(srv.Reader).Read(t.Context(), buf, off)
	switch want := text[off:]; {
	case len(want) > 0 && (err != nil || n == 0 || !bytes.HasPrefix(want, buf[:n])):
		t.Errorf("at %d: %d bytes %.20q, %v", off, n, buf[:n], err)
	case len(want) == 0 && n > 0:
		t.Errorf("%d bytes behind the end", n)
	}
}
