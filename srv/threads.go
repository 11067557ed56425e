package srv

import (
	"container/list"
	"context"
	"sync"
)

// A call that waits in the kernel keeps a thread, and neither a flush nor a hangup brings that
// back: only what it waits for does, a disk or whoever answers for a mount. Go ends a process
// that has 10,000 threads. So there are no more such calls at once than mostThreads; each
// connection may have a quarter of what the others leave of half of them, or one thread of
// the other half, of which a user's may have a quarter of what other users' leave. However many
// of them hang, there is some left for the next, of another user at least.
const (
	mostThreads  = 2048
	threadsParts = 4
)

// InKernel calls f, which may wait in the kernel, when the connection that ctx is of, or of
// WithThreads, may have one more thread for it; or gives ctx's error, where that ends first. f
// is not to wait for what another InKernel does, nor to call it. On a goroutine that must not
// wait (Nonblock) f is called at once.
func InKernel(ctx context.Context, f func() error) error {
	if Nonblock(ctx) {
		return f()
	}
	p, ok := ctx.Value(threadsKey{}).(*threadsPart)
	if !ok {
		p = &threads.rest
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.leave()
	return f()
}

// WithThreads makes a ctx in which InKernel's calls have a part of the threads to themselves, as
// those of each connection have. All that have none have one together.
func WithThreads(ctx context.Context) context.Context {
	return context.WithValue(ctx, threadsKey{}, new(threadsPart))
}

// ThreadsOf gives a ctx that does not end, in which InKernel's calls have the threads of those in ctx.
func ThreadsOf(ctx context.Context) context.Context {
	return context.WithValue(context.Background(), threadsKey{}, ctx.Value(threadsKey{}))
}

type threadsKey struct{}

// threads counts those of the process.
var threads struct {
	mu      sync.Mutex
	taken   int
	firsts  int                       // of the second half, of all users
	users   map[string]int            // and of each that has some
	waiting map[*threadsPart]struct{} // who may have no more now, and wants to
	rest    threadsPart               // of those that have none to themselves
}

// A threadsPart is what one connection has. All is threads.mu's.
type threadsPart struct {
	has   int
	first bool      // one is of the second half
	user  string    // whose that is, or is to be
	queue list.List // of chan struct{}, closed when a thread may be taken
}

func (p *threadsPart) enter(ctx context.Context) error {
	threads.mu.Lock()
	if u := UserOf(ctx); u != nil && p.has == 0 {
		p.user = u.Name
	}
	if p.queue.Len() == 0 && p.take() {
		threads.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	place := p.queue.PushBack(turn)
	if threads.waiting == nil {
		threads.waiting = map[*threadsPart]struct{}{}
	}
	threads.waiting[p] = struct{}{}
	threads.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	threads.mu.Lock()
	defer threads.mu.Unlock()
	select {
	case <-turn: // just now
		p.give()
	default:
		p.quit(place)
	}
	return ctx.Err()
}

func (p *threadsPart) leave() {
	threads.mu.Lock()
	defer threads.mu.Unlock()
	p.give()
}

// take takes a thread if there is one to be had.
func (p *threadsPart) take() bool {
	if p.has+1 > (mostThreads/2-threads.taken+p.has)/threadsParts && !p.takeFirst() {
		return false
	}
	p.has++
	threads.taken++
	return true
}

// takeFirst has the next one be of the second half, if that may be.
func (p *threadsPart) takeFirst() bool {
	his := threads.users[p.user]
	if p.has > 0 || threads.taken == mostThreads || his > (mostThreads/2-threads.firsts+his)/threadsParts {
		return false
	}
	if threads.users == nil {
		threads.users = map[string]int{}
	}
	threads.users[p.user]++
	threads.firsts++
	p.first = true
	return true
}

// giveFirst gives that back.
func (p *threadsPart) giveFirst() {
	p.first = false
	threads.firsts--
	if threads.users[p.user]--; threads.users[p.user] == 0 {
		delete(threads.users, p.user)
	}
}

// give gives one back, to whoever may have it: the connection itself only if it has others.
func (p *threadsPart) give() {
	p.has--
	threads.taken--
	switch {
	case p.has > 0 && p.next():
		return // and nobody else may have more than before
	case p.has == 0 && p.first:
		p.giveFirst()
	}
	for o := range threads.waiting {
		for o.next() {
		}
	}
}

// next gives the first who waits a thread, if one is to be had, and tells whether it did.
func (p *threadsPart) next() bool {
	first := p.queue.Front()
	if first == nil || !p.take() {
		return false
	}
	close(first.Value.(chan struct{}))
	p.quit(first)
	return true
}

// quit takes one who waits off the queue.
func (p *threadsPart) quit(place *list.Element) {
	p.queue.Remove(place)
	if p.queue.Len() == 0 {
		delete(threads.waiting, p)
	}
}
