package ns

import (
	"sync"
	"sync/atomic"
	"time"
)

// Programs lock by files too, which only one of them can make: by O_EXCL, link(2) or mkdir(2).
// Linux asks the server whether such a name is there, whatever it believes, so no two get a
// lock. But what names the others have made under it, or replaced, is to be seen by who has it.
// A file that is made so once is one of many. One that was made so before, and has gone since,
// is taken for a lock: names are asked for each time then, for a while.

const (
	takesLast = time.Second
	takesMost = 256 // names that are remembered
)

// takes are a device's.
type takes struct {
	until atomic.Int64 // names are asked for, in Unix nanoseconds

	mu    sync.Mutex
	made  map[madeName]struct{}
	first time.Time // when one was doubted that may be a lock
}

// A madeName is one that was made where there was to be none.
type madeName struct {
	dir  uint64
	name string
}

// taking tells whether names are asked for each time.
func (t *takes) taking() bool {
	until := t.until.Load()
	return until != 0 && time.Now().UnixNano() < until
}

// took says that a name was made where there was to be none, and tells whether what is kept is to
// be doubted: it is a lock, or the first one in a second that may be one. Of
// a lock it returns when the time has passed for which names are believed that were told before.
func (t *takes) took(dir uint64, name string, believed time.Duration) (doubt bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := madeName{dir, name}
	now := time.Now()
	if _, again := t.made[m]; !again {
		if t.made == nil {
			t.made = map[madeName]struct{}{}
		}
		for old := range t.made {
			if len(t.made) < takesMost {
				break
			}
			delete(t.made, old)
		}
		t.made[m] = struct{}{}
		if doubt = now.Sub(t.first) >= takesLast; doubt {
			t.first = now
		}
		return doubt
	}
	if t.until.Swap(now.UnixNano()+int64(takesLast)) < now.UnixNano() {
		time.Sleep(believed)
	}
	return true
}
