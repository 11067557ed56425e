package p9file

import (
	"context"
	"io/fs"
	"math/rand"
	"sync"
	"syscall"
	"testing"

	"github.com/hugelgupf/p9/fsimpl/localfs"
	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestRace does everything at once, for the race detector, for deadlocks and for
// what p9.File promises. It goes to localfs too, whose files change when they are
// told of renames and have no lock of their own. In the end nothing is held.
func TestRace(t *testing.T) {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	defer syscall.Umask(mask) // localfs sets it
	for name, a := range map[string]hp9.Attacher{
		"ramfs":   Attacher(context.Background(), ramfs.New()),
		"localfs": localfs.Attacher(t.TempDir()),
	} {
		t.Run(name, func(t *testing.T) {
			srvtest.CheckGoroutines(t)
			srvtest.CheckFiles(t)
			c := &contract{Attacher: a, broken: map[string]bool{}}
			defer c.check(t)
			f, err := Tree(c)
			if err != nil {
				t.Fatal(err)
			}
			r := f.(*root)
			var wg sync.WaitGroup
			for g := range 6 {
				wg.Go(func() { scramble(r, rand.New(rand.NewSource(int64(g)))) })
			}
			wg.Wait()
			if top := &r.t.top; len(top.kids) != 0 || len(top.nodes) != 1 || r.refs != 1 {
				t.Errorf("%d names, %d files and %d references are left", len(top.kids), len(top.nodes), r.refs)
			}
			r.Close()
		})
	}
}

func scramble(r *root, rnd *rand.Rand) {
	ctx := context.Background()
	name := func() string { return string(rune('a' + rnd.Intn(4))) }
	pick := func() *dir { // some directory, a few names down
		d := r.dir
		d.ref()
		for range rnd.Intn(3) {
			f, err := d.Walk(ctx, name())
			if err != nil {
				break
			}
			next, ok := f.(*dir)
			if !ok {
				srv.Clunk(f)
				break
			}
			d.unref()
			d = next
		}
		return d
	}
	for range 600 {
		d, e := pick(), pick()
		switch rnd.Intn(8) {
		case 0:
			if _, h, err := d.Create(ctx, name(), 0o644, p9.ORDWR|p9.OTRUNC); err == nil {
				h.(srv.Writer).Write(ctx, []byte("hello"), 0)
				h.(srv.File).Stat(ctx)
				h.(srv.Wstater).Wstat(ctx, p9.Wstat{Valid: p9.WLength, Length: 3})
				srv.Clunk(h)
			}
		case 1, 2:
			if f, h, err := d.Create(ctx, name(), fs.ModeDir|0o755, p9.OREAD); err == nil {
				srv.Clunk(h)
				srv.Clunk(f)
			}
		case 3:
			d.Unlink(ctx, name(), rnd.Intn(2) == 0)
		case 4, 5:
			d.Rename(ctx, name(), e, name())
		case 6:
			if h, err := d.Open(ctx, p9.OREAD); err == nil {
				for range h.(srv.Lister).List(ctx, 0) {
				}
				srv.Clunk(h)
			}
		case 7:
			if f, err := d.Walk(ctx, name()); err == nil {
				f.Stat(ctx)
				if h, err := srv.Open(ctx, f, p9.OREAD); err == nil {
					if r, ok := h.(srv.Reader); ok {
						r.Read(ctx, make([]byte, 10), 0)
						h.(srv.Syncer).Sync(ctx, false)
					}
					srv.Clunk(h)
				}
				srv.Clunk(f)
			}
		}
		d.unref()
		e.unref()
	}
}
