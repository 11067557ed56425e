package srv

import "testing"

// TestLeaseDeaf has a holder that looks at one file after the other, all of which change, and
// never reads what it is told: what is kept for it is bounded, and nobody takes it for one that
// has heeded.
func TestLeaseDeaf(t *testing.T) {
	l := NewLeases()
	h := l.hold(new(lateness))
	defer h.end()
	for p := range uint64(2*maxLeases + 10) {
		h.look(p, nil)
		l.Change(p)
	}
	for again := range uint64(maxLeases + 10) { // the same few too
		p := again % 3
		h.look(p, nil)
		l.Change(p)
	}
	l.mu.Lock()
	pending, owed, files, all := len(h.pending), len(h.owed), len(h.files), h.all
	l.mu.Unlock()
	if pending > maxLeases || owed > maxLeases || files > maxLeases || !all {
		t.Errorf("%d are to be told, %d to be heeded, %d leases; all is told: %v", pending, owed, files, all)
	}
	for _, p := range []uint64{0, 2*maxLeases + 9} {
		if ds := l.recall(nil, []uint64{p}); len(ds) != 1 || ds[0].n <= h.heeded || ds[0].n > h.queued {
			t.Errorf("file %d: %v", p, ds)
		}
	}
}
