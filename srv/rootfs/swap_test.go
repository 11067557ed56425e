package rootfs

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// TestSwap: a file whose name is a link's at the next moment is opened, emptied or made as
// itself, or not at all: what the link leads to may be a file that the client is not to have.
func TestSwap(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("secret", "secret")
	put("x", "plain")
	defer always(func() {
		os.Symlink("secret", at("link"))
		os.Rename(at("link"), at("x"))
		os.WriteFile(at("file"), []byte("plain"), 0o644)
		os.Rename(at("file"), at("x"))
	})()
	top := serve(t, dir).(root)
	for opened := 0; opened < 2000 && !t.Failed(); {
		if f, err := top.Walk(bg, "x"); err == nil {
			for _, mode := range []p9.Mode{p9.OREAD, p9.OWRITE | p9.OTRUNC} {
				h, err := f.(srv.Opener).Open(bg, mode)
				if err != nil {
					continue
				}
				opened++
				b := make([]byte, 10)
				if n, _ := h.(srv.Reader).Read(bg, b, 0); string(b[:n]) == "secret" {
					t.Error("a link was followed when it was opened")
				}
				h.(srv.Clunker).Clunk()
			}
			f.(srv.Clunker).Clunk()
		}
		if f, h, err := top.Create(bg, "x", 0o644, p9.OWRITE|p9.OTRUNC); err == nil {
			opened++
			f.(srv.Clunker).Clunk()
			h.(srv.Clunker).Clunk()
		}
		if b, err := os.ReadFile(at("secret")); err != nil || string(b) != "secret" {
			t.Errorf("what a link leads to was emptied: %q, %v", b, err)
			put("secret", "secret")
		}
	}
}

// TestSwapDir: nor is a directory entered by a link that has taken its name.
func TestSwapDir(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"hidden", "d"} {
		if err := os.Mkdir(at(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("hidden/secret"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	defer always(func() {
		os.Rename(at("d"), at("aside"))
		os.Symlink("hidden", at("d"))
		os.Remove(at("d"))
		os.Rename(at("aside"), at("d"))
	})()
	top := serve(t, dir).(root)
	for entered := 0; entered < 2000 && !t.Failed(); {
		f, err := top.Walk(bg, "d")
		if err != nil {
			continue
		}
		if f.(*node).own != nil {
			entered++
			if s, err := f.(srv.Walker).Walk(bg, "secret"); err == nil {
				s.(srv.Clunker).Clunk()
				t.Error("a link was followed in a walk")
			}
		}
		f.(srv.Clunker).Clunk()
	}
}

// always does something again and again beside the test, until end is called.
func always(do func()) (end func()) {
	over := make(chan struct{})
	var doing sync.WaitGroup
	doing.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				do()
			}
		}
	})
	return func() {
		close(over)
		doing.Wait()
	}
}
