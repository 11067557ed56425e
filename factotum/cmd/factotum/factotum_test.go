package factotum

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	if err := Main(t.Context(), [3]*os.File{}, []string{"-l", "tcp!*!5640"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("at a network: %v", err)
	}
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		f, err := root.WalkOpen(t.Context(), p9.ORDWR, "ctl")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(t.Context(), []byte("key proto=pass user=u !password=p"), 0); err != nil {
			t.Error(err)
		}
	})
}

// TestGetKey has -g ask for a key, and give it to the one that is posted.
func TestGetKey(t *testing.T) {
	t.Setenv("NAMESPACE", t.TempDir())
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("glenda\nit's a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	std := [3]*os.File{in, os.Stdout, os.Stderr}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Main(ctx, std, nil) }()
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(t.Context(), "factotum", nil); return err == nil }) {
		t.Fatal(err)
	}
	defer func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := Main(t.Context(), std, []string{"-g", "proto=pass", "user?", "server=a b", "!password?"}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	f, err := root.WalkOpen(t.Context(), p9.OREAD, "ctl")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Read(t.Context(), b, 0); string(b[:n]) != "key proto=pass user=glenda server='a b' !password?\n" {
		t.Errorf("%q", b[:n])
	}
	r, err := root.WalkOpen(t.Context(), p9.ORDWR, "rpc")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][2]string{{"start proto=pass", "ok"}, {"read", "ok glenda 'it''s a secret'"}} {
		if _, err := r.Write(t.Context(), []byte(x[0]), 0); err != nil {
			t.Fatal(err)
		}
		if n, _ := r.Read(t.Context(), b, 0); string(b[:n]) != x[1] {
			t.Errorf("%s: %q", x[0], b[:n])
		}
	}
	if err := Main(t.Context(), std, []string{"-g"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-g without attributes: %v", err)
	}
}
