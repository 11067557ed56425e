package ns

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestPipeTree holds #| to what every tree has to do.
func TestPipeTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return newPipe(nil) }, "data*")
}

// ends opens both files of a new pipe.
func ends(t *testing.T) (a, b *pipeHandle) {
	t.Helper()
	dir := newPipe(nil)
	open := func(name string) *pipeHandle {
		f, err := srv.Walk(t.Context(), dir, name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := srv.Open(t.Context(), f, p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		return h.(*pipeHandle)
	}
	return open("data"), open("data1")
}

// TestPipe has the rules of pipe(3).
func TestPipe(t *testing.T) {
	ctx := t.Context()
	a, b := ends(t)
	read := func(h *pipeHandle, n int) string {
		t.Helper()
		buf := make([]byte, n)
		m, err := h.Read(ctx, buf, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:m])
	}
	write := func(h *pipeHandle, s string) {
		t.Helper()
		if n, err := h.Write(ctx, []byte(s), 7); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	write(a, "one")
	write(a, "two")
	write(b, "back")
	is("a read ends with a write", read(b, 100), "one")
	is("or where its room ends", read(b, 2), "tw")
	is("and goes on there", read(b, 2), "o")
	is("the other way", read(a, 100), "back")
	write(a, "left")
	if st, err := b.Stat(ctx); st.Length != 4 || err != nil {
		t.Error("length of what there is to read:", st.Length, err)
	}
	a.Clunk()
	is("what was left", read(b, 100), "left")
	is("then the end", read(b, 100), "")
	if _, err := b.Write(ctx, []byte("x"), 0); !errors.Is(err, errPipe) {
		t.Error("write to a closed side:", err)
	}
	if _, err := a.Open(ctx, p9.ORDWR); err != nil { // it is no end any more
		t.Fatal(err)
	}
	write(a, "more")
	is("from who opened it again", read(b, 100), "more")
	write(a, "lost")
	a.Clunk()
	b.Clunk()
	if st, _ := b.Stat(ctx); st.Length != 0 {
		t.Error("what its reader left unread is still there")
	}
	if _, err := a.Open(ctx, p9.OWRITE); err != nil {
		t.Fatal(err)
	}
	write(a, "early")
	a.Clunk()
	if _, err := b.Open(ctx, p9.OREAD); err != nil {
		t.Fatal(err)
	}
	is("written before there was a reader", read(b, 100), "early")
}

// TestPipeWaits has reads and writes that wait, and that are given up.
func TestPipeWaits(t *testing.T) {
	srvtest.CheckGoroutines(t)
	a, b := ends(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := b.Read(ctx, make([]byte, 1), 0)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error("a read that was given up:", err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 3*pipeAtomic/16)
	go func() {
		n, err := a.Write(t.Context(), big, 0)
		if n != len(big) && err == nil {
			err = fs.ErrInvalid
		}
		done <- err
	}()
	var got []byte
	for len(got) < len(big) {
		buf := make([]byte, 1<<20)
		n, err := b.Read(t.Context(), buf, 0)
		if err != nil || n > pipeAtomic {
			t.Fatal(n, err)
		}
		got = append(got, buf[:n]...)
	}
	if err := <-done; err != nil || !bytes.Equal(got, big) {
		t.Error("a long write:", err, len(got))
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		n, err := a.Write(ctx, big, 0)
		if n != pipeAtomic {
			err = errors.Join(err, errors.New("not one piece"))
		}
		done <- err
	}()
	srvtest.Until(func() bool {
		st, _ := b.Stat(t.Context())
		return st.Length == pipeAtomic
	})
	cancel()
	if err := <-done; err != nil {
		t.Error("a write that was given up after its first piece:", err)
	}
	go func() {
		for { // the one that waits for data when the other side goes
			n, err := b.Read(t.Context(), make([]byte, 1<<20), 0)
			if n == 0 {
				done <- err
				return
			}
		}
	}()
	a.Clunk()
	if err := <-done; err != nil {
		t.Error("a read at the end:", err)
	}
}
