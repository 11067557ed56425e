package ns

import (
	"slices"
	"sync"

	"ninespace/srv/p9"
)

// Processes of one engine that wait for each other's record locks are found out, as
// fcntl(2) has it: who asks for the lock that would close the circle is told EDEADLK.
// What others hold, on the server or through another engine, is not known here.

// A lockWait is a lock that its owner waits for, or is about to.
type lockWait struct {
	by   *holder
	lock p9.Flock
}

// lockWaits are those of an engine.
type lockWaits struct {
	mu sync.Mutex
	of map[lockOwner][]*lockWait
}

// enter notes a wait, until leave. It reports false if that would never end.
func (w *lockWaits) enter(k *holder, l p9.Flock) (leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closes(k.owner, k, l, map[lockOwner]bool{}) {
		return nil, false
	}
	wait := &lockWait{k, l}
	if w.of == nil {
		w.of = map[lockOwner][]*lockWait{}
	}
	w.of[k.owner] = append(w.of[k.owner], wait)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		i := slices.Index(w.of[k.owner], wait)
		if w.of[k.owner] = slices.Delete(w.of[k.owner], i, i+1); len(w.of[k.owner]) == 0 {
			delete(w.of, k.owner)
		}
	}, true
}

// closes tells whether who holds what is in the way of a lock waits for me, at once or
// through others.
func (w *lockWaits) closes(me lockOwner, k *holder, l p9.Flock, seen map[lockOwner]bool) bool {
	l.ClientID, l.ProcID = k.as.ClientID, k.as.ProcID
	for _, by := range k.table.Against(l) {
		owner := by.(*holder).owner
		if owner == me {
			return true
		}
		if seen[owner] {
			continue
		}
		seen[owner] = true
		for _, wait := range w.of[owner] {
			if w.closes(me, wait.by, wait.lock, seen) {
				return true
			}
		}
	}
	return false
}
