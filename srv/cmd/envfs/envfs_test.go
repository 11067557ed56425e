package envfs

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	std := [3]*os.File{null, null, null}
	for _, bad := range [][]string{{"-x"}, {"word"}} {
		if err := Main(t.Context(), std, bad); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	sock := filepath.Join(t.TempDir(), "sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Main(ctx, std, []string{"-l", "unix!" + sock}) }()
	if !srvtest.Until(func() bool {
		c, err := net.Dial("unix", sock)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("nobody listens")
	}
	c, err := client.Dial(t.Context(), "unix!"+sock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.WalkCreate(t.Context(), "x", 0o666, 1); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Lstat(sock); err == nil {
		t.Error("the socket is still there")
	}
}
