package srv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestLog reads lines, those that were there and those that come.
func TestLog(t *testing.T) {
	srvtest.CheckGoroutines(t)
	l := srv.NewLog(0o444)
	if l.Followed() {
		t.Error("a new log is followed")
	}
	for i := range 1030 {
		l.Line(strconv.Itoa(i))
	}
	open := func(mode p9.Mode) srv.Handle {
		h, err := srv.Open(t.Context(), l, mode)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	read := func(ctx context.Context, h srv.Handle, n int) string {
		p := make([]byte, n)
		n, err := h.(srv.Reader).Read(ctx, p, 7)
		if err != nil {
			return err.Error()
		}
		return string(p[:n])
	}
	h := open(p9.OREAD)
	for i := 6; i < 1030; i++ {
		if got := read(t.Context(), h, 100); got != fmt.Sprintln(i) {
			t.Fatalf("read %q, not %d", got, i)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan string)
	go func() { done <- read(ctx, h, 100) }()
	cancel()
	if got := <-done; got != context.Canceled.Error() {
		t.Errorf("a flushed read: %q", got)
	}
	go func() { done <- read(t.Context(), h, 100) }()
	slog.New(slog.NewTextHandler(l, nil)).Info("hello", "n", 1)
	if got := <-done; !strings.HasSuffix(got, " level=INFO msg=hello n=1\n") {
		t.Errorf("of slog: %q", got)
	}
	fmt.Fprint(l, "two\nlines")
	if got := read(t.Context(), h, 2) + read(t.Context(), h, 100) + read(t.Context(), h, 100); got != "two\nlines\n" {
		t.Errorf("read %q", got)
	}
	for i := range 1026 {
		l.Line(strconv.Itoa(i))
	}
	if got := read(t.Context(), h, 100) + read(t.Context(), h, 100); got != "2 lines lost\n2\n" {
		t.Errorf("read %q by a slow reader", got)
	}
	now := l.Follow(p9.OREAD | p9.ONONBLOCK)
	if got := read(t.Context(), now, 100); got != p9.ErrorOfErrno(syscall.EAGAIN).Error() {
		t.Errorf("without blocking: %q", got)
	}
	l.Say("said")
	if got := read(t.Context(), now, 100); len(got) != len("2026-01-02T03:04:05.678Z said\n") || !strings.HasSuffix(got, "Z said\n") {
		t.Errorf("said: %q", got)
	}
	srv.Clunk(now)
	if !l.Followed() {
		t.Error("not followed")
	}
	srv.Clunk(h)
	if l.Followed() {
		t.Error("still followed")
	}
}

func TestStatsDrawing(t *testing.T) {
	srvtest.Drawing(t, "statsdir.go", srv.New(srv.NewDir()).StatsDir("ram"))
}

// TestServerLog: what the keeper of a server should know is said, once.
func TestServerLog(t *testing.T) {
	lines := make(chan string, 100)
	file := srv.Text(0o444, func(context.Context) (string, error) { return "", nil })
	s := srv.New(srv.NewDir().Add("f", many{file}))
	s.Descriptors = 8
	s.Log = func(line string) { lines <- line }
	said := func(want string) {
		t.Helper()
		if got := <-lines; !strings.HasPrefix(got, "connection") || !strings.HasSuffix(got, want) {
			t.Errorf("said %q, not %q", got, want)
		}
	}
	root := srvtest.MountServer(t, s, true)
	if _, err := root.Conn().Attach(t.Context(), nil, "", "nosuch"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("attach: %v", err)
	}
	said(`to "nosuch" refused: no such tree: nosuch`)
	for _, name := range []string{"ann\nconnection of user 0", strings.Repeat("\x00", 1<<16-1)} {
		root.Conn().Attach(t.Context(), nil, name, name)
		if got := <-lines; len(got) > 1<<10 || strings.ContainsAny(got, "\n\x00") {
			t.Errorf("said %d bytes, %.80q", len(got), got)
		}
	}
	var err error
	for range 10 {
		if _, err = root.WalkOpen(t.Context(), p9.OREAD, "f"); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("the last: %v", err)
	}
	root.WalkOpen(t.Context(), p9.OREAD, "f")
	said(": may have no more descriptors: " + syscall.EMFILE.Error())
	raw := srvtest.Serve(t, s)
	io.WriteString(raw, "GET / HTTP/1.0\r\n\r\n")
	io.ReadAll(raw)
	if got := <-lines; !strings.Contains(got, ": broken: ") {
		t.Errorf("said %q", got)
	}
	if len(lines) > 0 {
		t.Errorf("said besides: %s", <-lines)
	}
}

// TestServerLogHangup: a client that goes without having read all its answers, as one that
// ends behind a Tclunk, has broken nothing.
func TestServerLogHangup(t *testing.T) {
	s := srv.New(srv.NewDir())
	s.Log = func(line string) { t.Errorf("said %q", line) }
	version, err := (&p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 8192, Version: p9.Version9P2000}).Append(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	a, b := srvtest.Pair(t)
	if _, err := a.Write(version); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(t.Context(), b) }()
	var head [1]byte
	if _, err := a.Read(head[:]); err != nil { // of the answer, whose rest stays
		t.Fatal(err)
	}
	a.Close()
	if err := <-done; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v: that was not to be tested", err)
	}
}

// many is a file that holds a descriptor while it is open.
type many struct{ srv.File }

func (m many) Open(context.Context, p9.Mode) (srv.Handle, error) { return held{}, nil }

type held struct{ srv.Bytes }

func (held) Descriptor() {}
