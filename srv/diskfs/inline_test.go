package diskfs

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A spy is a file that keeps the context it is asked with.
type spy struct{ ctx chan context.Context }

func (spy) Inline() {}

func (s spy) Stat(ctx context.Context) (p9.Stat, error) {
	if srv.Nonblock(ctx) {
		select {
		case s.ctx <- ctx:
		default:
		}
	}
	return p9.Stat{Qid: p9.Qid{Path: 1}}, nil
}

// nonblock gives a context as the engine's on the reading goroutine.
func nonblock(t testing.TB) context.Context {
	t.Helper()
	s := spy{make(chan context.Context, 1)}
	must(srvtest.Mount(t, s, true).Stat(bg))(t)
	return <-s.ctx
}

// memory gives a directory of a file system that is in memory.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "diskfs")
	if err != nil {
		t.Skip("no directory in memory: ", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var sfs unix.Statfs_t
	if unix.Statfs(dir, &sfs); sfs.Type != unix.TMPFS_MAGIC {
		t.Skip("/dev/shm is not in memory")
	}
	return dir
}

// disk gives a directory of a file system that is not, and reads without waiting.
func disk(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	var sfs unix.Statfs_t
	unix.Statfs(dir, &sfs)
	if waitingOf(int64(sfs.Type)) != onDisk {
		t.Skipf("%s is not on a disk", dir)
	}
	write(t, dir+"/probe", "x")
	f := must(os.Open(dir + "/probe"))(t)
	defer f.Close()
	if _, err := preadNow(int(f.Fd()), make([]byte, 1), 0); err == unix.EOPNOTSUPP {
		t.Skipf("the file system of %s cannot read without waiting", dir)
	}
	return dir
}

func TestReadNow(t *testing.T) {
	dir := disk(t)
	const size = 4 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	must(0, os.WriteFile(dir+"/f", content, 0o644))(t)
	f := must(os.Open(dir + "/f"))(t)
	defer f.Close()
	must(0, f.Sync())(t)
	ctx := nonblock(t)
	r := serve(t, dir)
	h := open(t, walk(t, r, "f"), p9.OREAD).(srv.Reader)
	if _, ok := h.(srv.Inline); !ok {
		t.Fatal("a local file's handle is not Inline")
	}
	forget := func(off, n int64) {
		must(0, unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED))(t)
	}
	forget(0, 0)
	b := make([]byte, 64<<10)
	if n, err := h.Read(ctx, b, size-int64(len(b))); err != srv.ErrAgain || n != 0 {
		t.Skipf("the file stays in memory: read %d, %v", n, err)
	}
	read := func(ctx context.Context, off int64, want int) {
		t.Helper()
		n, err := h.Read(ctx, b, off)
		if n != want || err != nil || !bytes.Equal(b[:n], content[off:][:n]) {
			t.Errorf("read at %d: %d, %v", off, n, err)
		}
	}
	read(bg, 0, len(b))
	read(ctx, 0, len(b))
	// Where a part is missing, it is all or nothing.
	must(f.ReadAt(make([]byte, size), 0))(t)
	forget(32<<10, size)
	if n, err := h.Read(ctx, b, 0); err == nil && n != len(b) || err != nil && (err != srv.ErrAgain || n != 0) {
		t.Errorf("read of what is there in part: %d, %v", n, err)
	}
	must(f.ReadAt(make([]byte, size), 0))(t)
	read(ctx, size-100, 100) // which is the end, and so no short read
	read(ctx, size, 0)
	if n, err := h.Read(ctx, b, size+1000); n != 0 || err != nil {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
	if n, err := h.Read(ctx, nil, 0); n != 0 || err != nil {
		t.Errorf("read of nothing: %d, %v", n, err)
	}
}

// TestPages asks for pages of what is in memory, of what is not, and of what is not
// there at all.
func TestPages(t *testing.T) {
	const size = 4 << 20
	for name, dir := range map[string]func(testing.TB) string{"disk": disk, "memory": memory} {
		t.Run(name, func(t *testing.T) {
			dir := dir(t)
			write(t, dir+"/f", string(make([]byte, size)))
			f := must(os.Open(dir + "/f"))(t)
			defer f.Close()
			must(0, f.Sync())(t)
			h := open(t, walk(t, serve(t, dir), "f"), p9.OREAD).(srv.Pager)
			pages := func(off int64, n, want int) {
				t.Helper()
				if fd, have := h.Pages(off, n); have != want || have > 0 && fd != h.(*local).fd {
					t.Errorf("%d bytes at %d: %d of them in memory, not %d", n, off, have, want)
				}
			}
			must(f.ReadAt(make([]byte, size), 0))(t)
			if name == "disk" {
				if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: 1}, &unix.Cachestat_t{}, 0); err != nil {
					t.Skip("cachestat: ", err)
				}
			}
			pages(0, 64<<10, 64<<10)
			pages(4095, 64<<10, 64<<10)
			pages(size-100, 64<<10, 100)
			pages(size, 64<<10, 0)
			pages(size+1000, 64<<10, 0)
			if name == "disk" {
				advise := func(advice int) { must(0, unix.Fadvise(int(f.Fd()), 0, 0, advice))(t) }
				advise(unix.FADV_DONTNEED)
				if cached(int(f.Fd()), 1<<20, 64<<10) {
					t.Skip("the file stays in memory")
				}
				advise(unix.FADV_RANDOM) // nothing is read ahead
				must(f.ReadAt(make([]byte, 64<<10), 1<<20))(t)
				pages(1<<20, 64<<10, 64<<10)
				pages(1<<20+100, 60<<10, 60<<10)
				pages(1<<20-1, 64<<10, 0)
				pages(1<<20+1, 64<<10, 0)
				pages(0, 64<<10, 0)
			}
		})
	}
}

