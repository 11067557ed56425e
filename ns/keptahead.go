package ns

import (
	"context"
	"io"
	"iter"
	"slices"
	"sync"

	"ninespace/srv/client"
)

// Reading ahead: while a file is read from one end towards the other, what comes next is
// asked for before the kernel does, which on its own asks for 128 KiB at a time.

const (
	aheadBlock = 256 << 10 // bytes that one request asks for
	aheadLong  = 512 << 10 // and where the reading has gone on for a while
	aheadMost  = 16        // requests under way, at most
	aheadSlack = 1 << 20   // the kernel's reads come in any order, but not further apart
	aheadGone  = 8         // reads here and there of a file that the kernel may have
	aheadWhole = 8 << 20   // a file that is not longer is asked for as a whole when it is read here and there
)

// A readAhead is what was asked for and not read yet.
type readAhead struct {
	mu     sync.Mutex
	turn   uint64 // the file's, which all here is of
	seen   spans  // what was read
	jumps  int    // reads that did not go on where another one had ended, nor within it
	whole  bool   // all of the file was asked for
	end    int64  // how far it was read
	runs   int    // reads that went on from there
	window int    // requests to have under way
	blocks []*block
	ctx    context.Context
	cancel context.CancelFunc
}

// A block is a piece that was asked for.
type block struct {
	off    int64
	buf    []byte
	pooled bool // buf is one of blocks
	n      int
	read   int // bytes that were wanted
	err    error
	done   chan struct{}
}

// begin says that so many bytes were read when the file was opened, whose turn it was.
func (a *readAhead) begin(turn uint64, n int64) {
	a.turn, a.end = turn, n
	a.seen.add(0, n)
}

// read reads what was asked for ahead, and sees to what is to be asked for now. ok is
// false where the bytes were not asked for.
func (a *readAhead) read(ctx context.Context, h *keptHandle, fid *client.Fid, p []byte, off int64) (n int, ok bool, err error) {
	h.c.mu.Lock()
	as, length := h.turn, int64(h.st.Length)
	if !h.c.good(h.at) { // it may be longer, or shorter, by now
		length = 0
	}
	keep := length <= aheadWhole && !h.paged && h.isConstant()
	h.c.mu.Unlock()
	a.mu.Lock()
	if a.turn != as {
		a.turn, a.seen = as, nil
		a.restart()
	}
	if !a.seen.reach(off) && off != a.end {
		a.jumps++
	}
	here := a.jumps > 0
	if h.paged { // it is some page that the kernel let go
		here = a.jumps > aheadGone
	}
	switch {
	case a.whole:
	case length > 0 && !h.mode.Writable() && (keep || here && (length <= aheadSlack || a.jumps > 1 && length <= aheadWhole)): // a program, or a library
		a.whole = true
		if keep {
			a.restart()
			a.askAll(h.kept, fid, off, length)
		} else {
			a.askRest(fid, off, length)
		}
	case off > a.end+aheadSlack || off < a.end-aheadSlack:
		a.restart()
	}
	a.seen.add(off, off+int64(len(p)))
	if a.end = max(a.end, off+int64(len(p))); a.runs == 0 || a.whole {
		a.end = off + int64(len(p))
	}
	if a.runs++; a.runs >= 2 && !a.whole {
		a.ask(fid, length)
	}
	var b *block
	for _, c := range a.blocks {
		if off >= c.off && off < c.off+int64(len(c.buf)) {
			b = c
		}
	}
	a.mu.Unlock()
	if b == nil {
		return 0, false, nil
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return 0, true, ctx.Err()
	}
	a.mu.Lock() // under which blocks are let go, to be others
	defer a.mu.Unlock()
	at := int(off - b.off)
	if b.err != nil || at >= b.n || !slices.Contains(a.blocks, b) {
		return 0, false, nil // it is asked for as if it never had been
	}
	n = copy(p, b.buf[at:b.n])
	if b.read += n; a.whole && b.read >= b.n { // the kernel has it now
		i := slices.Index(a.blocks, b)
		a.blocks = slices.Delete(a.blocks, i, i+1)
		b.free()
	}
	return n, true, nil
}

