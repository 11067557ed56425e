package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrograms has unmodified programs do their work in name spaces, in the places
// that files are in: a host's directory that is grafted, one that the engine serves,
// and one that is mounted from diskfs, also with -C; and where root tests, in the first two of
// another user's. Each is a shell script in testdata/programs that fails if anything is not as
// it should be.
func TestPrograms(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	scripts, err := filepath.Glob("testdata/programs/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	nine, dir := binary(t), tempDir(t)
	lines, theirs := filepath.Join(dir, "nsfile"), filepath.Join(dir, "theirs")
	err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(lines, []byte("mount -c #s/disk /n/d\nmount -c -C #s/disk /n/k\n"), 0o644),
		os.Mkdir(theirs, 0), os.Chmod(theirs, 0o777))
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NAMESPACE="+dir, "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0")
	startDisk(t, nine, dir, filepath.Join(dir, "served"), env)
	for _, place := range []struct {
		name, dir string
		user      bool
		newns     []string
	}{
		{"graft", filepath.Join(dir, "graft"), false, []string{"-n", lines}},
		{"nograft", filepath.Join(dir, "nograft"), false, []string{"-N", "-n", lines}},
		{"diskfs", "/n/d/plain", false, []string{"-n", lines}},
		{"kept", "/n/k/kept", false, []string{"-n", lines}},
		{"user", filepath.Join(theirs, "graft"), true, nil},
		{"user,nograft", filepath.Join(theirs, "nograft"), true, []string{"-N"}},
	} {
		env, enter := env, []string{}
		if place.user {
			if os.Geteuid() != 0 {
				continue // as all the others are then
			}
			env, enter = append(env[:len(env):len(env)], "NINE_USERNS=", "HOME="+theirs, "TMPDIR="+theirs), asUser(t, dir)
		}
		for _, s := range scripts {
			name := strings.TrimSuffix(filepath.Base(s), ".sh")
			t.Run(place.name+"/"+name, func(t *testing.T) {
				script := needs(t, s)
				t.Parallel()
				args := slices.Concat(enter, []string{nine, "newns"}, place.newns,
					[]string{"sh", "-euc", `mkdir -p "$0"; cd "$0"; printf %s "$1" >../"${0##*/}".sh; sh -eu ../"${0##*/}".sh; cd ..; rm -rf "$0"*`, filepath.Join(place.dir, name), script})
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Env = env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// needs gives the text of a script, or skips a test whose script's first line, "# program, program and
// program: ...", names one that is not there.
func needs(t *testing.T, script string) string {
	t.Helper()
	b, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	names, _, _ := strings.Cut(strings.TrimPrefix(string(b), "# "), ":")
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ' ' || r == ',' }) {
		if name == "and" {
			continue
		}
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	return string(b)
}