func TestWalkNow(t *testing.T) {
	dir := disk(t)
	ctx := nonblock(t)
	r := serve(t, dir)
	if r.t.uncached {
		t.Skip("the kernel cannot walk without waiting")
	}
	// What has never been looked up is not known not to be there.
	if _, err := r.Walk(ctx, "none"); err != srv.ErrAgain {
		t.Errorf("first walk: %v", err)
	}
	_, err := r.Walk(bg, "none")
	wantErr(t, "second walk", err, fs.ErrNotExist)
	_, err = r.Walk(ctx, "none")
	wantErr(t, "third walk", err, fs.ErrNotExist)
	f := must(r.Walk(ctx, "probe"))(t)
	defer srv.Clunk(f)
	if st, err := f.Stat(ctx); err != nil || st.Length != 1 {
		t.Errorf("stat: %+v, %v", st, err)
	}
	h := must(srv.Open(ctx, f, p9.OREAD))(t)
	defer srv.Clunk(h)
	// Another file system may be anybody's.
	if _, err := serve(t, "/").Walk(ctx, "proc"); err != srv.ErrAgain {
		t.Errorf("walk to a mounted file system: %v", err)
	}
}

// TestNow changes files on the reading goroutine, in memory and on a disk.
func TestNow(t *testing.T) {
	for _, dir := range []func(testing.TB) string{memory, disk} {
		t.Run("", func(t *testing.T) {
			r := serve(t, dir(t))
			quick := nonblock(t)
			now := func() context.Context { // whatever the disk was busy with before
				r.dev.Load().late.Store(0)
				return quick
			}
			f, h, err := r.Create(now(), "f", 0o644, p9.ORDWR|p9.OEXCL)
			if err != nil {
				t.Fatal(err)
			}
			must(h.(srv.Writer).Write(now(), []byte("text"), 0))(t)
			b := make([]byte, 10)
			if n, err := h.(srv.Reader).Read(now(), b, 0); string(b[:n]) != "text" || err != nil {
				t.Errorf("read: %q, %v", b[:n], err)
			}
			must(0, f.(srv.Wstater).Wstat(now(), p9.Wstat{Valid: p9.WMode, Mode: 0o600}))(t)
			must(0, r.Rename(now(), "f", r, "g"))(t)
			srv.Clunk(f)
			f, h, err = r.Create(now(), "g", 0o644, p9.ORDWR|p9.OTRUNC) // is there
			if err != nil {
				t.Fatal(err)
			}
			if n, err := h.(srv.Reader).Read(now(), b, 0); n != 0 || err != nil {
				t.Errorf("read of what was truncated: %q, %v", b[:n], err)
			}
			srv.Clunk(f)
			d, _, err := r.Create(now(), "d", fs.ModeDir|0o755, p9.OREAD)
			if err != nil {
				t.Fatal(err)
			}
			srv.Clunk(d)
			l := must(r.Symlink(now(), "l", "g"))(t)
			if s, err := l.(srv.Readlinker).Readlink(now()); s != "g" || err != nil {
				t.Errorf("readlink: %q, %v", s, err)
			}
			srv.Clunk(l)
			must(0, r.Unlink(now(), "g", false))(t)
			must(0, r.Unlink(now(), "d", true))(t)
		})
	}
}

// TestLate leaves changes alone, and does nothing by halves, when the disk has
// been slow.
func TestLate(t *testing.T) {
	r := serve(t, disk(t))
	ctx := nonblock(t)
	f := create(t, r, "f", 0o644, p9.ORDWR)
	r.dev.Load().late.Store(int64(time.Since(r.t.began) + time.Hour))
	for what, do := range map[string]func(ctx context.Context) error{
		"create": func(ctx context.Context) error {
			f, _, err := r.Create(ctx, "new", 0o644, p9.ORDWR|p9.OEXCL)
			srv.Clunk(f)
			return err
		},
		"mkdir": func(ctx context.Context) error {
			f, _, err := r.Create(ctx, "dir", fs.ModeDir|0o755, p9.OREAD|p9.OEXCL)
			srv.Clunk(f)
			return err
		},
		"write":  func(ctx context.Context) error { _, err := f.(srv.Writer).Write(ctx, []byte("x"), 0); return err },
		"unlink": func(ctx context.Context) error { return r.Unlink(ctx, "probe", false) },
		"truncate": func(ctx context.Context) error {
			h, err := srv.Open(ctx, f, p9.OWRITE|p9.OTRUNC)
			srv.Clunk(h)
			return err
		},
		"sync": func(ctx context.Context) error { return f.(srv.Syncer).Sync(ctx, false) },
		"list": func(ctx context.Context) error {
			h := must(srv.Open(bg, r, p9.OREAD))(t)
			defer srv.Clunk(h)
			for _, err := range h.(srv.Lister).List(ctx, 0) {
				return err
			}
			return nil
		},
	} {
		if err := do(ctx); err != srv.ErrAgain {
			t.Errorf("%s: %v", what, err)
		}
		if err := do(bg); err != nil {
			t.Errorf("%s afterwards: %v", what, err)
		}
	}
	if _, err := r.Stat(ctx); err != nil {
		t.Errorf("stat: %v", err)
	}
}

