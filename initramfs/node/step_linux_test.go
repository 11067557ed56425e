package node

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestStepFails: a step that fails says so and has the console offered, at once where it is not tried
// again, and else when it has taken too long.
func TestStepFails(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		wait time.Duration
		says string
	}{
		"done":        {nil, 0, ""},
		"not again":   {errors.New("wrong"), time.Hour, "init: a shell is on the console (step: wrong)"},
		"again":       {errAgain{errors.New("not yet")}, 0, "init: a shell is on the console (step: not yet)"},
		"again, soon": {errAgain{errors.New("not yet")}, time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srvtest.CheckGoroutines(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := &node{cfg: Config{Console: []string{"rc"}}, log: NewLog(io.Discard), params: Params{Wait: c.wait}}
			done := make(chan error, 1)
			go func() { done <- n.do(ctx, "step", func(context.Context) error { return c.err }) }()
			var again errAgain
			if !errors.As(c.err, &again) {
				if err := <-done; err != c.err {
					t.Error(err)
				}
			} else if !srvtest.Until(func() bool { return strings.Contains(n.log.String(), "; again in 1s") }) {
				t.Error("it is not tried again")
			}
			log := n.log.String()
			if offered := strings.Contains(log, "a shell is on the console"); offered != (c.says != "") || !strings.Contains(log, c.says) {
				t.Errorf("it says:\n%s", log)
			}
			if c.err != nil && !strings.Contains(log, "init: step: "+c.err.Error()) {
				t.Errorf("it says:\n%s", log)
			}
		})
	}
}
