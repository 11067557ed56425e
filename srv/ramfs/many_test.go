package ramfs

import (
	"fmt"
	"io/fs"
	"math/rand"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestListChanging lists in small steps a directory that others change: what
// stays is given once.
func TestListChanging(t *testing.T) {
	root := New().(*dir)
	const n = 10000
	for i := range n {
		put(t, root, fmt.Sprintf("stay%d", i), "")
		if i%3 == 0 {
			put(t, root, fmt.Sprintf("go%d", i), "")
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			root.Unlink(bg, fmt.Sprintf("go%d", i*3%n), false)
			h := mk(t, root, fmt.Sprintf("new%d", i), p9.OREAD)
			h.Clunk()
			root.Rename(bg, fmt.Sprintf("new%d", i), root, fmt.Sprintf("stay%d", i%n)) // over: the name stays
			if i%2 == 0 {
				root.Unlink(bg, fmt.Sprintf("new%d", i/2), false)
			}
		}
	})
	for _, step := range []int{1, 3, 64, 65, 100000} {
		seen := map[string]int{}
		cookie, more := uint64(0), true
		for more {
			more = false
			i := 0
			for e, err := range root.List(bg, cookie) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Cookie == 0 {
					t.Fatal("cookie 0")
				}
				seen[e.Name]++
				cookie, more = e.Cookie, true
				if i++; i == step {
					break
				}
			}
			if cookie > 4*n {
				break // the other makes new ones as fast as we go
			}
		}
		for i := range n {
			if name := fmt.Sprintf("stay%d", i); seen[name] != 1 {
				t.Fatalf("steps of %d: %s seen %d times", step, name, seen[name])
			}
		}
	}
	close(stop)
	wg.Wait()
}

// TestRace does everything at once, for the race detector and for deadlocks.
func TestRace(t *testing.T) {
	root := New(Limit(64 << 20)).(*dir)
	dirs := []*dir{root}
	for i := range 4 {
		dirs = append(dirs, mkdir(t, dirs[i], "d"), mkdir(t, dirs[i], "e"))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewSource(int64(g)))
			pick := func() *dir { return dirs[rnd.Intn(len(dirs))] }
			name := func() string { return string(rune('a' + rnd.Intn(6))) }
			for range 3000 {
				switch rnd.Intn(9) {
				case 0, 1:
					if _, h, err := pick().Create(bg, name(), 0o644, p9.ORDWR|p9.OTRUNC); err == nil {
						h.(*handle).Write(bg, []byte("hello"), int64(rnd.Intn(100000)))
						srv.Clunk(h)
					}
				case 2:
					if f, _, err := pick().Create(bg, name(), fs.ModeDir|0o755, p9.OREAD); err == nil {
						srv.Clunk(f)
					}
				case 3:
					pick().Unlink(bg, name(), rnd.Intn(2) == 0)
				case 4, 5:
					pick().Rename(bg, name(), pick(), name())
				case 6:
					if f, err := pick().Walk(bg, name()); err == nil {
						pick().Link(bg, f, name())
						f.Stat(bg)
						f.(srv.Wstater).Wstat(bg, p9.Wstat{Valid: p9.WMode, Mode: 0o700})
						srv.Clunk(f)
					}
				case 7:
					for range pick().List(bg, 0) {
					}
				case 8:
					if f, err := pick().Walk(bg, name()); err == nil {
						if h, err := srv.Open(bg, f, p9.OREAD); err == nil {
							if r, ok := h.(srv.Reader); ok {
								r.Read(bg, make([]byte, 10), 0)
								srv.Clunk(h)
							}
						}
						srv.Clunk(f)
					}
				}
			}
		})
	}
	wg.Wait()
}
