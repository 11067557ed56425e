package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lockPrograms add 1 to a number, one take a line, under a lock that only one may have, by
// programs as they are used. inc is for those that replace the file.
var lockPrograms = []struct{ name, take string }{
	{"dotlockfile", `until dotlockfile -r 0 -p lock; do :; done; inc; dotlockfile -u lock`},
	{"lockfile", `until lockfile -r0 lock; do :; done; inc; rm -f lock`},
	{"mkdir", `until mkdir lock; do :; done; inc; rmdir lock`},
	{"flock", `flock lock sh -c 'read n <n; echo $((n + 1)) >n'`},
	{"git", `until git -C repo commit -q --allow-empty -m $i; do :; done`},
}

// TestLockFiles has two nodes count together, by locks that are files and by flock(1): nobody's
// number is lost. With NINE_LONG they count to 10,000.
func TestLockFiles(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	n := 20
	if os.Getenv("NINE_LONG") != "" {
		n = 5000
	}
	for _, p := range lockPrograms {
		t.Run(p.name, func(t *testing.T) {
			if _, err := exec.LookPath(p.name); err != nil {
				t.Skip(err)
			}
			files, node := diskNodes(t, [2]string{})
			err := os.WriteFile(filepath.Join(files, "n"), []byte("0\n"), 0o644)
			if p.name == "git" && err == nil {
				err = exec.Command("git", "init", "-q", filepath.Join(files, "repo")).Run()
			}
			if err != nil {
				t.Fatal(err)
			}
			var nodes [2]*exec.Cmd
			for i := range nodes {
				nodes[i] = node(i, fmt.Sprintf(`git config --global user.name x; git config --global user.email x@y
					inc() { read n <n; echo $((n + 1)) >new; mv new n; }
					for i in $(seq %d); do %s; done 2>/dev/null`, n, p.take))
				nodes[i].Env = append(nodes[i].Env, "HOME="+t.TempDir())
				nodes[i].Stderr = os.Stderr
				if err := nodes[i].Start(); err != nil {
					t.Fatal(err)
				}
			}
			for _, cmd := range nodes {
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
			}
			count := exec.Command("cat", filepath.Join(files, "n"))
			if p.name == "git" {
				count = exec.Command("git", "-C", filepath.Join(files, "repo"), "rev-list", "--count", "HEAD")
			}
			if got, err := count.Output(); err != nil || strings.TrimSpace(string(got)) != fmt.Sprint(2*n) {
				t.Errorf("counted to %s, not %d: %v", got, 2*n, err)
			}
		})
	}
}
