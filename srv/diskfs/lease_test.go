package diskfs

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// fileLease takes a lease for writing of a file, fcntl(2), as any program of the machine may of
// its own: who opens the file then waits for it to be given up, /proc/sys/fs/lease-break-time
// at most.
func fileLease(t *testing.T, path string) (giveUp func()) {
	t.Helper()
	fd := must(unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0))(t)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		unix.Close(fd)
		t.Skip("no leases here: ", err)
	}
	given := false
	giveUp = func() {
		if !given {
			given = true
			unix.Close(fd)
		}
	}
	t.Cleanup(giveUp)
	return giveUp
}

// TestFileLease has requests that open a file, for its sake or their own, wait for a lease
// that somebody has of it where that holds up nobody else and takes no thread.
func TestFileLease(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(ctx context.Context, f srv.File) error
	}{
		{"truncate", func(ctx context.Context, f srv.File) error {
			return f.(srv.Wstater).Wstat(ctx, p9.Wstat{Valid: p9.WLength, Length: 2})
		}},
		{"fsync", func(ctx context.Context, f srv.File) error { return f.(srv.Wstater).Wstat(ctx, p9.Wstat{}) }},
		{"open", func(ctx context.Context, f srv.File) error { return openClose(ctx, f, p9.OREAD) }},
		{"open to truncate", func(ctx context.Context, f srv.File) error { return openClose(ctx, f, p9.OWRITE|p9.OTRUNC) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := memory(t)
			write(t, dir+"/f", "text")
			giveUp := fileLease(t, dir+"/f")
			f := walk(t, serve(t, dir), "f")
			wantErr(t, "on the reading goroutine", c.do(nonblock(t), f), srv.ErrAgain)
			ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
			defer cancel()
			wantErr(t, "until it is flushed", c.do(ctx, f), context.DeadlineExceeded)
			done := make(chan error)
			go func() { done <- c.do(bg, f) }()
			giveUp()
			wantErr(t, "when it is given up", <-done, nil)
		})
	}
}

// TestFileLeaseNonblock has who asks for it told, as open(2) tells.
func TestFileLeaseNonblock(t *testing.T) {
	dir := memory(t)
	write(t, dir+"/f", "text")
	fileLease(t, dir+"/f")
	f := walk(t, serve(t, dir), "f")
	wantErr(t, "open with ONONBLOCK", openClose(bg, f, p9.OWRITE|p9.ONONBLOCK), unix.EAGAIN)
}

func openClose(ctx context.Context, f srv.File, mode p9.Mode) error {
	h, err := srv.Open(ctx, f, mode)
	if err == nil {
		srv.Clunk(h)
	}
	return err
}
