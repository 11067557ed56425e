package client

import (
	"sync/atomic"
	"testing"
	"time"
)

// SetPatience sets for how long a server may take nothing.
func SetPatience(c *Conn, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience = d
}

// InUse tells how many tags and fids of a connection are not free.
func InUse(c *Conn) (tags, fids int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy, int(c.nfid) - len(c.fids)
}

// Ordered tells whether the server keeps the order of requests.
func Ordered(c *Conn) bool { return c.ordered }

// How much is under way at once.
const Depth, MaxChunk = depth, maxChunk

// Stuck tells whether a write waits for the server to take something.
func Stuck(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// Resting tells whether nobody reads the connection.
func Resting(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.turn.taken
}

// suspended is how long the tests take the machine to have been suspended, in nanoseconds.
var suspended atomic.Int64

func init() {
	clock = func() time.Duration { return bootClock() + time.Duration(suspended.Load()) }
}

// Suspend has the machine have been suspended for so long, until the test ends.
func Suspend(t *testing.T, d time.Duration) {
	suspended.Add(int64(d))
	t.Cleanup(func() { suspended.Add(-int64(d)) })
}

// BootClock is the clock of alarms.
func BootClock() time.Duration { return bootClock() }

// Alarm makes an alarm.
func Alarm(do func()) (set func(time.Duration), stop func(), err error) {
	a, err := newAlarm(do)
	if err != nil {
		return nil, nil, err
	}
	return a.set, a.stop, nil
}

// Lull is for how long nobody reads a connection on which nothing is asked.
const Lull = lull
