package node

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"ninespace/srv/srvtest"
)

// TestStepFails: a step that fails says so and has the console offered, at once where it is not tried
// again, and else when it has taken too long; never, where that is asked for.
func TestStepFails(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		line string // the kernel's
		says string
	}{
		"done":             {nil, "nine.wait=0s", ""},
		"not again":        {errors.New("wrong"), "nine.wait=1h", "init: a shell is on the console (step: wrong)"},
		"not again, never": {errors.New("wrong"), "nine.wait=0s nine.console nine.console=0", ""},
		"again":            {errAgain{errors.New("not yet")}, "nine.wait=0s", "init: a shell is on the console (step: not yet)"},
		"again, soon":      {errAgain{errors.New("not yet")}, "nine.wait=1h", ""},
		"again, never":     {errAgain{errors.New("not yet")}, "nine.wait=0s nine.console=0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			srvtest.CheckGoroutines(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, err := ParseParams(c.line)
			if err != nil {
				t.Fatal(err)
			}
			n := &node{cfg: Config{Console: []string{"rc"}}, log: NewLog(io.Discard), params: p}
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

// TestStepLines: a step that failed for more than one reason, as two cards that have no answer, is a line of
// status and of the log all the same.
func TestStepLines(t *testing.T) {
	n := &node{log: NewLog(io.Discard)}
	n.do(t.Context(), "network", func(context.Context) error {
		return errors.Join(errors.New("eth0: no answer"), errors.New("eth1: no answer"))
	})
	if got, want := n.log.String(), "init: network: eth0: no answer; eth1: no answer\n"; got != want {
		t.Errorf("the log is %q, not %q", got, want)
	}
	if got := n.status(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, " eth0: no answer; eth1: no answer\n") {
		t.Errorf("status is %q", got)
	}
}