// TestElsewhere asks for what may always wait.
func TestElsewhere(t *testing.T) {
	ctx := nonblock(t)
	dir := t.TempDir()
	must(0, unix.Mkfifo(dir+"/p", 0o600))(t)
	r := serve(t, dir)
	p := must(r.Walk(ctx, "p"))(t)
	defer srv.Clunk(p)
	if _, err := srv.Open(ctx, p, p9.OREAD); err != srv.ErrAgain {
		t.Errorf("open of a pipe: %v", err)
	}
	proc := serve(t, "/proc")
	u := walk(t, proc, "uptime")
	if _, err := srv.Open(ctx, u, p9.OREAD); err != srv.ErrAgain {
		t.Errorf("open of /proc/uptime: %v", err)
	}
	for _, h := range []srv.Handle{open(t, p, p9.OREAD), open(t, u, p9.OREAD)} {
		if _, ok := h.(srv.Inline); ok {
			t.Errorf("%T is Inline", h)
		}
		if _, err := h.(srv.Reader).Read(ctx, make([]byte, 1), 0); err != srv.ErrAgain {
			t.Errorf("read: %v", err)
		}
	}
	// As on a network: nothing at all is known not to wait.
	r.dev.Load().waits = always
	for what, err := range map[string]error{
		"stat":   func() error { _, err := r.Stat(ctx); return err }(),
		"statfs": func() error { _, err := r.Statfs(ctx); return err }(),
		"walk":   func() error { _, err := r.Walk(ctx, "p"); return err }(),
		"open":   func() error { _, err := r.Open(ctx, p9.OREAD); return err }(),
		"create": func() error { _, _, err := r.Create(ctx, "f", 0o644, p9.ORDWR); return err }(),
	} {
		if err != srv.ErrAgain {
			t.Errorf("%s: %v", what, err)
		}
	}
	f := create(t, r, "f", 0o644, p9.ORDWR)
	if _, ok := f.(srv.Inline); ok {
		t.Error("a distant file's handle is Inline")
	}
	if _, err := f.(srv.Reader).Read(ctx, make([]byte, 1), 0); err != srv.ErrAgain {
		t.Errorf("read: %v", err)
	}
}

func TestAllocs(t *testing.T) {
	// Where entries are parked a change looks at paths first; once crowded, a process stays so.
	crowded := lot.crowded.Swap(false)
	t.Cleanup(func() { lot.crowded.Store(crowded) })
	for _, dir := range []func(testing.TB) string{memory, disk} {
		t.Run("", func(t *testing.T) {
			quick := nonblock(t)
			r := serve(t, dir(t))
			f := create(t, r, "f", 0o644, p9.ORDWR)
			e := walk(t, r, "f")
			b := make([]byte, 4096)
			f.(srv.Writer).Write(bg, b, 0)
			for _, ctx := range []context.Context{bg, quick} {
				for _, c := range []struct {
					what string
					most float64
					do   func() error
				}{
					{"write", 0, func() error { _, err := f.(srv.Writer).Write(ctx, b, 0); return err }},
					{"read", 0, func() error { _, err := f.(srv.Reader).Read(ctx, b, 0); return err }},
					{"stat", 0, func() error { _, err := e.Stat(ctx); return err }},
					{"walk and clunk", 1, func() error {
						e, err := r.Walk(ctx, "f")
						if err == nil {
							srv.Clunk(e)
						}
						return err
					}},
					{"open and clunk", 1, func() error {
						h, err := srv.Open(ctx, e, p9.OREAD)
						if err == nil {
							srv.Clunk(h)
						}
						return err
					}},
					{"create, clunk and unlink", 1, func() error {
						f, _, err := r.Create(ctx, "g", 0o644, p9.ORDWR)
						if err != nil {
							return err
						}
						srv.Clunk(f)
						return r.Unlink(ctx, "g", false)
					}},
				} {
					if err := c.do(); err != nil {
						t.Errorf("%s: %v", c.what, err)
					}
					if n := testing.AllocsPerRun(100, func() { c.do() }); n > c.most {
						t.Errorf("%s makes %v allocations, more than %v", c.what, n, c.most)
					}
				}
			}
		})
	}
}
