package main

import (
	"testing"
)

// TestNote reads what a node says of itself.
func TestNote(t *testing.T) {
	var b bench
	text := "MemTotal: 1024000 kB\nMemFree: 512000 kB\nBuffers: 0 kB\nCached: 102400 kB\nSReclaimable: 10240 kB\nCommitted_AS: 1 kB\ninit: ready after 1.50 s, of which modules took 0.40 s\n"
	if err := b.note(text); err != nil || b.own[0] < 1.09 || b.own[0] > 1.11 || b.used[0] != 390 {
		t.Errorf("%v, %v, %v", b.own, b.used, err)
	}
	if err := b.note("nothing"); err == nil {
		t.Error("of nothing")
	}
}
