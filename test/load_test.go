package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLoad has random operations on a file (test/fsx), checked one by one, and dbench,
// a load of many files, in each kind of place that files are in: seconds each, or an
// hour with $NINE_LONG (a duration there is taken: NINE_LONG=15m). As many are at once as
// -parallel says, of 14; the others begin when these end, and dbench takes a fifth longer, to
// warm up. What it comes to beside the disk itself is told with -v.
func TestLoad(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	d := 3 * time.Second
	if long := os.Getenv("NINE_LONG"); long != "" {
		d = time.Hour
		if l, err := time.ParseDuration(long); err == nil {
			d = l
		}
	}
	nine, dir := binary(t), tempDir(t)
	os.Chmod(dir, 0o755)
	fsx := filepath.Join(dir, "fsx")
	if out, err := exec.Command("go", "build", "-o", fsx, "ninespace/test/fsx").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	lines, files := filepath.Join(dir, "nsfile"), filepath.Join(dir, "served")
	err := os.WriteFile(lines, []byte("-mount -c #s/disk /n/d\n-mount -c #s/ram /n/r\n-mount -c -C #s/disk /n/k\n"), 0o644)
	for _, f := range []string{"served", "served/kept", "plain", "graft", "engine", "user"} {
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, f), 0o777)
			os.Chmod(filepath.Join(dir, f), 0o777)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NAMESPACE="+dir, "HOME="+dir, "NINE_USERNS=", "GORACE=atexit_sleep_ms=0")
	for _, s := range [][]string{{"diskfs", "-s", "disk", files}, {"ramfs", "-s", "ram"}} {
		server := exec.Command(nine, s...)
		server.Env, server.Stderr = env, os.Stderr
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			server.Process.Signal(syscall.SIGTERM)
			server.Wait()
		})
		waitSocket(t, filepath.Join(dir, s[2]))
	}
	ns := nine + " newns -n " + lines + " "
	served := nine + " newns -N -n " + lines + " "
	for _, place := range []struct{ name, enter, at, outside string }{
		{"disk", "", dir + "/plain", ""},
		{"graft", ns, dir + "/graft", ""},
		{"nograft", served, dir + "/engine", ""},
		{"diskfs", ns, "/n/d", files},
		{"kept", ns, "/n/k/kept", ""},
		{"ramfs", ns, "/n/r", ""},
		{"user", "user " + served, dir + "/user", ""},
	} {
		enter := strings.Fields(place.enter)
		if len(enter) > 0 && enter[0] == "user" {
			if os.Geteuid() != 0 {
				continue // as all the others are then
			}
			enter = append(asUser(t, dir), enter[1:]...)
		}
		run := func(t *testing.T, args ...string) string {
			t.Helper()
			args = append(enter[:len(enter):len(enter)], args...)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return string(out)
		}
		t.Run("fsx/"+place.name, func(t *testing.T) {
			t.Parallel()
			args := []string{fsx, "-time", d.String()}
			if place.outside != "" {
				args = append(args, "-other", filepath.Join(place.outside, "fsx"))
			}
			t.Log(run(t, append(args, filepath.Join(place.at, "fsx"))...))
		})
		t.Run("dbench/"+place.name, func(t *testing.T) {
			const load = "/usr/share/dbench/client.txt"
			if _, err := os.Stat(load); err != nil {
				t.Skip(err)
			}
			t.Parallel()
			out := run(t, "dbench", "-x", "-c", load, "-D", place.at, "-t", fmt.Sprint(int(d.Seconds())), "2")
			if regexp.MustCompile(`(?m)^\s*\[\d+\].*failed`).MatchString(out) {
				t.Error(out)
			}
			t.Log(regexp.MustCompile(`(?m)^Throughput.*`).FindString(out))
		})
	}
}

// asUser gives what root runs a command by as another user, who may use FUSE: the machine's /dev/fuse may
// be root's alone. That in dir is not.
func asUser(t *testing.T, dir string) []string {
	t.Helper()
	fuse := filepath.Join(dir, "fuse")
	if err := unix.Mknod(fuse, unix.S_IFCHR, 10<<8|229); err != nil && err != unix.EEXIST {
		t.Fatal(err)
	}
	if err := os.Chmod(fuse, 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{"unshare", "-m", "sh", "-ec", `
		mount --make-rprivate /; mount --bind "$0" /dev/fuse
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`, fuse}
}
