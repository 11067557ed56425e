package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/srvtest"
)

// lockSteps are what processes in several places do, and what comes of it. ours and
// other are in name spaces of their own, each with an engine, which have mounted one
// server; host is outside, where the server has its files.
const lockSteps = `
ours: x = open f RDWR|CREAT 0644: ok
other: y = open f RDWR: ok
host: z = open f RDWR: ok
ours: lock x wr 0 10: ok
other: lock y wr 5 1: EAGAIN
other: lock y wr 10 5: ok
host: lock z wr 9 1: EAGAIN
host: lock z rd 14 1: EAGAIN
host: lock z rd 15 1: ok
ours: lock x wr 10 0: EAGAIN
other: & lockw y wr 5 1: under way
ours: lock x un 0 0: ok
other: wait: ok
ours: lock x wr 5 1: EAGAIN
ours: & lockw x wr 5 1: under way
other: close y: ok
ours: wait: ok
host: lock z un 0 0: ok
other: y = open f RDWR: ok
other: & lockw y rd 0 0: under way
ours: die: ok
other: wait: ok
other: lock y wr 0 0: ok
host: lock z wr 3 1: EAGAIN
ours: x = open f RDONLY: ok
ours: flock x ex: ok
other: flock y sh|nb: EAGAIN
other: & flock y ex: under way
ours: flock x unlock: ok
other: wait: ok
ours: flock x sh|nb: EAGAIN
ours: & flock x sh: under way
other: die: ok
ours: wait: ok
other: y = open f RDWR: ok
other: flock y sh|nb: ok
other: flock y ex|nb: EAGAIN
other: lock y wr 0 0: ok
other: & flock y ex: under way
other: die: ok
ours: flock x ex|nb: ok
ours: close x: ok
other: y = open f RDWR: ok
other: flock y ex|nb: ok
other: lock y wr 0 0: ok
`

// TestLocks has processes in two name spaces, and one outside, exclude each other.
func TestLocks(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	nine, dir := binary(t), tempDir(t)
	posix := filepath.Join(dir, "posix")
	if out, err := exec.Command("go", "build", "-o", posix, "ninespace/test/posix").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	env := append(os.Environ(), "NAMESPACE="+dir, "POSIX_AGENT=A", "GORACE=atexit_sleep_ms=0")
	lines := filepath.Join(dir, "nsfile")
	if err := os.WriteFile(lines, []byte("-mount -c #s/disk /n/d\n-mount -c #s/ram /n/r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(dir, "files")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, s := range [][]string{{"diskfs", "-s", "disk", disk}, {"ramfs", "-s", "ram"}} {
		cmd := exec.Command(nine, s...)
		cmd.Env, cmd.Stderr = env, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait()
		}()
		waitSocket(t, filepath.Join(dir, s[2]))
	}
	for _, place := range []struct{ name, inside, outside string }{
		{"diskfs", "/n/d", disk},
		{"ramfs", "/n/r", ""},
		{"nograft", disk, disk},
	} {
		t.Run(place.name, func(t *testing.T) {
			os.Remove(filepath.Join(disk, "f"))
			as := map[string]*lockActor{}
			defer func() {
				for _, a := range as {
					a.end()
				}
			}()
			for step := range strings.Lines(strings.TrimSpace(lockSteps)) {
				step = strings.TrimSpace(step)
				who, op, _ := strings.Cut(step, ": ")
				i := strings.LastIndex(op, ": ")
				op, want := op[:i], op[i+2:]
				host := who == "host"
				if host && place.outside == "" {
					continue
				}
				if op == "die" {
					as[who].end()
					delete(as, who)
					continue
				}
				if as[who] == nil {
					args, at := []string{posix}, place.outside
					if !host {
						args, at = []string{nine, "newns", "-n", lines, posix}, place.inside
						if place.name == "nograft" {
							args = append([]string{nine, "newns", "-N"}, args[2:]...)
						}
					}
					as[who] = startActor(t, env, args)
					if s := as[who].do("reset " + at); s != "ok" {
						t.Fatalf("%s: %s", who, s)
					}
				}
				// Who has died lets go of his locks when the kernel comes to it.
				var got string
				if !srvtest.Until(func() bool { got = as[who].do(op); return got == want || want != "ok" }) || got != want {
					t.Fatalf("%s: %s", step, got)
				}
			}
		})
	}
}

// A lockActor is a process that does operations of test/posix.
type lockActor struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startActor(t *testing.T, env, args []string) *lockActor {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	in, out := piped(t, cmd)
	return &lockActor{cmd, in, bufio.NewReader(out)}
}

func (a *lockActor) do(op string) string {
	begin, waits := strings.CutPrefix(op, "& ")
	if op != "wait" {
		io.WriteString(a.in, begin+"\n")
	}
	if waits {
		return "under way"
	}
	s, err := a.out.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(s, "\n")
}

func (a *lockActor) end() {
	a.cmd.Process.Kill()
	a.cmd.Wait()
}
