package ns

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/diskfs"
	"ninespace/srv/osthread"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// TestHere has an engine in this process, which makes a group, is ended and leaves nothing.
func TestHere(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	for range 2 {
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			srv.New(ramfs.New()).ServeConn(t.Context(), far)
			close(served)
		}()
		var o EngineOptions
		o.Streams = []io.ReadWriteCloser{near}
		s, err := StartHere(o, func() (srv.File, error) { return diskfs.New("/") })
		if err != nil {
			t.Skip("no right to mount: ", err)
		}
		if err := attachHere(s); err != nil {
			t.Error(err)
		}
		s.Close()
		select {
		case <-s.Done():
		default:
			t.Error("it has not ended")
		}
		<-served // its connections are closed too
	}
}

// TestReadAhead: the kernel reads further ahead of what an engine serves, where root may say so.
func TestReadAhead(t *testing.T) {
	s, err := StartHere(EngineOptions{}, func() (srv.File, error) { return diskfs.New("/") })
	if err != nil {
		t.Skip("no right to mount: ", err)
	}
	defer s.Close()
	name := "/sys/class/bdi/" + deviceName(s.dev) + "/read_ahead_kb"
	if ids := myIds(); unix.Access(name, unix.W_OK) != nil || len(ids.uids) != 1 || ids.uids[0].count != math.MaxUint32 {
		t.Skip("it may not be set here")
	}
	if b, err := os.ReadFile(name); string(b) != fmt.Sprintln(aheadKiB) {
		t.Errorf("%q, %v", b, err)
	}
}

// TestHereSilent has an engine end while a server has yet to answer what it was asked first.
func TestHereSilent(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	near, far := net.Pipe()
	asked, served := make(chan struct{}), make(chan struct{})
	go func() {
		srv.New(silent{ramfs.New(), asked}).ServeConn(t.Context(), far)
		close(served)
	}()
	var o EngineOptions
	o.Streams = []io.ReadWriteCloser{near}
	s, err := StartHere(o, func() (srv.File, error) { return diskfs.New("/") })
	if err != nil {
		t.Skip("no right to mount: ", err)
	}
	<-asked
	s.Close()
	select {
	case <-s.Done():
	default:
		t.Error("it has not ended")
	}
	select {
	case <-served:
	case <-time.After(srvtest.Patience):
		t.Error("its connection is not closed")
		far.Close()
	}
}

// TestHereRest has an engine that rests keep no thread, and go on as before when it is used.
func TestHereRest(t *testing.T) {
	srvtest.CheckGoroutines(t)
	h, err := startApart(EngineOptions{}, func() (srv.File, error) { return diskfs.New("/") })
	if err != nil {
		t.Skip("no right to mount: ", err)
	}
	defer h.end()
	for range 2 {
		begun, end := make(chan struct{}), make(chan struct{})
		for range idleVisitors {
			go h.visit(func(*visitor) error {
				begun <- struct{}{}
				<-end
				return nil
			})
		}
		for range idleVisitors {
			<-begun
		}
		close(end)
		if !srvtest.Until(func() bool { return len(h.idle) == idleVisitors }) {
			t.Fatalf("%d threads wait for work", len(h.idle))
		}
		if h.rest(); len(h.idle) > 0 {
			t.Errorf("%d threads wait for work after a rest", len(h.idle))
		}
	}
}

// A silent root does not answer who attaches, and tells when the first one has.
type silent struct {
	srv.File
	asked chan struct{}
}

func (s silent) Attach(ctx context.Context, _ string) (srv.File, error) {
	close(s.asked)
	<-ctx.Done()
	return nil, ctx.Err()
}

// attachHere makes a group for a thread, which looks at nothing in it.
func attachHere(s *Session) error {
	done := make(chan error)
	osthread.Go(func() {
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			_, err = unix.Write(int(s.control.Fd()), fmt.Appendf(nil, "attach %d", unix.Gettid()))
		}
		if err == nil {
			err = answer(s.control)
		}
		done <- err
	})
	return <-done
}
