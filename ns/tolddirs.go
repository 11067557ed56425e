package ns

import (
	"slices"
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

// A toldDir is one of them, by its node's number, and the last telling.
type toldDir struct {
	node uint64
	telling
}

// all gives them.
func (t *toldDirs) all(believed time.Duration) []toldDir {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.turn) >= 2*believed {
		return nil
	}
	all := make([]toldDir, 0, len(t.sets[0])+len(t.sets[1]))
	for node, last := range t.sets[0] {
		all = append(all, toldDir{node, last})
	}
	for node, last := range t.sets[1] {
		if _, again := t.sets[0][node]; !again {
			all = append(all, toldDir{node, last})
		}
	}
	return all
}

// left gives those of some that are not done with.
func (t *toldDirs) left(dirs []toldDir) []toldDir {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(dirs, func(d toldDir) bool {
		return max(t.sets[0][d.node].number, t.sets[1][d.node].number) == 0
	})
}

// done says that some are believed no more, but for those of which the kernel was told again.
func (t *toldDirs) done(dirs []toldDir) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range dirs {
		for _, set := range t.sets {
			if set[d.node].number <= d.number {
				delete(set, d.node)
			}
		}
	}
}
