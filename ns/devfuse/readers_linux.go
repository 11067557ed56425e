package devfuse

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Readers are the goroutines that read requests and handle each that they read.
//
// Where one program after the other asks for little, one goroutine does all: it is
// woken by the release of a file, and when that is done finds the next open there.
// Most of what an open takes is waking threads. It is watched: when a request takes
// long, another goroutine reads on. Where several programs ask at once, or for what
// is not brief, two wait for requests, and one more is started where none is left.
type readers struct {
	loops   sync.WaitGroup
	waiting atomic.Int32 // goroutines that read the device
	crowded atomic.Int64 // when two were last asked for

	at       atomic.Int64  // when the one began what it is at; 0: at nothing
	node     atomic.Uint64 // what that is about
	active   atomic.Bool   // it has begun something since it was last looked at
	resting  atomic.Bool   // nobody looks
	wake     chan struct{}
	over     chan struct{}
	overOnce sync.Once
}

const (
	crowdStays = int64(50 * time.Millisecond) // for so long two wait
	tooLong    = time.Millisecond             // for what the one is at
	atOnce     = int64(3 * time.Microsecond)  // in which a request is read that was there already
	inARow     = 8                            // of those, one another's, are a crowd
	restAfter  = 20                           // looks at which nothing was done
	briefData  = 64 << 10                     // so many bytes are soon copied
)

var began = time.Now()

// now is never 0.
func now() int64 { return int64(time.Since(began)) + 1 }

// Serve answers requests until the file system is no longer mounted.
func (c *Conn) Serve() {
	c.loops.Go(c.watch)
	c.start()
	c.loops.Wait()
	c.Rest()
	c.names.close()
	c.data.close()
	c.used.Lock()
	defer c.used.Unlock()
	unix.Close(c.fd)
	c.fd = -1
}

// start has another goroutine wait for requests.
func (c *Conn) start() {
	c.waiting.Add(1)
	c.loops.Go(c.loop)
}

func (c *Conn) loop() {
	r := c.enrol()
	defer c.leave(r)
	row, pid := 0, uint32(0)
	for {
		begin := now()
		errno := c.read(r)
		waiting := c.waiting.Add(-1)
		t := now()
		if t-begin > atOnce {
			row = 0
		}
		switch errno {
		case 0:
			if p := r.header().Pid; p != pid && p != 0 {
				pid = p
				if row++; row == inARow {
					c.crowded.Store(t)
				}
			}
			node := r.header().NodeId
			c.take(r, waiting, t)
			c.fs.Took(node, now()-t > int64(tooLong))
		case unix.ENOENT, unix.EINTR, unix.EAGAIN: // given up before it was read
		default:
			c.end()
			return
		}
		if !c.again(t) {
			return
		}
	}
}

// again tells whether a goroutine is to wait for another request.
func (c *Conn) again(t int64) bool {
	most := int32(1)
	if t-c.crowded.Load() < crowdStays {
		most = 2
	}
	for {
		n := c.waiting.Load()
		if n >= most {
			return false
		}
		if c.waiting.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// take handles a request, that was read at t, and sees to it that the next is read
// in time; so many others wait for it.
func (c *Conn) take(r *request, waiting int32, t int64) {
	op := opcode(r.header().Opcode)
	// These come in crowds and are brief, but for one that ends a server's connection.
	forget := op == opForget || op == opBatchForget
	switch {
	case waiting > 0:
		c.handle(r)
	case !forget && !c.brief(r, op):
		c.crowded.Store(t)
		c.start()
		c.handle(r)
	case !forget && t-c.crowded.Load() < crowdStays:
		c.start()
		c.handle(r)
	default:
		c.node.Store(r.header().NodeId)
		c.at.Store(t)
		if !c.active.Load() {
			c.active.Store(true)
			if c.resting.CompareAndSwap(true, false) {
				c.wake <- struct{}{}
			}
		}
		c.handle(r)
		c.at.CompareAndSwap(t, 0) // another may have become the one
	}
}

// brief tells whether a request will not take long.
func (c *Conn) brief(r *request, op opcode) bool {
	switch op {
	case opRead, opReaddir, opReaddirplus:
		if arg[ReadIn](r).Size > briefData {
			return false
		}
	case opWrite:
		if len(r.in) > briefData {
			return false
		}
	case opFsync, opFsyncdir, opSetlkw, opFallocate, opCopyFileRange, opCopyFileRange64:
		return false
	}
	return c.fs.Brief(r.header().NodeId)
}

// watch has another goroutine read on when the one is at a request for too long.
func (c *Conn) watch() {
	tick := time.NewTicker(tooLong)
	defer tick.Stop()
	for idle := 0; ; idle++ {
		if idle == restAfter {
			tick.Stop()
			c.resting.Store(true)
			if !c.active.Load() || !c.resting.CompareAndSwap(true, false) {
				select {
				case <-c.wake:
				case <-c.over:
					return
				}
			}
			tick.Reset(tooLong)
		}
		select {
		case <-tick.C:
		case <-c.over:
			return
		}
		if c.active.Swap(false) {
			idle = 0
		}
		t := now()
		if at := c.at.Load(); at != 0 && t-at > int64(tooLong) && c.at.CompareAndSwap(at, 0) {
			c.start()
			c.fs.Took(c.node.Load(), true)
		}
	}
}

// end is called when there are no more requests. It cancels what is under way:
// nobody waits for the answers.
func (c *Conn) end() {
	c.overOnce.Do(func() { close(c.over) })
	c.dead.Store(true) // for those that begin from now on
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.live {
		r.cancel.interrupt(0)
	}
}
