package initramfs

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program builds a small static program for arch, which stands for nine.
func program(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	src, file := filepath.Join(dir, "main.go"), filepath.Join(dir, "nine")
	if err := os.WriteFile(src, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", file, src)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// tree makes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWrite unpacks an image with cpio(1) and looks at what is in it.
func TestWrite(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio (Debian: cpio)")
	}
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPOYZMw0pWpajyZUHi7JOyMYiWqdRFD8ajSgOfyS6J9v"
	extra := tree(t, map[string]string{"a/b": "one", "a/c": "two"})
	if err := os.Symlink("b", filepath.Join(extra, "a/link")); err != nil {
		t.Fatal(err)
	}
	c := Config{Nine: program(t, "amd64"), Arch: "amd64", NS: "bind /a /b\n", Keys: key + " glenda@burrow\n",
		Files: []Extra{{extra + "/a", "/opt/a"}, {extra + "/a/b", "/etc/hosts"}}}
	var b, again bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	if err := Write(&again, c); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("another image has other bytes: %v", err)
	}
	dir := t.TempDir()
	cmd := exec.Command(cpio, "-i", "--quiet", "--no-absolute-filenames")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(b.Bytes())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	for name, want := range map[string]string{"lib/namespace": c.NS, "etc/ninespace/users": "SHA256:ONVWlXym4YYbBDeLUewcyr5sqUGdntwjUi9RK5CYue8 root # glenda@burrow\n", "opt/a/c": "two", "opt/a/link": "one", "etc/hosts": "one"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || err != nil {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"init": "bin/nine", "bin/rc": "nine"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); got != want {
			t.Errorf("%s leads to %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"root": "drwx------", "etc/ninespace/users": "-rw-r--r--", "tmp": "dtrwxrwxrwx", "bin/nine": "-rwxr-xr-x"} {
		if fi, err := os.Lstat(filepath.Join(dir, name)); err != nil || fi.Mode().String() != want {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	var list strings.Builder
	if err := List(&list, c); err != nil || !strings.Contains(list.String(), "init -> bin/nine\n") {
		t.Errorf("the list: %v\n%s", err, &list)
	}
}

// TestCreate has images compressed, and what fails leave nothing behind.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	c := Config{Nine: program(t, "arm64"), Arch: "arm64"}
	for ext, unpack := range map[string]string{".zst": "zstd", ".gz": "gzip", ".cpio": ""} {
		file := filepath.Join(dir, "image"+ext)
		if unpack != "" {
			if _, err := exec.LookPath(unpack); err != nil {
				t.Errorf("no %s", unpack)
				continue
			}
		}
		if err := Create(file, c); err != nil {
			t.Errorf("%s: %v", ext, err)
			continue
		}
		var whole bytes.Buffer
		if err := Write(&whole, c); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if unpack != "" {
			got, err = exec.Command(unpack, "-dc", file).Output()
		}
		if err != nil || !bytes.Equal(got, whole.Bytes()) {
			t.Errorf("%s: %d bytes of %d, %v", ext, len(got), whole.Len(), err)
		}
		c.Files = []Extra{{"/nothing/there", "/a"}}
		if err := Create(file, c); err == nil {
			t.Errorf("%s: an image of a file that is not there", ext)
		}
		c.Files = nil
		if now, err := os.ReadFile(file); err != nil || len(now) == 0 {
			t.Errorf("%s: the image that was there is gone: %v", ext, err)
		}
	}
	if ents, _ := os.ReadDir(dir); len(ents) != 3 {
		t.Errorf("left: %v", ents)
	}
}

// TestRefused has what cannot be in an image said.
func TestRefused(t *testing.T) {
	good := Config{Nine: program(t, "amd64"), Arch: "amd64"}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := elf.Open(sh); err != nil || f.Machine != elf.EM_X86_64 {
		t.Skip("sh is no program for amd64 with shared libraries")
	}
	dir := tree(t, map[string]string{"x": "", "no/modules": ""})
	for want, change := range map[string]func(c *Config){
		"architecture mips":         func(c *Config) { c.Arch = "mips" },
		"is no program for arm64":   func(c *Config) { c.Arch = "arm64" },
		"needs shared libraries":    func(c *Config) { c.Nine = sh },
		"no kernel modules":         func(c *Config) { c.Modules = dir },
		"no directory of modules":   func(c *Config) { c.Load = []string{"fuse"} },
		"bin/nine/x: ":              func(c *Config) { c.Files = []Extra{{dir + "/x", "/bin/nine/x"}} },
		"opt/x: twice in the image": func(c *Config) { c.Files = []Extra{{dir + "/x", "/opt/x"}, {dir + "/x", "/opt/x"}} },
		"not a type and a key":      func(c *Config) { c.Keys = "restrict\n" },
		"key \"no-pty ssh-ed25519":  func(c *Config) { c.Keys = "no-pty ssh-ed25519 AAAA\n" },
		"neither a file":            func(c *Config) { c.Files = []Extra{{"/dev/null", "/x"}} },
	} {
		c := good
		change(&c)
		if err := Write(&bytes.Buffer{}, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, have %v", want, err)
		}
	}
	for _, bad := range []string{"", ":", "a:b", "a:", "a:/", ":/b"} {
		if x, err := ParseExtra(bad); err == nil {
			t.Errorf("%q is %v", bad, x)
		}
	}
}

// TestIndex has a module's line read back.
func TestIndex(t *testing.T) {
	for _, m := range []*Module{{Name: "a"}, {Name: "b", Needs: []string{"a", "c"}}, {Name: "c", Aliases: []string{"pci:v1*", "fs-9p"}}, {Name: "d", Needs: []string{"for"}, Aliases: []string{"needs"}}} {
		got := parseModule(m.String())
		if got == nil || got.String() != m.String() {
			t.Errorf("%v is read as %v", m, got)
		}
	}
	for _, bad := range []string{"", "a", "a needs", "a for", "needs for", "x a needs b for"} {
		if m := parseModule(bad); m != nil {
			t.Errorf("%q is read as %v", bad, m)
		}
	}
}
