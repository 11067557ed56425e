package p9file

import (
	"context"
	"slices"
	"syscall"

	"ninespace/srv/p9"
)

// What may wait runs on a goroutine of its own, so that the request can end first.

// maxRuns bounds the calls of an open file that wait, for somebody or not, and
// those whose bytes are kept.
const maxRuns = 1024

var errRuns = p9.NewError(syscall.EAGAIN, "too many requests wait for the file")

// start calls f on a goroutine of its own. o.mu is held.
func (o *opened) start(f func()) error {
	if o.runs+o.kept >= maxRuns {
		return errRuns
	}
	o.runs++
	go func() {
		f()
		o.mu.Lock()
		o.runs--
		o.mu.Unlock()
	}()
	return nil
}

// wait calls f and waits until it is done or ctx ends. In the second case late is
// called when it is done after all.
func (o *opened) wait(ctx context.Context, f func() error, late func(error)) error {
	done, ended := make(chan error), ctx.Done() // ctx itself is the caller's alone
	o.mu.Lock()
	err := o.start(func() {
		err := safely(f)
		select {
		case done <- err:
		case <-ended:
			late(err)
		}
	})
	o.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ended:
		return p9.ErrInterrupted
	}
}

// A piece is what a read brought.
type piece struct {
	p   []byte
	err error
}

// A spot is an offset of a file that is read. Who waits there takes the first
// piece that comes, whoever had it read: of a pipe, say, what came to one that no
// longer waits would else be lost.
type spot struct {
	runs    int // reads under way
	waiting []chan piece
	kept    []piece
}

func (o *opened) spot(off int64) *spot {
	s := o.spots[off]
	if s == nil {
		if o.spots == nil {
			o.spots = map[int64]*spot{}
		}
		s = &spot{}
		o.spots[off] = s
	}
	return s
}

// tidy forgets a spot where nothing happens. o.mu is held.
func (o *opened) tidy(off int64) {
	if s := o.spots[off]; s != nil && s.runs == 0 && len(s.waiting) == 0 && len(s.kept) == 0 {
		delete(o.spots, off)
	}
}

// bring gives a piece to who waits for it, or keeps it. o.mu is held.
func (o *opened) bring(off int64, c piece) {
	s := o.spot(off)
	switch {
	case len(s.waiting) > 0:
		s.waiting[0] <- c // has room
		s.waiting = s.waiting[1:]
	case len(c.p) > 0:
		o.kept++
		s.kept = append(s.kept, c)
	}
	o.tidy(off)
}

// Read gives the bytes at an offset.
func (o *opened) Read(ctx context.Context, p []byte, off int64) (n int, err error) {
	if !o.waits {
		err = o.t.read(func() (err error) {
			n, err = o.f.ReadAt(p, off)
			return err
		})
		return n, err
	}
	c, err := o.piece(ctx, len(p), off)
	if err != nil {
		return 0, err
	}
	n = copy(p, c.p)
	if n < len(c.p) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.bring(off+int64(n), piece{c.p[n:], c.err})
		return n, nil
	}
	return n, c.err
}

func (o *opened) piece(ctx context.Context, size int, off int64) (piece, error) {
	o.mu.Lock()
	s := o.spot(off)
	if len(s.kept) > 0 {
		defer o.mu.Unlock()
		c := s.kept[0]
		s.kept = s.kept[1:]
		o.kept--
		o.tidy(off)
		return c, nil
	}
	got := make(chan piece, 1)
	if s.runs == len(s.waiting) {
		err := o.start(func() { o.read(make([]byte, size), off) })
		if err != nil {
			defer o.mu.Unlock()
			o.tidy(off)
			return piece{}, err
		}
		s.runs++
	}
	s.waiting = append(s.waiting, got)
	o.mu.Unlock()
	select {
	case c := <-got:
		return c, nil
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case c := <-got:
		return c, nil
	default:
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(w chan piece) bool { return w == got })
	o.tidy(off)
	return piece{}, p9.ErrInterrupted
}

// read brings one piece. The bytes have to be its own: who waits may be gone.
func (o *opened) read(buf []byte, off int64) {
	var n int
	err := safely(func() (err error) {
		n, err = o.f.ReadAt(buf, off)
		return err
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spot(off).runs--
	o.bring(off, piece{buf[:max(0, min(n, len(buf)))], err})
}

// Write puts bytes at an offset. One that was given up may still be done.
func (o *opened) Write(ctx context.Context, p []byte, off int64) (int, error) {
	if !o.waits {
		n := 0
		err := o.t.read(func() (err error) {
			n, err = o.f.WriteAt(p, off)
			return err
		})
		return n, err
	}
	p = slices.Clone(p) // the caller's again when ctx ends
	taken := make(chan int, 1)
	err := o.wait(ctx, func() error {
		n, err := o.f.WriteAt(p, off)
		taken <- n
		return err
	}, func(error) {})
	select {
	case n := <-taken:
		return n, err
	default:
		return 0, err
	}
}
