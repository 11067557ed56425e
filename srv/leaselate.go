package srv

import (
	"time"

	"ninespace/srv/p9"
)

// How long a connection may have others wait for it to heed what it is told.
const (
	heedGrace = p9.LeaseTerm / 60 // each time
	heedMost  = p9.LeaseTerm / 3  // beyond that, within heedOver
	heedOver  = time.Minute
)

// A lateness is for how long a connection had others wait. One that has that too often is
// barred: what it asks meanwhile is answered so late that it goes by no lease, and so
// nobody has to wait for it. That takes longer each time, until it was in time for long.
// All is under Leases.mu.
type lateness struct {
	charged time.Time     // up to when it was reckoned
	debt    time.Time     // when it will be forgotten
	barred  time.Time     // until when it is
	bar     time.Duration // for how long it was the last time
}

// charge reckons that somebody has waited since some time.
func (t *lateness) charge(since, now time.Time) {
	from := later(since.Add(heedGrace), t.charged) // who waits beside others has it cost no more
	if now.Before(t.barred) || !now.After(from) {
		return
	}
	t.charged = now
	t.debt = later(t.debt, from).Add(now.Sub(from) * time.Duration(heedOver/heedMost))
	if t.debt.Sub(now) < heedOver {
		return
	}
	t.bar *= 2
	if t.bar == 0 || now.Sub(t.barred) > 5*t.bar {
		t.bar = p9.LeaseTerm
	}
	t.barred, t.debt = now.Add(t.bar), time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
