package ns

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
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
	err   error // what comes then instead; nil: nothing
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
	h, err := openRam(ctx, f.File, mode)
	return heldHandle{h, f.d}, err
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
		if h.d.err != nil {
			return 0, h.d.err
		}
	} else if h.d.err != nil {
		p = p[:min(len(p), int(h.d.from-off))]
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

// TestKeptPartError has an error come instead of the rest: who reads there is told, and not that the
// file ends.
func TestKeptPartError(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcde\n"), 3<<16)
	d := newHeld(t, text, 2<<20)
	d.err = syscall.EIO
	k, came := comesAhead(t, d.link(t), d)
	h, err := k.Open(t.Context(), p9.OREAD)
	if err != nil {
		t.Fatal("opened while the end is still to come: ", err)
	}
	defer srv.Clunk(h)
	close(d.let)
	if b := <-came; b != nil {
		t.Errorf("%d bytes came", len(b))
	}
	checkRead(t, h, text, 0)
	for _, off := range []int64{2 << 20, 2<<20 + 1<<19} {
		if n, err := readFull(t.Context(), h, make([]byte, 4096), off); n != 0 || !errors.Is(err, syscall.EIO) {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
	}
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

// checkRead compares what is read at an offset, to the end or to a page's length: in pieces, but
// all of it.
func checkRead(t *testing.T, h srv.Handle, text []byte, off int64) {
	t.Helper()
	buf, want := make([]byte, 4096), text[off:]
	n, err := readFull(t.Context(), h, buf, off)
	if want = want[:min(len(buf), len(want))]; err != nil || !bytes.Equal(buf[:n], want) {
		t.Errorf("at %d: %d bytes %.20q of %d, %v", off, n, buf[:n], len(want), err)
	}
}

// readFull reads on until there is no more.
func readFull(ctx context.Context, h srv.Handle, buf []byte, off int64) (n int, err error) {
	for n < len(buf) {
		m, err := h.(srv.Reader).Read(ctx, buf[n:], off+int64(n))
		n += max(m, 0)
		if err == io.EOF || err == nil && m <= 0 {
			break
		} else if err != nil {
			return n, err
		}
	}
	return n, nil
}
