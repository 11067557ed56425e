package rc

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"ninespace/srv/srvtest"
)

// The test binary is rc itself when it is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "hanging" {
		hanging()
	}
	if filepath.Base(os.Args[0]) == "rc" {
		std := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
		if err := Main(context.Background(), std, os.Args[1:]); err != nil {
			os.Stderr.WriteString("rc: " + err.Error() + "\n")
			os.Exit(2)
		}
		os.Exit(0)
	}
	if race { // each rc would wait a second at its end
		os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	}
	srvtest.Heed()
	os.Exit(m.Run())
}

// shell gives a file that is rc.
func shell(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "rc")
	if err := os.Symlink(exe, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// plan9 gives Plan 9's own rc, as Debian has it.
func plan9(t *testing.T) string {
	t.Helper()
	const name = "/usr/lib/plan9/bin/rc"
	if _, err := os.Stat(name); err != nil {
		t.Skip("Debian's 9base is not there: ", err)
	}
	return name
}
