package cpud

import (
	"os/exec"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestReapStuck: what a session left and cannot be killed holds up no other session, and the end of
// none but that one.
func TestReapStuck(t *testing.T) {
	stuck := make(chan bool)
	old, oldLimit := kill, reapLimit
	reapLimit = 200 * time.Millisecond
	passes := 0
	kill = func(spare func(int) bool) {
		passes++
		spare(-1)
		select {
		case stuck <- true:
		default:
		}
	}
	t.Cleanup(func() { kill, reapLimit = old, oldLimit })
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
	case <-time.After(srvtest.Patience):
		t.Fatal("it is waited for without end")
	}
	third := exec.Command("true")
	if err := ss.start(third); err != nil {
		t.Fatal(err)
	}
	passes = 0
	if err := ss.wait(third); err != nil || passes != 1 {
		t.Errorf("%v: the third session's end tries it %d times", err, passes)
	}
}
