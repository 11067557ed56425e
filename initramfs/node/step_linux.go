package node

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A step is something that has to be done once.
type step struct {
	name  string
	state string // begun, done or failed
	since time.Time
	took  time.Duration
	why   string
}

// do does a step and says how it went. One that may go otherwise the next time is tried again.
// The console is offered when that takes too long, and at once where there is no next time, but for
// what a node may well be without.
func (n *node) do(ctx context.Context, name string, f func(context.Context) error) error {
	s := &step{name: name, state: "begun", since: time.Now()}
	n.mu.Lock()
	n.steps = append(n.steps, s)
	n.mu.Unlock()
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := f(ctx)
		why := ""
		if err != nil {
			why = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		n.mu.Lock()
		s.took, s.state, s.why = time.Since(s.since), "done", why
		if err != nil {
			s.state = "failed"
		}
		n.mu.Unlock()
		if err == nil || ctx.Err() != nil {
			return err
		}
		var again errAgain
		if !errors.As(err, &again) {
			n.log.Printf("init: %s: %s", name, why)
			if lesser := (errLesser{}); !errors.As(err, &lesser) {
				n.offerConsole(ctx, name+": "+why)
			}
			return err
		}
		if s.took > n.params.Wait {
			n.offerConsole(ctx, name+": "+why)
		}
		n.log.Printf("init: %s: %s; again in %v", name, why, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errAgain wraps what may be otherwise the next time.
type errAgain struct{ error }

func (e errAgain) Unwrap() error { return e.error }

// errLesser wraps what nobody has to come for.
type errLesser struct{ error }

func (e errLesser) Unwrap() error { return e.error }
