package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ninespace/srv/srvtest"
)

// TestScripts runs testdata/*.txt, each a txtar archive: the comment is the
// script, the files are where it starts. What scripts may say is in the
// documentation of [testscript]; what ours may say besides is in conditions
// and verbs below. A script's background programs end with it.
func TestScripts(t *testing.T) {
	nine, bin, work := binary(t), tempDir(t), tempDir(t)
	if err := os.Symlink(nine, filepath.Join(bin, "nine")); err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../rc/lib/examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		WorkdirRoot:         work, // ours to remove, as testscript would do it through mounts
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Cmds:                verbs,
		Deadline:            time.Now().Add(12 * time.Minute), // one that hangs shows where before all tests are out of time
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+os.Getenv("PATH")+":/usr/sbin")
			env.Setenv("NINE", nine)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("USER", "glenda")
			env.Setenv("cpuidle", "0") // nothing is kept after a script
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("NAMESPACE", filepath.Join(env.WorkDir, "ns"))
			return errors.Join(
				os.Mkdir(env.Getenv("HOME"), 0o700),
				os.Mkdir(env.Getenv("NAMESPACE"), 0o700),
			)
		},
	})
}

// condition tells what this machine has, for lines like
// "[!fuse] skip 'no /dev/fuse'".
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "fuse": // and a way to mount it
		f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err != nil {
			return false, nil
		}
		f.Close()
		_, err = exec.LookPath("fusermount3")
		return err == nil || os.Geteuid() == 0, nil
	case "diod":
		_, err := os.Stat("/usr/sbin/diod")
		return err == nil, nil
	}
	return false, errors.New("unknown condition")
}

var verbs = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// waitfile file ... waits until the files, or sockets, are there.
	"waitfile": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: waitfile file ...")
		}
		ctx, cancel := context.WithTimeout(context.Background(), srvtest.Patience)
		defer cancel()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for _, file := range args {
			for {
				if _, err := os.Stat(ts.MkAbs(file)); err == nil {
					break
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					ts.Fatalf("%s: not there after %v", file, srvtest.Patience)
				}
			}
		}
	},

	// exits status program [arg ...] is exec for an exact exit status.
	"exits": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: exits status program [arg ...]")
		}
		want, err := strconv.Atoi(args[0])
		ts.Check(err)
		got, exit := 0, (*exec.ExitError)(nil)
		if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
			got = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		if got != want {
			ts.Fatalf("exit status %d, want %d", got, want)
		}
	},
}

// TestSkipsHaveReasons holds scripts to saying why they skip.
func TestSkipsHaveReasons(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	bare := regexp.MustCompile(`(?m)^\s*(\[[^]]*\]\s*)*skip\s*(#.*)?$`)
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if line := bare.Find(text); line != nil {
			t.Errorf("%s: %q gives no reason", script, line)
		}
	}
}

// binary returns the path of the built binary: that of $NINE, which go run
// ./test sets, or one built here, once.
func binary(t *testing.T) string {
	t.Helper()
	if nine := os.Getenv("NINE"); nine != "" {
		return nine
	}
	nine, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return nine
}

// built is where build put the binary; TestMain removes it.
var built string

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "9b.")
	if err != nil {
		return "", err
	}
	built = dir
	nine := filepath.Join(dir, "nine")
	if out, err := exec.Command("env", "CGO_ENABLED=0", "go", "build", "-o", nine, "ninespace").CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return nine, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// tempDir is t.TempDir for what may have mounts in it, and with a short name.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeTree(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
