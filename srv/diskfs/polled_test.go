package diskfs

import (
	"context"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func pipe(t *testing.T) (path string, f srv.File) {
	dir := t.TempDir()
	r := serve(t, dir)
	p := must(r.Mknod(bg, "p", fs.ModeNamedPipe|0o600, 0))(t)
	t.Cleanup(func() { srv.Clunk(p) })
	return dir + "/p", p
}

type result struct {
	n   int
	err error
}

func TestPipeRead(t *testing.T) {
	path, f := pipe(t)
	h := open(t, f, p9.OREAD).(srv.Reader) // there is no writer yet
	b := make([]byte, 100)
	done := make(chan result)
	start := func(ctx context.Context) {
		go func() {
			n, err := h.Read(ctx, b, 0)
			done <- result{n, err}
		}()
	}
	ctx, cancel := context.WithCancel(bg)
	start(ctx)
	cancel()
	wantErr(t, "read without a writer", (<-done).err, context.Canceled)
	start(bg)
	w := must(os.OpenFile(path, os.O_WRONLY, 0))(t)
	must(w.WriteString("hello"))(t)
	if r := <-done; string(b[:r.n]) != "hello" || r.err != nil {
		t.Errorf("read: %q %v", b[:r.n], r.err)
	}
	// Of several that wait, one is cancelled and the other gets the data.
	ctx, cancel = context.WithCancel(bg)
	start(ctx)
	start(bg)
	start(bg)
	cancel()
	wantErr(t, "cancelled among others", (<-done).err, context.Canceled)
	must(w.WriteString("again"))(t)
	if r := <-done; r.n != 5 || r.err != nil {
		t.Errorf("read: %d %v", r.n, r.err)
	}
	w.Close()
	if r := <-done; r.n != 0 || r.err != io.EOF {
		t.Errorf("read after the writer's end: %d %v", r.n, r.err)
	}
}

func TestPipeShortWriter(t *testing.T) {
	path, f := pipe(t)
	for range 200 { // a writer that comes and goes is never taken for none
		h := must(srv.Open(bg, f, p9.OREAD))(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			w.WriteString("x")
			w.Close()
		})
		b := make([]byte, 1)
		if n, err := h.(srv.Reader).Read(bg, b, 0); n != 1 || err != nil {
			t.Fatalf("read: %d %v", n, err)
		}
		wg.Wait()
		srv.Clunk(h)
	}
}

func TestPipeWrite(t *testing.T) {
	path, f := pipe(t)
	_, err := srv.Open(bg, f, p9.OWRITE|p9.ONONBLOCK)
	wantErr(t, "open without a reader", err, unix.ENXIO)
	ctx, cancel := context.WithCancel(bg)
	errs := make(chan error)
	go func() { _, err := srv.Open(ctx, f, p9.OWRITE); errs <- err }()
	cancel()
	wantErr(t, "open without a reader", <-errs, context.Canceled)

	r := must(os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0))(t)
	defer r.Close()
	h := open(t, f, p9.OWRITE)
	big := make([]byte, 300<<10) // more than a pipe holds
	done := make(chan result)
	go func() {
		n, err := h.(srv.Writer).Write(bg, big, 0)
		done <- result{n, err}
	}()
	must(io.ReadFull(r, make([]byte, len(big))))(t)
	if w := <-done; w.n != len(big) || w.err != nil {
		t.Errorf("write: %d %v", w.n, w.err)
	}
	ctx, cancel = context.WithCancel(bg)
	go func() {
		n, err := h.(srv.Writer).Write(ctx, big, 0)
		done <- result{n, err}
	}()
	must(io.ReadFull(r, make([]byte, 1)))(t)
	cancel()
	if w := <-done; w.n == 0 && w.err == nil || w.n == len(big) {
		t.Errorf("write that is cancelled: %d %v", w.n, w.err)
	}
	n := open(t, f, p9.OREAD|p9.ONONBLOCK).(srv.Reader)
	for {
		if _, err = n.Read(bg, big, 0); err != nil {
			break
		}
	}
	wantErr(t, "read with ONONBLOCK", err, unix.EAGAIN)
}

func TestTerminal(t *testing.T) {
	r := serve(t, "/dev")
	name := "ptmx"
	if _, err := os.Readlink("/dev/ptmx"); err == nil { // of a file system of one's own, in containers
		name = "pts/ptmx"
	}
	m := open(t, walk(t, r, name), p9.ORDWR).(*polled)
	must(0, unix.IoctlSetPointerInt(m.fd, unix.TIOCSPTLCK, 0))(t)
	num := must(unix.IoctlGetInt(m.fd, unix.TIOCGPTN))(t)
	s := open(t, walk(t, r, "pts/"+strconv.Itoa(num)), p9.ORDWR)
	if err := raw(s.(*polled).fd); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bg)
	done := make(chan result)
	b := make([]byte, 100)
	go func() {
		n, err := s.(srv.Reader).Read(ctx, b, 0)
		done <- result{n, err}
	}()
	cancel()
	wantErr(t, "read of an idle terminal", (<-done).err, context.Canceled)
	go func() {
		n, err := s.(srv.Reader).Read(bg, b, 17)
		done <- result{n, err}
	}()
	must(m.Write(bg, []byte("typed"), 99))(t)
	if r := <-done; string(b[:r.n]) != "typed" || r.err != nil {
		t.Errorf("read of a terminal: %q %v", b[:r.n], r.err)
	}
}

func raw(fd int) error {
	tio, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	tio.Lflag &^= unix.ICANON | unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, tio)
}
