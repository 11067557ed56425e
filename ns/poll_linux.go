package ns

import (
	"context"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/ns/devfuse"
	"ninespace/srv"
)

// Poll(2), select(2) and epoll(7) of files that block, for which 9P has no message. Whoever asks
// whether one can be read has a read made of it, which waits in his place; when it is answered he
// is told, and the next read of the open file takes what it gave. So what has come for who asked
// and then closes the file is lost, as it is with a socket.
//
// All other files can be read at once, and all can be written.

// An ahead is the read of an open file that was polled.
type ahead struct {
	h *fileHandle

	mu     sync.Mutex
	end    context.CancelFunc // nil: there never was one
	waiter waiter
	off    int64
	done   chan struct{} // closed when the read is answered; nil: there is none
	data   []byte        // what it gave and nobody has taken
	err    error
	direct int    // reads that have begun where nothing was read ahead, which would be before one that does
	kernel uint64 // what the kernel calls the open file, to be told; 0: nobody has waited
}

const (
	pollMost     = 32 << 10                          // bytes
	pollPatience = 2 * time.Millisecond              // for a server to say what there is already
	readEvents   = unix.POLLIN | 0x40                // POLLRDNORM
	allEvents    = readEvents | unix.POLLOUT | 0x100 // POLLWRNORM
)

// Poll leaves files alone that are asked about as Go's runtime does with each that it opens, and
// does not wait for: for reading, writing and the end at once.
func (f *fuseFS) Poll(in *devfuse.PollIn, out *devfuse.PollOut) syscall.Errno {
	const atOpen = unix.POLLIN | unix.POLLOUT | unix.POLLRDHUP
	out.Revents = allEvents
	h, ok := f.handle(in.Fh).(*fileHandle)
	if ok && h.ahead != nil && in.Events&readEvents != 0 && in.Events&atOpen != atOpen && !h.ahead.ready(f.conn, in) {
		out.Revents &^= readEvents
	}
	return 0
}

// ready tells whether a read would not wait. Without a read that could tell it begins one.
func (a *ahead) ready(conn *devfuse.Conn, in *devfuse.PollIn) bool {
	a.mu.Lock()
	if in.Waits() {
		a.kernel = in.Kh
	}
	fresh := a.done == nil && a.direct == 0
	if fresh {
		a.begin(conn, a.h.readTo())
	}
	done := a.done
	a.mu.Unlock()
	if fresh && !in.Waits() { // he takes the answer as it is
		return doneIn(done, pollPatience)
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// begin has a read made. a.mu is held.
func (a *ahead) begin(conn *devfuse.Conn, off int64) {
	ctx, end := context.WithCancel(context.WithValue(context.Background(), waiterKey{}, &a.waiter))
	done := make(chan struct{})
	a.done, a.off, a.end = done, off, end
	go func() {
		buf := make([]byte, pollMost)
		n, err := a.h.h.(srv.Reader).Read(ctx, buf, off)
		end()
		a.mu.Lock()
		a.data, a.err = buf[:max(n, 0)], err
		close(done)
		kernel := a.kernel
		a.mu.Unlock()
		if kernel != 0 {
			conn.Wake(kernel)
		}
	}()
}

// Read gives what was read ahead, once it is there, and has the file read where nothing was. Who
// has the file open not to wait, and has asked before, does not.
func (a *ahead) Read(ctx context.Context, conn *devfuse.Conn, buf []byte, off int64, flags uint32) (int, error) {
	for {
		a.mu.Lock()
		quick := flags&unix.O_NONBLOCK != 0 && a.end != nil
		fresh := a.done == nil && quick && a.direct == 0
		switch {
		case fresh:
			a.begin(conn, off)
		case a.done == nil && !quick:
			a.direct++
		}
		done := a.done
		a.mu.Unlock()
		switch {
		case done == nil && !quick:
			defer a.again(conn)
			return a.h.h.(srv.Reader).Read(ctx, buf, off)
		case fresh:
			doneIn(done, pollPatience)
		case !quick:
			select {
			case <-done:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		if n, err, ok := a.take(done, buf, off); ok {
			return n, err
		} else if quick {
			return 0, syscall.EAGAIN
		}
	}
}

// again has those who wait ask again after a read that was not ahead.
func (a *ahead) again(conn *devfuse.Conn) {
	a.mu.Lock()
	a.direct--
	kernel := a.kernel
	a.mu.Unlock()
	if kernel != 0 {
		conn.Wake(kernel)
	}
}

// take gives of what was read by the read that done is of, if it is there, and then its error. An
// end elsewhere in a file that has places says nothing.
func (a *ahead) take(done chan struct{}, buf []byte, off int64) (n int, err error, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done == nil || a.done != done { // another has taken it
		return 0, nil, false
	}
	select {
	case <-done:
	default:
		return 0, nil, false
	}
	n = copy(buf, a.data)
	if a.data = a.data[n:]; len(a.data) > 0 || n > 0 && a.err != nil {
		return n, nil, true
	}
	err = a.err
	a.done, a.data, a.err = nil, nil, nil
	return n, err, n > 0 || a.h.stream || off == a.off
}

// stop gives up the read, and calls then when there is none any more.
func (a *ahead) stop(then func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done == nil {
		then()
		return
	}
	a.end()
	select {
	case <-a.done:
		then()
	default:
		go func() {
			defer time.AfterFunc(flushPatience, a.waiter.giveUp).Stop() // where the server does not answer that either
			<-a.done
			then()
		}()
	}
}
