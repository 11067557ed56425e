package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUpVM types the tutorial, doc/diskless.md: up starts two nodes in qemu, which cpu reaches and whose roots
// are in the name space. With NINE_LONG it is three, of which one is killed: the others go on, and it comes
// back under its name, with its root where that was.
func TestUpVM(t *testing.T) {
	vmPrograms(t)
	g := newGuests(t, 10*time.Minute)
	for _, name := range []string{"try", "news"} {
		if err := copyFile("testdata/vm/"+name, filepath.Join(g.home, name)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.ReadFile("testdata/vm/out")
	if err != nil {
		t.Fatal(err)
	}
	script, n, want := "sh -e ./try", "2", string(out)
	if os.Getenv("NINE_LONG") != "" {
		script += `
each() { for vm; do cpu -h $vm rc -c 'nine 9p read dev/sysname; echo'; cat /n/$vm/proc/sys/kernel/hostname; done; }
each vm1 vm2 vm3
for p in /proc/[0-9]*; do case $(tr '\0' ' ' <$p/cmdline) in qemu*nine.name=vm2*) kill -9 ${p#/proc/};; esac; done
each vm1 vm3
until cpu -h vm2 rc -c 'nine 9p read dev/sysname; echo'; do sleep .2; done 2>/dev/null
until cat /n/vm2/proc/sys/kernel/hostname; do sleep .2; done 2>/dev/null
`
		n, want = "3", want+"vm1\nvm1\nvm2\nvm2\nvm3\nvm3\nvm1\nvm1\nvm3\nvm3\nvm2\nvm2\n"
	}
	cmd := g.ending("up", "-vm", n, "-c", script)
	cmd.Env = append(cmd.Env, "SHELL=/bin/sh", "NINE_VM=-a tcg -m 160 -k "+g.kernel.Image+" -M "+g.kernel.Modules)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begun := time.Now()
	got, err := cmd.Output()
	if string(got) != want || err != nil {
		t.Errorf("%v: %q, not %q\n%s", err, got, want, &stderr)
	}
	t.Logf("%s nodes: %.1f s", n, time.Since(begun).Seconds())
	if left := processes(g.nine); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
