package client_test

import (
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestLeaseSuspended has a lease be over for who wakes up when that time has gone by, and say so
// when the server is heard of again.
func TestLeaseSuspended(t *testing.T) {
	ctx := t.Context()
	s := srv.New(ramfs.New())
	var roots [2]client.Fsys
	var lease *client.Lease
	told := make(chan client.Changes, 10)
	for i := range roots {
		if roots[i].Root = srvtest.MountServer(t, s, true); i == 0 {
			continue
		}
		var err error
		if lease, err = roots[i].Root.Conn().Lease(ctx, func(c client.Changes) { told <- c }); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lease.End(); close(told) })
	}
	change := func() { // of which the server tells
		t.Helper()
		_, err := roots[1].Stat(ctx, "/")
		if err == nil {
			err = roots[0].WriteFile(ctx, "f", nil, 0o666)
		}
		if err == nil {
			err = roots[0].Remove(ctx, "f")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change()
	if !lease.Holds() {
		t.Fatal("there is no lease")
	}
	client.Suspend(t, p9.LeaseTerm)
	if lease.Holds() {
		t.Error("it holds on waking up")
	}
	change() // by which the server is heard of
	for c := range told {
		if c.Lapse {
			break
		}
	}
	go func() {
		for range told {
		}
	}()
	if !srvtest.Until(func() bool { change(); return lease.Holds() }) {
		t.Error("it does not hold again")
	}
}

// TestAlarm has an alarm go off when it was last set to, each time.
func TestAlarm(t *testing.T) {
	rang := make(chan time.Duration)
	set, stop, err := client.Alarm(func() { rang <- client.BootClock() })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	set(client.BootClock() + time.Hour)
	for range 2 {
		at := client.BootClock() + 20*time.Millisecond
		set(at)
		if now := <-rang; now < at {
			t.Errorf("%v too early", at-now)
		}
	}
}
