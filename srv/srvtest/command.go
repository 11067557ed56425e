package srvtest

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv/client"
)

// Command tests a file server's command by its Main: flags and words that it has not
// are told as wrong usage; run with args and a socket to listen on it serves a tree,
// of which use gets the root; and with its context, a client still there, it ends
// without an error, its socket gone and nothing left behind.
func Command(t *testing.T, main func(context.Context, [3]*os.File, []string) error, args []string, use func(root *client.Fid)) {
	t.Helper()
	CheckGoroutines(t)
	CheckFiles(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	std := [3]*os.File{null, null, null}
	for _, bad := range [][]string{{"-x"}, {"word"}, {"two", "words"}} {
		if err := main(t.Context(), std, bad); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	sock := filepath.Join(t.TempDir(), "sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- main(ctx, std, append(args, "-l", "unix!"+sock)) }()
	if !Until(func() bool {
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
	use(root)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("end: %v", err)
	}
	if _, err := os.Lstat(sock); err == nil {
		t.Error("the socket is still there")
	}
}
