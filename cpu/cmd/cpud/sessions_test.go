package cpud

import (
	"os/exec"
	"testing"
	"time"
)

// TestReapStuck: what a session left and cannot be killed holds up no other session.
func TestReapStuck(t *testing.T) {
	stuck := make(chan bool)
	old := kill
	kill = func(func(int) bool) bool {
		select {
		case stuck <- true:
		default:
		}
		return true
	}
	t.Cleanup(func() { kill = old })
	var ss sessions
	first := exec.Command("true")
	if err := ss.start(first); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- ss.wait(first) }()
	<-stuck
	second := exec.Command("true")
	if err := ss.start(second); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
		t.Error("it is not waited for at all")
	default:
	}
	if err := second.Wait(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * reapLimit):
		t.Error("it is waited for without end")
	}
}
