package diskfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// busy takes all threads that ctx may have, as calls do that hang in the kernel; free gives one
// back each time.
func busy(t *testing.T, ctx context.Context) (free func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	n := 0
	free = func() { end <- struct{}{}; <-ended; n-- }
	for ; n < 10_000; n++ {
		began, full := make(chan struct{}), make(chan struct{})
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if srv.InKernel(ctx, func() error { close(began); <-end; return nil }) != nil {
				close(full)
			} else {
				ended <- struct{}{}
			}
		}()
		select {
		case <-began:
			continue
		case <-full:
		}
		t.Cleanup(func() {
			for n > 0 {
				free()
			}
		})
		return free
	}
	t.Fatal("there is no end of threads")
	return nil
}

// TestThreads has each request on a network wait for a thread, for as long as it is not flushed,
// and need no more than one.
func TestThreads(t *testing.T) {
	dir := t.TempDir()
	r := serve(t, dir)
	d := r.dev.Load()
	d.waits, d.held = always, false // as if it were
	write(t, dir+"/f", "text")
	must(r.Symlink(bg, "l", "f"))(t).(*entry).Clunk()
	must(0, os.WriteFile(dir+"/x", nil, 0o755))(t)
	f, l, x := walk(t, r, "f"), walk(t, r, "l"), walk(t, r, "x")
	h := open(t, f, p9.ORDWR).(*file)
	list := open(t, r, p9.OREAD).(*dirHandle)
	clunk := func(f any, err error) error {
		if err == nil {
			srv.Clunk(f)
		}
		return err
	}
	n := 0
	for _, c := range []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"walk", func(ctx context.Context) error { return clunk(r.Walk(ctx, "f")) }},
		{"walk and stat", func(ctx context.Context) error { f, _, err := r.WalkStat(ctx, "f"); return clunk(f, err) }},
		{"stat", func(ctx context.Context) error { _, err := f.(*entry).Stat(ctx); return err }},
		{"statfs", func(ctx context.Context) error { _, err := r.Statfs(ctx); return err }},
		{"open", func(ctx context.Context) error { return openClose(ctx, f, p9.OREAD) }},
		{"open to run", func(ctx context.Context) error { return openClose(ctx, x, p9.OEXEC) }},
		{"open a directory", func(ctx context.Context) error { return openClose(ctx, r, p9.OREAD) }},
		{"truncate", func(ctx context.Context) error { return openClose(ctx, f, p9.OWRITE|p9.OTRUNC) }},
		{"create", func(ctx context.Context) error {
			_, h, err := r.Create(ctx, "new", 0o666, p9.OWRITE)
			return clunk(h, err)
		}},
		{"open by creating", func(ctx context.Context) error {
			_, h, err := r.Create(ctx, "f", 0o666, p9.OWRITE)
			return clunk(h, err)
		}},
		{"make a directory", func(ctx context.Context) error {
			n++
			_, h, err := r.Create(ctx, "dir"+string(rune('a'+n)), fs.ModeDir|0o777, p9.OREAD)
			return clunk(h, err)
		}},
		{"make a pipe", func(ctx context.Context) error {
			n++
			return clunk(r.Mknod(ctx, "pipe"+string(rune('a'+n)), fs.ModeNamedPipe|0o666, 0))
		}},
		{"make a nameless file", func(ctx context.Context) error {
			_, h, err := r.Tmpfile(ctx, 0o666, p9.OWRITE)
			if errors.Is(err, unix.EOPNOTSUPP) {
				err = nil
			}
			return clunk(h, err)
		}},
		{"link", func(ctx context.Context) error { return r.Link(ctx, f, "link") }},
		{"rename", func(ctx context.Context) error { return r.Rename(ctx, "link", r, "moved") }},
		{"unlink", func(ctx context.Context) error { return r.Unlink(ctx, "moved", false) }},
		{"readlink", func(ctx context.Context) error { _, err := l.(*entry).Readlink(ctx); return err }},
		{"list attributes", func(ctx context.Context) error { _, err := r.Listxattr(ctx); return err }},
		{"set times", func(ctx context.Context) error { return r.Wstat(ctx, p9.Wstat{Valid: p9.WMtimeNow}) }},
		{"set length", func(ctx context.Context) error {
			return f.(*entry).Wstat(ctx, p9.Wstat{Valid: p9.WLength, Length: 2})
		}},
		{"sync by wstat", func(ctx context.Context) error { return f.(*entry).Wstat(ctx, p9.Wstat{}) }},
		{"read", func(ctx context.Context) error { _, err := h.Read(ctx, make([]byte, 1), 0); return err }},
		{"write", func(ctx context.Context) error { _, err := h.Write(ctx, []byte("x"), 0); return err }},
		{"reserve", func(ctx context.Context) error {
			if err := h.Fallocate(ctx, 0, 0, 1); !errors.Is(err, unix.EOPNOTSUPP) {
				return err
			}
			return nil
		}},
		{"find a hole", func(ctx context.Context) error { _, err := h.Extent(ctx, 0, unix.SEEK_HOLE); return err }},
		{"sync", func(ctx context.Context) error { return h.Sync(ctx, false) }},
		{"lock", func(ctx context.Context) error { _, err := h.Lock(ctx, p9.Flock{Type: p9.LockWrite}); return err }},
		{"flock", func(ctx context.Context) error { return h.Flock(ctx, unix.LOCK_EX) }},
		{"ask for a lock", func(ctx context.Context) error { _, err := h.Getlock(ctx, p9.Flock{Type: p9.LockWrite}); return err }},
		{"list", func(ctx context.Context) error {
			for _, err := range list.List(ctx, 0) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"sync a directory", func(ctx context.Context) error { return list.Sync(ctx, false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := srv.WithThreads(bg)
			free := busy(t, all)
			ctx, cancel := context.WithTimeout(all, 5*time.Millisecond)
			defer cancel()
			wantErr(t, "without a thread", c.do(ctx), context.DeadlineExceeded)
			free()
			ctx, cancel = context.WithTimeout(all, 10*time.Second)
			defer cancel()
			wantErr(t, "with one", c.do(ctx), nil)
		})
	}
}
