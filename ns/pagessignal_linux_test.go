package ns

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// signal has the kernel end what each of its threads waits for, by a signal that Go's programs
// do not mind.
func (l *looker) signal(t *testing.T) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", l.pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tasks {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			unix.Tgkill(l.pid, tid, unix.SIGURG) // one that has ended meanwhile needs none
		}
	}
}

// A watchedDir has one file, a watchedFile, and that is all that is asked of it.
type watchedDir struct {
	srv.File
	f *watchedFile
}

func (d *watchedDir) Walk(context.Context, string) (srv.File, error) { return d.f, nil }

// A watchedFile counts the locks that are asked for, and holds up who asks for its attributes
// while hold is not nil.
type watchedFile struct {
	srv.File
	locks atomic.Int32
	hold  atomic.Pointer[func(context.Context)]
}

func (f *watchedFile) Stat(ctx context.Context) (p9.Stat, error) {
	if hold := f.hold.Load(); hold != nil {
		(*hold)(ctx)
	}
	return f.File.Stat(ctx)
}

func (f *watchedFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := srv.Open(ctx, f.File, mode)
	if err != nil {
		return nil, err
	}
	return &watchedHandle{h.(ramHandle), f}, nil
}

// A ramHandle is what is used of ramfs's.
type ramHandle interface {
	srv.Reader
	srv.Writer
	srv.Locker
}

type watchedHandle struct {
	ramHandle
	f *watchedFile
}

func (h *watchedHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	if l.Type == p9.LockRead {
		h.f.locks.Add(1)
	}
	return h.ramHandle.Lock(ctx, l)
}

// TestPagesSignal has signals come while a lock is waited for, and again when it was got and the
// file is looked at: who waits does so again, gets it, and sees what was written under the one
// before.
func TestPagesSignal(t *testing.T) {
	ctx := t.Context()
	d := &watchedDir{File: ramfs.New(), f: &watchedFile{}}
	f, _, err := srv.Create(ctx, d.File, "f", 0o666, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	d.f.File = f
	s := srv.New(d)
	s.Leases = nil
	other, err := client.Fsys{Root: srvtest.MountServer(t, s, true)}.Open(ctx, "f", p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	write := func(b byte) string {
		t.Helper()
		all := bytes.Repeat([]byte{b}, 8192)
		if _, err := other.WriteAt(all, 0); err != nil {
			t.Fatal(err)
		}
		return wantSeen(all)
	}
	lock := func(typ uint8) {
		t.Helper()
		if st, err := other.Fid().Lock(ctx, p9.Flock{Type: typ, ClientID: "other"}); st != p9.LockSuccess || err != nil {
			t.Fatal(st, err)
		}
	}
	old := write('a')
	l := mountGroup(t, "mount -c "+srvtest.NewLink(t, s, 0).Addr+" /n/x").looker(t, "f", os.O_RDONLY)
	if got := l.look(t, "look"); got != old {
		t.Fatalf("it sees %s, not %s", got, old)
	}
	lock(p9.LockWrite)
	l.ask("fcntl")
	if !srvtest.Until(func() bool { return d.f.locks.Load() > 0 }) {
		t.Fatal("no lock is asked for")
	}
	if !srvtest.Until(func() bool { l.signal(t); return d.f.locks.Load() > 3 }) {
		t.Fatal("a signal does not end the waiting, or it is not begun again")
	}
	want := write('b')
	looks, goOn := make(chan bool, 100), make(chan bool)
	hold := func(ctx context.Context) {
		looks <- true
		select {
		case <-goOn:
		case <-ctx.Done():
			t.Error("a signal ends the look at a file whose lock is there")
		}
	}
	d.f.hold.Store(&hold)
	lock(p9.LockUnlock)
	select {
	case <-looks:
	case <-time.After(srvtest.Patience):
		t.Fatal("the file is not looked at")
	}
	for range 10 {
		l.signal(t)
		time.Sleep(10 * time.Millisecond) // for the signals to come that far
	}
	d.f.hold.Store(nil)
	close(goOn)
	if got := l.told(t); got != want {
		t.Errorf("it sees %s, not %s", got, want)
	}
	l.look(t, "look") // the lock is let go
	lock(p9.LockWrite)
}
