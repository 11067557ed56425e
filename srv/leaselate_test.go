package srv

import (
	"testing"
	"time"

	"ninespace/srv/p9"
)

// TestLateness has a connection be barred that others wait for too long, or too often.
func TestLateness(t *testing.T) {
	start := time.Unix(1e9, 0)
	for _, c := range []struct {
		what       string
		took, each time.Duration
		n          int
		barred     bool
	}{
		{"in time", heedGrace, heedGrace, 10000, false},
		{"late now and then", heedGrace + time.Second, time.Minute, 100, false},
		{"late once", heedGrace + heedMost - 1, time.Minute, 1, false},
		{"too late once", heedGrace + heedMost + heedMost/10, time.Minute, 1, true},
		{"late often", heedGrace + heedMost/10, heedMost / 2, 20, true},
	} {
		var l lateness
		now := start
		barred := false
		for range c.n {
			for range 3 { // who wait at the same time
				l.charge(now, now.Add(c.took/2))
			}
			for range 3 {
				l.charge(now, now.Add(c.took))
			}
			barred = barred || now.Add(c.took).Before(l.barred)
			now = now.Add(c.each)
		}
		if barred != c.barred {
			t.Errorf("%s: barred %v", c.what, barred)
		}
	}
	var l lateness
	var bars []time.Duration
	now := start
	for _, good := range []time.Duration{0, 0, 0, 24 * time.Hour} { // after each bar
		l.charge(now, now.Add(p9.LeaseTerm))
		bars = append(bars, l.bar)
		now = l.barred.Add(good)
	}
	l.charge(now, now.Add(p9.LeaseTerm))
	if bars = append(bars, l.bar); bars[0] == 0 || bars[3] != 8*bars[0] || bars[4] != bars[0] {
		t.Errorf("barred for %v", bars)
	}
}
