package ipcfs

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
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
	for _, bad := range [][]string{{"-x"}, {"word"}, {"-p"}} {
		if err := Main(t.Context(), std, bad); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	rules := filepath.Join(t.TempDir(), "rules")
	if err := Main(t.Context(), std, []string{"-p", rules}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rules that are not there: %v", err)
	}
	if err := os.WriteFile(rules, []byte("type is text\nplumb too edit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Main(t.Context(), std, []string{"-p", rules}); err == nil || !strings.Contains(err.Error(), "rules:2: plumb too") {
		t.Errorf("bad rules: %v", err)
	}
	if err := os.WriteFile(rules, []byte("type is text\nplumb to edit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(t.TempDir(), "sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Main(ctx, std, []string{"-p", rules, "-l", "unix!" + sock}) }()
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
	if _, err := root.Walk(t.Context(), "plumb", "edit"); err != nil {
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
