package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// made is a release for this machine, made once from this tree and once from a copy of
// it elsewhere.
var made = sync.OnceValues(func() (dirs [2]string, err error) {
	place, err := os.MkdirTemp("", "9r.")
	if err != nil {
		return dirs, err
	}
	cleanup = func() { os.RemoveAll(place) }
	root, err := filepath.Abs("../..")
	if err != nil {
		return dirs, err
	}
	elsewhere := filepath.Join(place, "elsewhere", "tree")
	if err := copyTree(elsewhere, root); err != nil {
		return dirs, err
	}
	for i, from := range []string{root, elsewhere} {
		dirs[i] = filepath.Join(place, "made", string(rune('a'+i)))
		cmd := exec.Command("go", "run", "./test/release", "-o", dirs[i], "-only", runtime.GOOS+"/"+runtime.GOARCH)
		cmd.Dir = from
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return dirs, err
		}
	}
	return dirs, nil
})

var cleanup = func() {}

func TestMain(m *testing.M) {
	status := m.Run()
	cleanup()
	os.Exit(status)
}

// copyTree copies the files that builds read.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o777)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o666)
	})
}

// one gives the only file of a release that matches.
func one(t *testing.T, pattern string) string {
	t.Helper()
	dirs, err := made()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dirs[0], pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q %v", pattern, found, err)
	}
	return found[0]
}

// TestSameBytes wants the same release of the same sources, wherever they are.
func TestSameBytes(t *testing.T) {
	dirs, err := made()
	if err != nil {
		t.Fatal(err)
	}
	ents, err := os.ReadDir(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(ents) != 4 {
		t.Errorf("%d files, not a binary, what it is made of, a package and the sums", len(ents))
	}
	for _, e := range ents {
		a, err := os.ReadFile(filepath.Join(dirs[0], e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dirs[1], e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: differs when made elsewhere", e.Name())
		}
	}
	cmd := exec.Command("sha256sum", "-c", "--quiet", "SHA256SUMS")
	cmd.Dir = dirs[1]
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

// TestBinary wants the binary to be static and no more than 20 MB.
func TestBinary(t *testing.T) {
	nine := one(t, "nine-*-"+runtime.GOARCH)
	st, err := os.Stat(nine)
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > 20e6 {
		t.Errorf("%d bytes", st.Size())
	}
	t.Logf("%.1f MB", float64(st.Size())/1e6)
	if out, err := exec.Command(nine, "version").Output(); err != nil || !strings.HasPrefix(string(out), "nine 0.1 ") {
		t.Errorf("nine version: %v %s", err, out)
	}
	f, err := elf.Open(nine)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has %v", p.Type)
		}
	}
}

// TestSBOM wants every module that go version -m shows, and nothing else but Go.
func TestSBOM(t *testing.T) {
	text, err := os.ReadFile(one(t, "*.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "version", "-m", one(t, "nine-*-"+runtime.GOARCH)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); f[0] == "dep" {
			want = append(want, "pkg:golang/"+f[1]+"@"+f[2])
		}
	}
	for _, c := range b.Components[1:] {
		got = append(got, c.PURL)
	}
	if !slices.Equal(got, want) || b.Components[0].Name != "std" {
		t.Errorf("%q, want std and %q", got, want)
	}
}

// tool runs a program, or skips where it is not.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "XDG_RUNTIME_DIR="+t.TempDir(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// TestInstall has dpkg install the package into an empty root and take it away again,
// whereafter nothing is left.
func TestInstall(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("dpkg installs as root only")
	}
	root := t.TempDir()
	for _, dir := range []string{"updates", "info"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dpkg := func(args ...string) {
		tool(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--log=/dev/null"}, args...)...)
	}
	dpkg("-i", one(t, "*.deb"))
	nine := filepath.Join(root, "usr/bin/nine")
	if out, err := exec.Command(nine, "help").Output(); err != nil || !bytes.Contains(out, []byte("namespace")) {
		t.Errorf("the installed nine: %v\n%s", err, out)
	}
	if out := tool(t, "dpkg", "--root="+root, "-V", "ninespace"); out != "" {
		t.Errorf("dpkg -V: %s", out)
	}
	if err := os.MkdirAll(filepath.Join(root, "run/nine-glenda"), 0o700); err != nil { // as the unit does
		t.Fatal(err)
	}
	dpkg("-P", "ninespace")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err == nil && !d.IsDir() && !strings.HasPrefix(rel, "var/lib/dpkg/") || strings.HasPrefix(rel, "usr/") || strings.HasPrefix(rel, "run/") {
			t.Errorf("left behind: %s", rel)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLintian(t *testing.T) {
	if out := tool(t, "lintian", "--allow-root", "--fail-on", "error,warning", one(t, "*.deb")); out != "" {
		t.Error(out)
	}
}

// TestUnits has systemd read the units, and say that little is open to those of factotum.
func TestUnits(t *testing.T) {
	nine := one(t, "nine-*-"+runtime.GOARCH)
	for _, unit := range []struct {
		file, as string
		user     bool
	}{
		{"user/nine-cpud.service", "nine-cpud.service", true},
		{"user/nine-factotum.service", "nine-factotum.service", true},
		{"system/nine-cpud.service", "nine-cpud.service", false},
		{"system/nine-factotum@.service", "nine-factotum@root.service", false},
	} {
		t.Run(unit.file, func(t *testing.T) {
			text, err := os.ReadFile("debian/" + unit.file)
			if err != nil {
				t.Fatal(err)
			}
			text = bytes.ReplaceAll(text, []byte("/usr/bin/nine"), []byte(nine))
			dir := t.TempDir()
			file := filepath.Join(dir, unit.as)
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			scope := "--system"
			if unit.user {
				scope = "--user"
			}
			if out := tool(t, "systemd-analyze", scope, "--man=no", "--recursive-errors=no", "verify", file); out != "" {
				t.Error(out)
			}
			if unit.as == "nine-factotum@root.service" {
				tool(t, "systemd-analyze", "--no-pager", "security", "--offline=true", "--threshold=30", file)
			}
		})
	}
}
