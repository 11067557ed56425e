package ns

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A badFile has a place in the middle of a page where something happens to who reads on,
// and from which on there is no space for who writes.
type badFile struct {
	srv.Node
	then func(context.Context) error
}

const (
	badSize = 1 << 20
	badFrom = 300000
	badPage = badFrom / 4096 * 4096
)

func (f *badFile) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := f.Node.Stat(ctx)
	st.Qid.Vers, st.Length = 1, badSize
	return st, err
}

func (f *badFile) Open(context.Context, p9.Mode) (srv.Handle, error) { return f, nil }

func (f *badFile) Read(ctx context.Context, p []byte, off int64) (int, error) {
	end := int64(badFrom)
	if off >= badFrom {
		if err := f.then(ctx); err != nil {
			return 0, err
		}
		end = badSize
	}
	if off >= end {
		return 0, io.EOF
	}
	n := min(len(p), int(end-off))
	copy(p, bytes.Repeat([]byte{'x'}, n))
	return n, nil
}

func (f *badFile) Write(_ context.Context, p []byte, off int64) (int, error) {
	if off >= badFrom {
		return 0, syscall.ENOSPC
	}
	return min(len(p), int(badFrom-off)), nil
}

// mountBad mounts a server with a badFile f.
func mountBad(t *testing.T, flag string, then func(context.Context) error) *mounted {
	s := srv.New(srv.NewDir().Add("f", &badFile{srv.NewNode(0o666), then}))
	return mountGroup(t, "mount -c "+flag+srvtest.NewLink(t, s, 0).Addr+" /n/x")
}

// TestPagesError has an error in the middle of what the kernel reads at once be told, and not be
// taken for the end of the file: what is before its page is read, and the file is as long as it was.
func TestPagesError(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			m := mountBad(t, flag, func(context.Context) error { return syscall.EIO })
			got := m.sh(t, "/n/x", fmt.Sprintf("cat f | wc -c; cat f >/dev/null || head -c %d f | tr -d x | wc -c; stat -c %%s f", badPage))
			if want := fmt.Sprintf("cat: f: Input/output error\n%d\ncat: f: Input/output error\n0\n%d\n", badPage, badSize); got != want {
				t.Errorf("%s, not\n%s", got, want)
			}
		})
	}
}

// TestPagesFull has an error in the middle of what the kernel writes at once of what was changed in
// memory be told: nobody sees how much of that was written.
func TestPagesFull(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			mountBad(t, flag, func(context.Context) error { return nil }).mapped(t, "full")
		})
	}
}

func mappedFull() error {
	return withFile("x/f", os.O_RDWR, func(f *os.File) error {
		return withMemory(f, badFrom+4096, func(mem []byte) error {
			for at := badPage - 8*4096; at < len(mem); at += 4096 {
				mem[at] = 'y'
			}
			if err := unix.Msync(mem, unix.MS_SYNC); err != unix.ENOSPC {
				return fmt.Errorf("written: %v", err)
			}
			return nil
		})
	})
}

// TestPagesInterrupt has a signal end a read for a page of which a part has come: that it does is
// told, the file is as long as it was, and who reads again has the page.
func TestPagesInterrupt(t *testing.T) {
	var asked atomic.Int32
	mountBad(t, "", func(ctx context.Context) error {
		switch asked.Add(1) {
		case 1: // reading ahead, which no signal ends
			return syscall.EIO
		case 2:
			<-ctx.Done()
		}
		return ctx.Err()
	}).mapped(t, "interrupt")
}

func mappedInterrupt() error {
	return withFile("x/f", os.O_RDONLY, func(f *os.File) error {
		n, err := readSignalled(f, unix.SIGINT)
		if err != unix.EINTR {
			return fmt.Errorf("interrupted, it read %d bytes, %v", n, err)
		}
		var b [1]byte
		if fi, err := f.Stat(); err != nil || fi.Size() != badSize {
			return fmt.Errorf("then its size is %d, %v", fi.Size(), err)
		}
		if _, err := f.ReadAt(b[:], badFrom); err != nil || b[0] != 'x' {
			return fmt.Errorf("read again it is %q, %v", b, err)
		}
		return nil
	})
}

// readSignalled reads a page while a signal, which has a handler, comes again and again.
func readSignalled(f *os.File, sig syscall.Signal) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil { // a page at a time
		return 0, err
	}
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, sig)
	defer signal.Stop(handled)
	me, end := unix.Gettid(), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
				unix.Tgkill(os.Getpid(), me, sig)
			}
		}
	})
	var b [1]byte
	n, err := unix.Pread(int(f.Fd()), b[:], badFrom)
	close(end)
	wg.Wait()
	return n, err
}

// TestPagesAlarm has signals that ask nobody to end, as a timer's, not end a read of a file, however
// slow: no program expects that of one.
func TestPagesAlarm(t *testing.T) {
	var asked atomic.Int32
	mountBad(t, "", func(ctx context.Context) error {
		switch asked.Add(1) {
		case 1: // reading ahead
			return syscall.EIO
		case 2:
			select {
			case <-ctx.Done():
			case <-time.After(2 * patience):
			}
		}
		return ctx.Err()
	}).mapped(t, "alarm")
}

func mappedAlarm() error {
	return withFile("x/f", os.O_RDONLY, func(f *os.File) error {
		if n, err := readSignalled(f, unix.SIGALRM); n != 1 || err != nil {
			return fmt.Errorf("it read %d bytes, %v", n, err)
		}
		return nil
	})
}
