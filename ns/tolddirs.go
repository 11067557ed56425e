package ns

import (
	"maps"
	"sync"
	"time"
)

// A toldDirs is a device's directories of which the kernel may believe what it was told.
type toldDirs struct {
	mu   sync.Mutex
	sets [2]map[uint64]telling // the last of each, by a node's number: since turn, and before that
	turn time.Time
	last uint64
}

// A telling is one time that the kernel was told of a directory.
type telling struct {
	number uint64
	named  bool // it believes a name of it, not its attributes alone
}

// add says that the kernel is told of one, by a name of it if named, to be believed for so long.
func (t *toldDirs) add(node uint64, named bool, believed time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.turn) > believed {
		if t.sets[1] = t.sets[0]; now.Sub(t.turn) > 2*believed {
			t.sets[1] = nil
		}
		t.sets[0], t.turn = map[uint64]telling{}, now
	}
	t.last++
	t.sets[0][node] = telling{t.last, named || t.sets[0][node].named || t.sets[1][node].named}
}

// all gives them.
func (t *toldDirs) all(believed time.Duration) map[uint64]telling {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[uint64]telling{}
	if time.Since(t.turn) < 2*believed {
		maps.Copy(all, t.sets[1])
		maps.Copy(all, t.sets[0])
	}
	return all
}

// done says that one is believed no more, unless the kernel was told again.
func (t *toldDirs) done(node uint64, last telling) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, set := range t.sets {
		if set[node].number <= last.number {
			delete(set, node)
		}
	}
}
