//go:build !linux

package client

import "time"

var begun = time.Now()

// bootClock is Go's clock, which may stand still while the machine is suspended.
func bootClock() time.Duration { return time.Since(begun) }

// An alarm does something when a time of bootClock comes.
type alarm struct{ t *time.Timer }

func newAlarm(do func()) (*alarm, error) {
	t := time.AfterFunc(time.Hour, do)
	t.Stop()
	return &alarm{t}, nil
}

// set has the alarm be at a time, and not at the one that it was set to before.
func (a *alarm) set(at time.Duration) { a.t.Reset(at - bootClock()) }

func (a *alarm) stop() { a.t.Stop() }
