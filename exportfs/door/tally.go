package door

import (
	"fmt"
	"sync"
)

// maxOfUser is how many sessions a user may have at a time: a process each. It is a
// variable for the tests.
var maxOfUser = 256

// A Tally counts the sessions of each user. The zero Tally is ready.
type Tally struct {
	mu sync.Mutex
	n  map[string]int
}

// Enter counts one more, which leave ends, unless the user has too many.
func (t *Tally) Enter(user string) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n[user] >= maxOfUser {
		return nil, fmt.Errorf("user %s has %d sessions, and may have no more", user, maxOfUser)
	}
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[user]++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.n[user]--; t.n[user] == 0 {
			delete(t.n, user)
		}
	}), nil
}
