package ns

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A readFile does not answer who reads its start, once that is to hang, until it goes on.
type readFile struct {
	srv.File
	hang        atomic.Bool
	unlocks     atomic.Int32
	begun, goOn chan struct{}
}

func (f *readFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := openRam(ctx, f.File, mode)
	return &readHandle{h, f}, err
}

type readHandle struct {
	ramHandle
	f *readFile
}

func (h *readHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if off == 0 && h.f.hang.CompareAndSwap(true, false) {
		close(h.f.begun)
		<-h.f.goOn
	}
	return h.ramHandle.Read(ctx, p, off)
}

func (h *readHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	if l.Type == p9.LockUnlock && l.ClientID != "other" {
		h.f.unlocks.Add(1)
	}
	return h.ramHandle.Lock(ctx, l)
}

// TestLockedReading has a lock be got while a page of the file is being read, by which the kernel
// keeps what comes after it, for longer than that usually takes: who gets it sees what was
// written under the one before.
func TestLockedReading(t *testing.T) { testLockedReading(t, false) }

// TestLockedReadingSignal has a signal come meanwhile, after which the lock is asked for again: it
// was given back.
func TestLockedReadingSignal(t *testing.T) { testLockedReading(t, true) }

func testLockedReading(t *testing.T, signal bool) {
	t.Helper()
	if linuxBefore(6, 6) {
		t.Skip("Linux before 6.6 asks for attributes before it reads, which hangs here too")
	}
	f := &readFile{begun: make(chan struct{}), goOn: make(chan struct{})}
	s, other := serveOnly(t, func(file srv.File) srv.File {
		f.File = file
		return f
	})
	write := func(b byte) {
		t.Helper()
		if _, err := other.WriteAt(bytes.Repeat([]byte{b}, 8192), 0); err != nil {
			t.Error(err)
		}
	}
	lock := func(typ uint8) {
		t.Helper()
		if err := lockOther(t, other, typ); err != nil {
			t.Error(err)
		}
	}
	write('a')
	lock(p9.LockWrite)
	f.hang.Store(true)
	m := mountGroup(t, "mount -c "+srvtest.NewLink(t, s, 0).Addr+" /n/x")
	done := begin(func() {
		<-f.begun
		write('b')
		lock(p9.LockUnlock)
		time.Sleep(dropPatience + dropPatience/2)
		if n := f.unlocks.Load(); n > 0 != signal {
			t.Errorf("the lock was given back %d times", n)
		}
		close(f.goOn)
	})
	do := "reading"
	if signal {
		do = "readsignal"
	}
	m.mapped(t, do)
	<-done
}

func mappedReading() error { return readingLocked(false) }

func mappedReadSignal() error { return readingLocked(true) }

func readingLocked(signal bool) error {
	return withFile("x/f", os.O_RDONLY, func(f *os.File) error {
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
			return err
		}
		var got [1]byte
		if _, err := f.ReadAt(got[:], 4096); err != nil {
			return err
		}
		read := make(chan error)
		go func() {
			_, err := f.ReadAt(make([]byte, 1), 0)
			read <- err
		}()
		if signal {
			runtime.LockOSThread()
			tid := unix.Gettid()
			// Go's programs do not mind this one: the kernel asks again.
			time.AfterFunc(dropPatience/2, func() { unix.Tgkill(os.Getpid(), tid, unix.SIGURG) })
		}
		unlock, err := lockBy(f, "fcntl", unix.F_RDLCK, 0, 0)
		if err != nil {
			return err
		}
		if _, err := f.ReadAt(got[:], 4096); err != nil {
			return err
		}
		if got[0] != 'b' {
			return fmt.Errorf("under the lock there is %q", got)
		}
		if err := <-read; err != nil {
			return err
		}
		return unlock()
	})
}
