package initramfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommands has commands of an archive as u-root makes them come along, under the names
// that are free, and none for another machine.
func TestCommands(t *testing.T) {
	nine, arm := program(t, "amd64"), program(t, "arm64")
	archive := func(bb string) string {
		var b bytes.Buffer
		a := NewArchive(&b)
		a.Copy("bbin/bb", 0o755, bb)
		for _, name := range []string{"cat", "ls", "init", "rc"} {
			a.Link("bbin/"+name, "bb")
		}
		a.Link("bbin/out", "../etc/passwd")
		a.File("etc/passwd", 0o644, "other\n")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "commands.cpio")
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var b strings.Builder
	if err := List(&b, Config{Nine: nine, Arch: "amd64", Commands: archive(nine)}); err != nil {
		t.Fatal(err)
	}
	for line, there := range map[string]bool{"-rwxr-xr-x bin/bb\n": true, "bin/cat -> bb\n": true, "bin/ls -> bb\n": true, "bin/rc -> nine\n": true,
		"bin/init": false, "bin/out": false, "bbin": false} {
		if strings.Contains(b.String(), line) != there {
			t.Errorf("%q is %v in\n%s", line, !there, &b)
		}
	}
	for file, want := range map[string]string{archive(arm): "none for amd64", nine: "malformed cpio archive", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if err := List(&b, Config{Nine: nine, Arch: "amd64", Commands: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", file, err, want)
		}
	}
}

// FuzzReadArchive: whatever an archive has, its reader ends and stays in it.
func FuzzReadArchive(f *testing.F) {
	var b bytes.Buffer
	a := NewArchive(&b)
	a.Link("bbin/ls", "bb")
	a.Close()
	f.Add(b.Bytes())
	f.Add(bytes.Replace(b.Bytes(), []byte("00000002"), []byte("FFFFFFFF"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := readArchive(b, func(string, fs.FileMode, []byte) error { return nil })
		if err != nil && !errors.Is(err, errArchive) {
			t.Error(err)
		}
	})
}

// TestSameCommands has commands built twice, for each kind of machine: they are the same bytes.
func TestSameCommands(t *testing.T) {
	if os.Getenv("NINE_LONG") == "" {
		t.Skip("takes minutes: NINE_LONG")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		var first []byte
		for i := range 2 {
			file := filepath.Join(t.TempDir(), "commands.cpio")
			if err := MakeCommands(t.Context(), file, arch, "true", "echo"); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && !bytes.Equal(b, first) {
				t.Errorf("%s: the second time they are others", arch)
			}
			first = b
		}
	}
}
