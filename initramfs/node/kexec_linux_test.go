package node

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/factotum/keytest"
	"ninespace/factotum/sshkey"
	"ninespace/initramfs/netboot"
	"ninespace/srv/srvtest"
)

// TestPrepare has what is to be booted checked before it is used.
func TestPrepare(t *testing.T) {
	srvtest.CheckFiles(t)
	dir := t.TempDir()
	file := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reset := func() {
		file("kernel", "a kernel")
		file("one", "first")
		file("two", "second")
	}
	reset()
	file("ndb", "class=a manifest=m kernel=kernel image=one image=two cmdline=quiet\n")
	good, other := keytest.New(t), keytest.New(t)
	trusted := []*sshkey.Public{&good.Public}
	sign := func(key *sshkey.Private) {
		t.Helper()
		if _, err := netboot.SignAll(filepath.Join(dir, "ndb"), dir, key); err != nil {
			t.Fatal(err)
		}
	}
	sign(good)
	manifest := filepath.Join(dir, "m")
	p, err := prepare(t.Context(), manifest, []string{"ip=off"}, trusted, 1)
	if err != nil {
		t.Fatal(err)
	}
	kernel, _ := io.ReadAll(io.NewSectionReader(p.kernel, 0, 100))
	image, _ := io.ReadAll(io.NewSectionReader(p.image, 0, 100))
	p.Close()
	if string(kernel) != "a kernel" || string(image) != "first\x00\x00\x00second" || !strings.HasPrefix(p.cmdline, "quiet ip=off nine.serial=1") {
		t.Errorf("%q, %q, %q", kernel, image, p.cmdline)
	}
	for _, c := range []struct {
		what   string
		change func()
		args   []string
		last   uint64
		want   error
	}{
		{"another signer", func() { sign(other) }, nil, 0, netboot.ErrSigner},
		{"an older one", func() {}, nil, 1 << 62, netboot.ErrReplay},
		{"another kernel", func() { file("kernel", "b kernel") }, nil, 0, netboot.ErrPart},
		{"a longer image", func() { file("two", "second!") }, nil, 0, netboot.ErrPart},
		{"a shorter image", func() { file("one", "firs") }, nil, 0, netboot.ErrPart},
		{"another command line", func() {}, []string{"init=/bin/sh"}, 0, netboot.ErrPart},
		{"no image", func() { os.Remove(filepath.Join(dir, "two")) }, nil, 0, os.ErrNotExist},
		{"no signature", func() { os.Remove(manifest + ".sig") }, nil, 0, os.ErrNotExist},
		{"no manifest", func() { os.Remove(manifest) }, nil, 0, os.ErrNotExist},
	} {
		reset()
		sign(good)
		c.change()
		if _, err := prepare(t.Context(), manifest, c.args, trusted, c.last); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
