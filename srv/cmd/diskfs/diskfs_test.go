package diskfs

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"testing"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-x"}, {"a", "b"}} {
		if err := Main(context.Background(), [3]*os.File{}, args); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestServe(t *testing.T) {
	dir, sock := t.TempDir(), t.TempDir()+"/sock"
	if err := os.WriteFile(dir+"/a", []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Main(ctx, [3]*os.File{}, []string{"-R", "-l", "unix!" + sock, dir}) }()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if c, err := net.Dial("unix", sock); err == nil {
			c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	c, err := client.Dial(ctx, "unix!"+sock, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	f := client.Fsys{Root: root}
	if b, err := f.ReadFile(ctx, "a"); string(b) != "hello" || err != nil {
		t.Errorf("read: %q %v", b, err)
	}
	if err := f.WriteFile(ctx, "a", nil, 0o644); !errors.Is(err, p9.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
	c.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("end: %v", err)
	}
	if _, err := os.Stat(sock); err == nil {
		t.Error("the socket is left behind")
	}
	if err := Main(ctx, [3]*os.File{}, []string{dir + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
