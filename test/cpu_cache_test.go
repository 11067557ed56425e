package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCpuCache: the far side keeps what it knows of the caller's tree, and yet a command sees
// what was done here before it began, and what it does is done when it has ended.
func TestCpuCache(t *testing.T) {
	f := newFleet(t)
	f.serve()
	f.env = append(f.env, "cpuidle=1m") // all by one connection, and one engine
	dir := filepath.Join(f.dir, "shared")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o777)
	far := func(script, want string) {
		t.Helper()
		out, errs, code := f.cpu("-d", "/mnt/term"+dir, "sh", "-c", script)
		if out != want || errs != "" || code != 0 {
			t.Errorf("%s: %q, %q, %d, not %q", script, out, errs, code, want)
		}
	}
	far("ls -l; ! test -e f", "total 0\n")
	for i := range 10 {
		f.write("shared/f", fmt.Sprintln(i))
		far("cat f; ls", fmt.Sprintf("%d\n", i)+strings.Join(f.names(dir), "\n")+"\n")
		f.write(fmt.Sprintf("shared/new%d", i), "new")
		far(fmt.Sprintf("ls; cat new%d; mv new%d moved%d; echo far >>f", i, i, i), strings.Join(f.names(dir), "\n")+"\nnew")
		if got, want := f.read("shared/f"), fmt.Sprintf("%d\nfar\n", i); got != want {
			t.Errorf("here it is %q, not %q", got, want)
		}
		if f.read(fmt.Sprintf("shared/moved%d", i)) != "new" {
			t.Error("it was not moved")
		}
		if err := os.Remove(filepath.Join(dir, fmt.Sprintf("moved%d", i))); err != nil {
			t.Error(err)
		}
		far(fmt.Sprintf("! test -e moved%d && stat -c %%s f", i), "6\n")
	}
}

// names gives the names in a directory of this machine.
func (f *fleet) names(dir string) (names []string) {
	ents, err := os.ReadDir(dir)
	if err != nil {
		f.Error(err)
	}
	for _, e := range ents {
		names = append(names, e.Name())
	}
	return names
}

// TestCpuCacheCut: a command that runs on sees what is done here meanwhile, by a link that is
// cut again and again.
func TestCpuCacheCut(t *testing.T) {
	f := newFleet(t)
	f.serve()
	c := newCutter(t, "127.0.0.1:"+f.port, 100<<10)
	_, port, _ := net.SplitHostPort(c.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	noise := make([]byte, 32<<10)
	f.write("f", "")
	cmd := f.command("cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "-d", "/mnt/term"+f.dir, "sh", "-c",
		`while read want; do until test "$(cat f)" = "$want"; do sleep .01; done; cat noise >/dev/null; echo $want; done`)
	cmd.Stderr = os.Stderr
	in, out := piped(t, cmd)
	lines := bufio.NewReader(out)
	for i := range 40 {
		rand.Read(noise)
		f.write("noise", string(noise))
		want := fmt.Sprintln(i)
		f.write("f", want)
		io.WriteString(in, want)
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Fatalf("%q, %v, not %q", got, err, want)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if n := c.cuts.Load(); n < 5 {
		t.Errorf("only %d cuts", n)
	}
}

// TestCpuCacheNodes has a command at two nodes play with one file of the caller's: each waits
// for what the other has written.
func TestCpuCacheNodes(t *testing.T) {
	f := newFleet(t)
	f.serve()
	dir := filepath.Join(f.dir, "shared")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o777)
	f.write("shared/ball", "0")
	os.Chmod(filepath.Join(dir, "ball"), 0o666)
	out, errs, code := f.cpu("-h", f.addr+","+f.addr, "-d", "/mnt/term"+dir, "sh", "-c", `
		me=0; mkdir first 2>/dev/null || me=1
		i=0
		while test $i -lt 40; do
			ball=$(cat ball)
			if test -n "$ball" && test $((ball%2)) = $me; then
				i=$((i+2))
				echo $((ball+1)) >ball
			else
				sleep .005
			fi
		done`)
	if code != 0 || errs != "" || f.read("shared/ball") != "40\n" {
		t.Errorf("%d %s%s: the ball was played %s", code, out, errs, f.read("shared/ball"))
	}
}
