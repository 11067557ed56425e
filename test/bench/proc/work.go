package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/procfs"
	"ninespace/test/bench/rounds"
)

// work is what a worker does.
type work struct {
	Way        string
	At, Rounds int
	Pids       []int
	Socket     string // of procfs
}

// measured are files a second, by round.
type measured struct{ Ours, Direct rounds.Values }

const statusSize = 176

func (w *work) measure(ctx context.Context) (m measured, err error) {
	ours, end, err := w.reader(ctx)
	if err != nil {
		return m, err
	}
	defer end()
	direct := func(pid int, _ []byte) (int, error) {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return len(b), err
	}
	for n := -1; n < w.Rounds; n++ { // one to warm up
		first, second, dirs := ours, direct, [2]string{"/mnt/proc", "/proc"}
		if n%2 != 0 {
			first, second, dirs = direct, ours, [2]string{dirs[1], dirs[0]}
		}
		a, err := w.round(first, dirs[0])
		if err != nil {
			return m, err
		}
		b, err := w.round(second, dirs[1])
		if err != nil {
			return m, err
		}
		if n%2 != 0 {
			a, b = b, a
		}
		if n >= 0 {
			m.Ours, m.Direct = append(m.Ours, a), append(m.Direct, b)
		}
	}
	return m, nil
}

// round reads the file of each process, by so many goroutines; where it is to be listed, dir
// is before.
func (w *work) round(read func(pid int, buf []byte) (int, error), dir string) (float64, error) {
	runtime.GC()
	errs := make([]error, w.At)
	var wg sync.WaitGroup
	begin := time.Now()
	if w.Way == "listed" {
		ents, err := os.ReadDir(dir)
		if err == nil && len(ents) < len(w.Pids) {
			err = fmt.Errorf("%s has %d entries", dir, len(ents))
		}
		if err != nil {
			return 0, err
		}
	}
	for g := range w.At {
		wg.Go(func() {
			buf := make([]byte, 512)
			for i := g; i < len(w.Pids) && errs[g] == nil; i += w.At {
				n, err := read(w.Pids[i], buf)
				if err == nil && n == 0 {
					err = fmt.Errorf("nothing of process %d", w.Pids[i])
				}
				errs[g] = err
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(len(w.Pids)) / took.Seconds(), nil
}

// reader makes the func that reads one process's status.
func (w *work) reader(ctx context.Context) (read func(pid int, buf []byte) (int, error), end func(), err error) {
	end = func() {}
	switch w.Way {
	case "served":
		root := procfs.New()
		ctx := srv.WithUser(ctx, srv.NewUser("", uint32(os.Getuid())))
		end = root.Close
		return func(pid int, buf []byte) (int, error) {
			d, err := srv.Walk(ctx, root, strconv.Itoa(pid))
			if err != nil {
				return 0, err
			}
			f, err := srv.Walk(ctx, d, "status")
			if err != nil {
				return 0, err
			}
			h, err := srv.Open(ctx, f, p9.OREAD)
			if err != nil {
				return 0, err
			}
			defer srv.Clunk(h)
			if _, err := f.Stat(ctx); err != nil { // as the engine asks
				return 0, err
			}
			return whole(h.(srv.Reader).Read(ctx, buf, 0))
		}, end, nil
	case "floor":
		end, err := mountFloor(ctx)
		if err != nil {
			return nil, func() {}, err
		}
		return func(pid int, buf []byte) (int, error) {
			b, err := os.ReadFile(strconv.Itoa(pid) + "/status")
			return whole(len(b), err)
		}, end, nil
	case "9p":
		c, err := client.Dial(ctx, "unix!"+w.Socket, nil)
		if err != nil {
			return nil, end, err
		}
		root, err := c.Attach(ctx, nil, "", "")
		if err != nil {
			c.Close()
			return nil, end, err
		}
		return func(pid int, buf []byte) (int, error) {
			f, err := root.WalkOpen(ctx, p9.OREAD, strconv.Itoa(pid), "status")
			if err != nil {
				return 0, err
			}
			defer f.Clunk(ctx)
			return whole(f.Read(ctx, buf, 0))
		}, func() { c.Close() }, nil
	}
	return func(pid int, buf []byte) (int, error) {
		b, err := os.ReadFile("/mnt/proc/" + strconv.Itoa(pid) + "/status")
		return whole(len(b), err)
	}, end, nil
}

// whole holds a status to its length.
func whole(n int, err error) (int, error) {
	if err == nil && n != statusSize {
		err = fmt.Errorf("status has %d bytes", n)
	}
	return n, err
}
