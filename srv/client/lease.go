package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv/p9"
)

// A Lease has the server tell, before others change it, of what the connection has
// looked at: see srv.Leases.
type Lease struct {
	until atomic.Int64 // when it ends unless the server is heard of, by SinceBoot
	done  chan struct{}
	end   context.CancelFunc
	tell  func(Changes)
	lapse *alarm // tells when it has ended
}

// SinceBoot is the clock that leases are timed by. It goes on while the machine is suspended, where
// there is such a one (Linux), which Go's does not: a lease that is over for the server must not be
// believed by who wakes up.
func SinceBoot() time.Duration { return clock() }

// clock is bootClock, but for tests.
var clock = bootClock

// leaseMargin is how long before the server a holder takes the lease for over, for what it has
// given to others to be back by then.
const leaseMargin = p9.LeaseTerm / 12

// Changes are what the holder of a Lease is told: files by their qid.path.
type Changes struct {
	All   bool     // all that was looked at may change
	Lapse bool     // Holds says no more, or again, that all is as it was
	Paths []uint64 // these may
	None  []uint64 // of these there is no lease
}

// Lease asks the server for leases, in one round trip, in which what was looked at since is
// as it was, for as long as Holds says so, but for what changed tells of. It is not called by
// two goroutines at once, and the server waits until it returns. When Holds ceases to say so
// that is told too, as a Lapse, and when it does so again: of what was looked at before then, or
// meanwhile, too, as the server has told what it changed without waiting. An error is that of a
// server which gives none, or has given it to the connection already.
func (c *Conn) Lease(ctx context.Context, changed func(Changes)) (*Lease, error) {
	if !c.ordered { // a server that has leases keeps the order, and others are not bothered
		return nil, p9.ErrNotSup
	}
	var telling sync.Mutex
	l := &Lease{done: make(chan struct{}), tell: func(ch Changes) {
		telling.Lock()
		defer telling.Unlock()
		changed(ch)
	}}
	buf := make([]byte, 32<<10)
	asked := SinceBoot()
	f, n, err := c.openLease(ctx, buf)
	if err != nil {
		return nil, err
	}
	l.lapse, err = newAlarm(func() {
		if !l.Holds() {
			l.tell(Changes{Lapse: true})
		}
	})
	if err != nil {
		f.let()
		return nil, err
	}
	if _, err := l.heard(buf[:n], asked); err != nil {
		l.lapse.stop()
		f.let()
		return nil, err
	}
	bg, cancel := context.WithCancel(context.Background())
	l.end = cancel
	go func() {
		defer close(l.done)
		for l.next(bg, f, buf) == nil {
		}
		l.lapse.stop()
		l.until.Store(0)
		l.tell(Changes{All: true})
		f.let()
	}()
	return l, nil
}

// openLease attaches to the tree of leases, opens its file and reads the first answer, which
// comes at once.
func (c *Conn) openLease(ctx context.Context, buf []byte) (*Fid, int, error) {
	f := &Fid{c: c, num: c.newFid(), name: "/"}
	attach, open, read := f.attachCall(p9.Tattach, "", p9.LeaseTree), f.start(c.openType()), f.readCall(p9.Tread, buf, 0)
	open.Mode, open.Flags = p9.OREAD.Plan9(), p9.OREAD.Linux()
	ks := []*call{attach, open, read}
	c.send(ctx, ks...)
	c.wait(ctx, ks...)
	defer func() {
		for _, k := range ks {
			k.release()
		}
	}()
	if err := attach.err; err != nil {
		c.settle(ctx, f.num, err)
		return nil, 0, err
	}
	f.opened(open, p9.OREAD)
	for _, k := range ks[1:] {
		if k.err != nil {
			f.let()
			return nil, 0, k.err
		}
	}
	return f, read.n, nil
}

// next asks what has changed. That it asks says that what it was told is heeded.
func (l *Lease) next(ctx context.Context, f *Fid, buf []byte) error {
	asked := SinceBoot()
	n, err := f.Read(ctx, buf, 0)
	if err != nil {
		return err
	}
	again, err := l.heard(buf[:n], asked)
	if again { // others were given something meanwhile too
		l.tell(Changes{Lapse: true})
	}
	return err
}

// heard passes on what the server has answered to what was asked at some time, and tells whether
// the lease, which was over, holds by that. An answer that has come too late says nothing of now.
func (l *Lease) heard(text []byte, asked time.Duration) (again bool, err error) {
	c, err := parseChanges(string(text))
	if err != nil {
		return false, err
	}
	if c.All || len(c.Paths)+len(c.None) > 0 {
		l.tell(c)
	}
	until := asked + p9.LeaseTerm - leaseMargin
	if SinceBoot() >= until {
		return false, nil
	}
	again = !l.Holds()
	l.until.Store(int64(until))
	l.lapse.set(until)
	return again, nil
}

// parseChanges reads the lines of a server.
func parseChanges(text string) (c Changes, err error) {
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		switch {
		case line == "ok":
		case line == "all":
			c.All = true
		default:
			path, none := strings.CutPrefix(line, "-")
			p, err := strconv.ParseUint(path, 16, 64)
			if err != nil || !whole {
				return c, fmt.Errorf("%w: lease says %q", p9.ErrBotch, line)
			}
			if none {
				c.None = append(c.None, p)
			} else {
				c.Paths = append(c.Paths, p)
			}
		}
	}
	return c, nil
}

// Holds tells whether the server is bound to tell of changes just now.
func (l *Lease) Holds() bool { return SinceBoot() < l.Until() }

// Until gives when Holds ceases to say so, or did, by SinceBoot; 0 where it never has.
func (l *Lease) Until() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.until.Load())
}

// End gives the leases back.
func (l *Lease) End() {
	l.until.Store(0)
	l.end()
	<-l.done
}
