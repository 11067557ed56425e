package client

import "context"

// depth is how many requests of one file are under way at once, at most.
const depth = 16

// maxChunk is how many bytes each of them moves at most: enough of them, that both
// ends have something to do all the time.
const maxChunk = 256 << 10

// chunk gives how many bytes one of many requests moves.
func (f *Fid) chunk() int { return min(int(f.Iounit()), maxChunk) }

// A window is requests under way, in the order of their offsets.
type window struct {
	ks      [depth]*call // a ring
	head, n int
	unsent  int // at its end
}

func (w *window) at(i int) **call { return &w.ks[(w.head+i)%depth] }

// add puts a call, which is sent by next, behind the others.
func (w *window) add(k *call) {
	*w.at(w.n) = k
	w.n++
	w.unsent++
}

// first sends a call that is to be taken before the others.
func (w *window) first(ctx context.Context, c *Conn, k *call) {
	w.head = (w.head + depth - 1) % depth
	w.n++
	*w.at(0) = k
	c.send(ctx, k)
}

func (w *window) pop() *call {
	k := *w.at(0)
	w.head = (w.head + 1) % depth
	w.n--
	return k
}

// send sends what was added.
func (w *window) send(ctx context.Context, c *Conn) {
	if w.unsent == 0 {
		return
	}
	var ks [depth]*call
	for i := range w.unsent {
		ks[i] = *w.at(w.n - w.unsent + i)
	}
	if err := ctx.Err(); err != nil {
		for _, k := range ks[:w.unsent] {
			k.deliver(err)
		}
	} else {
		c.send(ctx, ks[:w.unsent]...)
	}
	w.unsent = 0
}

// next sends what was added and takes the first call, with its outcome. When ctx
// ends, all are flushed.
func (w *window) next(ctx context.Context, c *Conn) *call {
	w.send(ctx, c)
	k := *w.at(0)
	select {
	case <-k.done:
	case <-ctx.Done():
		var ks [depth]*call
		for i := range w.n {
			ks[i] = *w.at(i)
		}
		c.flush(ks[:w.n]...)
		<-k.done
	}
	k.flushed(ctx) // now or earlier, with another that was first then
	return w.pop()
}

// ready reports whether the first call's outcome is there, so that next would not
// wait.
func (w *window) ready() bool { return w.n > w.unsent && len((*w.at(0)).done) > 0 }

// drop flushes what is under way.
func (w *window) drop(c *Conn) {
	var ks [depth]*call
	n := 0
	for w.n > 0 {
		k := w.pop()
		if len(k.done) == 0 {
			ks[n] = k
			n++
			continue
		}
		<-k.done
		k.release()
	}
	if n == 0 {
		return
	}
	c.flush(ks[:n]...)
	for _, k := range ks[:n] {
		<-k.done
		k.release()
	}
}
