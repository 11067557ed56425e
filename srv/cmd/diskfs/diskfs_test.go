package diskfs

import (
	"context"
	"errors"
	"flag"
	"os"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-x"}, {"a", "b"}} {
		if err := Main(context.Background(), [3]*os.File{}, args); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// start runs the command in a directory and gives a connection to it. stop ends
// both.
func start(t *testing.T, args ...string) (c *client.Conn, stop func()) {
	t.Helper()
	sock := t.TempDir() + "/sock"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Main(ctx, [3]*os.File{}, append([]string{"-l", "unix!" + sock}, args...)) }()
	var err error
	if !srvtest.Until(func() bool { c, err = client.Dial(ctx, "unix!"+sock, nil); return err == nil }) {
		cancel()
		t.Fatal(err)
	}
	return c, func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("end: %v", err)
		}
		if _, err := os.Stat(sock); err == nil {
			t.Error("the socket is left behind")
		}
	}
}

func attach(t *testing.T, c *client.Conn, uname string) client.Fsys {
	t.Helper()
	root, err := c.Attach(context.Background(), nil, uname, "")
	if err != nil {
		t.Fatal(err)
	}
	return client.Fsys{Root: root}
}

func TestServe(t *testing.T) {
	srvtest.CheckGoroutines(t)
	ctx, dir := context.Background(), t.TempDir()
	if err := os.WriteFile(dir+"/a", []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, stop := start(t, "-R", dir)
	defer stop()
	f := attach(t, c, "")
	if b, err := f.ReadFile(ctx, "a"); string(b) != "hello" || err != nil {
		t.Errorf("read: %q %v", b, err)
	}
	if err := f.WriteFile(ctx, "a", nil, 0o644); !errors.Is(err, p9.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
	if err := Main(ctx, [3]*os.File{}, []string{dir + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestUsers: who attaches is the user that he says, or me with -m.
func TestUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become others")
	}
	srvtest.CheckGoroutines(t)
	ctx, dir := context.Background(), t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		args  []string
		uname string
		uid   uint32
	}{{nil, "4242", 4242}, {nil, "", 0}, {[]string{"-m"}, "4242", 0}} {
		c, stop := start(t, append(v.args, dir)...)
		if err := attach(t, c, v.uname).WriteFile(ctx, "f", nil, 0o644); err != nil {
			t.Error(err)
		}
		fi, err := os.Stat(dir + "/f")
		if err != nil {
			t.Fatal(err)
		}
		if uid := fi.Sys().(*syscall.Stat_t).Uid; uid != v.uid {
			t.Errorf("%q, attached as %q: the file is of uid %d", v.args, v.uname, uid)
		}
		os.Remove(dir + "/f")
		stop()
	}
}
