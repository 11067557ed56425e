package ns

import (
	"maps"
	"sync"
	"time"
)

// A toldDirs is a device's directories of which the kernel may believe what it was told.
type toldDirs struct {
	mu   sync.Mutex
	sets [2]map[uint64]uint64 // by a node's number that of its last telling: since turn, and before that
	turn time.Time
	last uint64
}

// add says that the kernel is told of one, to be believed for so long.
func (t *toldDirs) add(node uint64, believed time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.turn) > believed {
		if t.sets[1] = t.sets[0]; now.Sub(t.turn) > 2*believed {
			t.sets[1] = nil
		}
		t.sets[0], t.turn = map[uint64]uint64{}, now
	}
	t.last++
	t.sets[0][node] = t.last
}

// all gives them.
func (t *toldDirs) all(believed time.Duration) map[uint64]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[uint64]uint64{}
	if time.Since(t.turn) < 2*believed {
		maps.Copy(all, t.sets[1])
		maps.Copy(all, t.sets[0])
	}
	return all
}

// done says that one is believed no more, unless the kernel was told again.
func (t *toldDirs) done(node, telling uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, set := range t.sets {
		if set[node] == telling {
			delete(set, node)
		}
	}
}
