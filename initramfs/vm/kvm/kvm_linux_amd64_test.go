package kvm

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// TestCheck: what is said is said each time, and of the processor: the guest itself is run as
// it is meant. Nothing is left open.
func TestCheck(t *testing.T) {
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	} else {
		f.Close()
	}
	first := Check()
	t.Log("the trial: ", first)
	before := open(t)
	for range 3 {
		err := Check()
		if err != nil && !strings.Contains(err.Error(), "emulates") && !strings.Contains(err.Error(), "does not get on") {
			t.Error(err)
		}
		if (err == nil) != (first == nil) {
			t.Errorf("%v, and then %v", first, err)
		}
	}
	if after := open(t); after > before {
		t.Errorf("%d files are open, %d were", after, before)
	}
}

// TestStuck: a guest that does nothing but go on is given up, and ends.
func TestStuck(t *testing.T) {
	before := open(t)
	err := check([]byte{0x75, 0xfe}, 200*time.Millisecond) // 1: jnz 1b
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), "does not get on") {
		t.Error(err)
	}
	for open(t) > before { // or go test's limit
		time.Sleep(time.Millisecond)
	}
}

func open(t *testing.T) int {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
