package srv_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestAnnounceKeeps announces where something is that must stay.
func TestAnnounceKeeps(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(dir, "busy")
	l, err := srv.Announce("unix!" + busy)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range []string{file, busy, dir} {
		if l, err := srv.Announce("unix!" + path); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("announce of %s: %v", filepath.Base(path), err)
			if err == nil {
				l.Close()
			}
		}
	}
	if b, _ := os.ReadFile(file); string(b) != "mine" {
		t.Error("the file is gone")
	}
	if ents, _ := os.ReadDir(dir); len(ents) != 2 {
		t.Errorf("left behind: %v", ents)
	}
}

// TestAnnounceSays announces where it cannot be: the error is one fact.
func TestAnnounceSays(t *testing.T) {
	for dial, want := range map[string]string{
		"tcp!bad..name!1":             "no such host",
		"tcp!127.0.0.1!nosuchservice": "unknown port",
		"tcp!192.0.2.1!9":             "Cannot assign requested address",
		"unix!/nonexistent/s":         "file does not exist",
	} {
		l, err := srv.Announce(dial)
		if err == nil {
			l.Close()
			t.Errorf("%s is announced", dial)
		} else if err.Error() != "announce "+dial+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAnnounceFull announces where a server has more callers than it has taken.
func TestAnnounceFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		defer c.Close()
	}
	if l, err := srv.Announce("unix!" + path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("announce: %v", err)
		if err == nil {
			l.Close()
		}
	}
}

// TestAnnounceAnother closes a listener whose socket another has replaced.
func TestAnnounceAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old, err := srv.Announce("unix!" + path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	os.Remove(path)
	l, err := srv.Announce("unix!" + path)
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error("the other's socket is gone")
	}
	l.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is left behind")
	}
}

// crowded is a listener that at first has no room for a caller.
type crowded struct {
	net.Listener
	errs []error
}

func (l *crowded) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	}
	return l.Listener.Accept()
}

// TestCrowded has accept fail for want of file descriptors: the server goes on.
func TestCrowded(t *testing.T) {
	srvtest.CheckGoroutines(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := srv.Announce("unix!" + path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- srv.New(srv.NewDir()).Serve(ctx, &crowded{l, []error{syscall.EMFILE, syscall.ECONNABORTED}})
	}()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{T: t, c: c}
	w.hello(false)
	c.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
