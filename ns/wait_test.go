package ns

import (
	"context"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestBounded wants a context that ends with what it is made of, when it is let go, and by
// itself; and no goroutine for who never waits for its end.
func TestBounded(t *testing.T) {
	srvtest.CheckGoroutines(t)
	parent, end := context.WithCancel(t.Context())
	idle, cancel := bounded(parent)
	if d, ok := idle.Deadline(); !ok || time.Until(d) > DialTimeout || idle.Err() != nil {
		t.Errorf("deadline %v, %v; %v", d, ok, idle.Err())
	}
	if w, _ := idle.Value(waiterKey{}).(*waiter); w == nil {
		t.Error("no waiter")
	}
	cancel()
	<-idle.Done()
	if idle.Err() != context.Canceled {
		t.Errorf("let go: %v", idle.Err())
	}

	waited, cancel := bounded(parent)
	inner, cancelInner := bounded(waited)
	defer cancelInner()
	if inner.Value(waiterKey{}) != waited.Value(waiterKey{}) {
		t.Error("another waiter")
	}
	done := inner.Done()
	cancel()
	<-done
	if inner.Err() != context.Canceled {
		t.Errorf("ended by the outer one: %v", inner.Err())
	}

	below, cancel := bounded(parent)
	defer cancel()
	unwaited, cancel := bounded(parent)
	defer cancel()
	done = below.Done()
	end()
	<-done
	if below.Err() != context.Canceled || unwaited.Err() != context.Canceled {
		t.Errorf("ended from above: %v, %v", below.Err(), unwaited.Err())
	}

	late := &boundCtx{Context: t.Context(), waiter: &waiter{}, end: time.Now().Add(-time.Second)}
	if late.Err() != context.DeadlineExceeded {
		t.Errorf("late: %v", late.Err())
	}
	<-late.Done()
	if late.Err() != context.DeadlineExceeded {
		t.Errorf("late, waited for: %v", late.Err())
	}
	late.cancel()
}
