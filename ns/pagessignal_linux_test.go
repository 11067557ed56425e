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

// An onlyDir has one file, and that is all that is asked of it.
type onlyDir struct {
	srv.File
	f srv.File
}

func (d *onlyDir) Walk(context.Context, string) (srv.File, error) { return d.f, nil }

// serveOnly makes a server without leases whose one file is what as makes of one of ramfs's, and
// gives it, and the file as another client than the kernel has it open.
func serveOnly(t *testing.T, as func(srv.File) srv.File) (*srv.Server, *client.File) {
	t.Helper()
	root := ramfs.New()
	f, _, err := srv.Create(t.Context(), root, "f", 0o666, p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	s := srv.New(&onlyDir{root, as(f)})
	s.Leases = nil
	other, err := client.Fsys{Root: srvtest.MountServer(t, s, true)}.Open(t.Context(), "f", p9.ORDWR)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return s, other
}

// lockOther has the other client take a lock of all of it, or let it go.
func lockOther(t *testing.T, other *client.File, typ uint8) error {
	st, err := other.Fid().Lock(t.Context(), p9.Flock{Type: typ, ClientID: "other"})
	if err == nil && st != p9.LockSuccess {
		err = fmt.Errorf("lock: status %d", st)
	}
	return err
}

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
	h, err := openRam(ctx, f.File, mode)
	return &watchedHandle{h, f}, err
}

// A ramHandle is what is used of ramfs's.
type ramHandle interface {
	srv.Reader
	srv.Writer
	srv.Locker
}

// openRam opens one of its files.
func openRam(ctx context.Context, f srv.File, mode p9.Mode) (ramHandle, error) {
	h, err := srv.Open(ctx, f, mode)
	if err != nil {
		return nil, err
	}
	return h.(ramHandle), nil
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
	f := &watchedFile{}
	s, other := serveOnly(t, func(file srv.File) srv.File {
		f.File = file
		return f
	})
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
		if err := lockOther(t, other, typ); err != nil {
			t.Fatal(err)
		}
	}
	old := write('a')
	l := mountGroup(t, "mount -c "+srvtest.NewLink(t, s, 0).Addr+" /n/x").looker(t, "f", os.O_RDONLY)
	if got := l.look(t, "look"); got != old {
		t.Fatalf("it sees %s, not %s", got, old)
	}
	lock(p9.LockWrite)
	l.ask("fcntl")
	if !srvtest.Until(func() bool { return f.locks.Load() > 0 }) {
		t.Fatal("no lock is asked for")
	}
	if !srvtest.Until(func() bool { l.signal(t); return f.locks.Load() > 3 }) {
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
	f.hold.Store(&hold)
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
	f.hold.Store(nil)
	close(goOn)
	if got := l.told(t); got != want {
		t.Errorf("it sees %s, not %s", got, want)
	}
	l.look(t, "look") // the lock is let go
	lock(p9.LockWrite)
}