// blocks are those that were read.
var blocks = sync.Pool{New: func() any { return new([aheadLong]byte) }}

// free gives the block's memory back, of which nobody may read any more, unless it is still
// to come.
func (b *block) free() {
	select {
	case <-b.done:
		if b.pooled {
			blocks.Put((*[aheadLong]byte)(b.buf[:aheadLong]))
		}
		b.buf = nil
	default:
	}
}

// over tells whether all of the block has come and was read.
func (b *block) over() bool {
	select {
	case <-b.done:
		return b.err == nil && b.read >= b.n
	default:
		return false
	}
}

// restart forgets how it was read up to now, and what was asked for. a.mu is held.
func (a *readAhead) restart() {
	for _, b := range a.blocks {
		b.free()
	}
	a.runs, a.window, a.blocks = 0, 0, nil
}

// pieces gives the file's blocks, from the one on that has an offset, and those before it then.
func pieces(off, length int64) iter.Seq2[int64, int64] {
	first, n := off/aheadBlock, (length+aheadBlock-1)/aheadBlock
	return func(yield func(from, to int64) bool) {
		for i := range n {
			at := (first + i) % n * aheadBlock
			if !yield(at, min(at+aheadBlock, length)) {
				return
			}
		}
	}
}

// askAll asks for all of the file, beginning where it is read, and gives the store what has come.
// a.mu is held.
func (a *readAhead) askAll(k *kept, fid *client.Fid, off, length int64) {
	all := make([]byte, length)
	for from, to := range pieces(off, length) {
		a.add(fid, from, all[from:to], false)
	}
	disk := k.c.constant.disk
	disk.begin()
	go k.storeBlocks(disk, slices.Clone(a.blocks), all)
}

// askRest asks for what was neither read nor asked for, beginning where it is read. What was read as
// a whole is let go. a.mu is held.
func (a *readAhead) askRest(fid *client.Fid, off, length int64) {
	have := slices.Clone(a.seen)
	for _, b := range a.blocks {
		have.add(b.off, b.off+int64(len(b.buf)))
	}
	a.blocks = slices.DeleteFunc(a.blocks, func(b *block) bool {
		over := b.over() && (off < b.off || off >= b.off+int64(len(b.buf)))
		if over {
			b.free()
		}
		return over
	})
	for from, to := range pieces(off, length) {
		for from, to := range have.gaps(from, to) {
			a.add(fid, from, blocks.Get().(*[aheadLong]byte)[:to-from], true)
		}
	}
}

// add asks for a block. a.mu is held.
func (a *readAhead) add(fid *client.Fid, off int64, buf []byte, pooled bool) {
	if a.ctx == nil {
		a.ctx, a.cancel = context.WithCancel(context.Background())
	}
	b := &block{off: off, buf: buf, pooled: pooled, done: make(chan struct{})}
	a.blocks = append(a.blocks, b)
	go func() {
		defer close(b.done)
		if b.n, b.err = fid.ReadAt(a.ctx, buf, b.off); b.err == io.EOF {
			b.err = nil
		}
	}()
}

// ask asks for more, up to the file's length. Blocks that the reading has left behind
// are let go. a.mu is held.
func (a *readAhead) ask(fid *client.Fid, length int64) {
	for len(a.blocks) > 0 && a.blocks[0].off+int64(len(a.blocks[0].buf)) <= a.end-aheadSlack {
		a.blocks[0].free()
		a.blocks = a.blocks[1:]
	}
	next := a.end
	ahead := 0
	for _, b := range a.blocks {
		end := b.off + int64(len(b.buf))
		next = max(next, end)
		if end > a.end {
			ahead++
		}
	}
	a.window = min(max(2, 2*a.window), aheadMost)
	if ahead > a.window/2 {
		return
	}
	size := int64(aheadBlock)
	if a.window == aheadMost {
		size = aheadLong
	}
	for ; ahead < a.window && next < length; ahead++ {
		n := min(size, length-next)
		a.add(fid, next, blocks.Get().(*[aheadLong]byte)[:n], true)
		next += n
	}
}

// drop gives up what was asked for.
func (a *readAhead) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	}
	a.restart()
}
