package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSqliteNodes has two nodes use one data base, each by one process that keeps it open, in
// each way that they may have mounted it: 20 changes each, or with NINE_LONG 5,000.
func TestSqliteNodes(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse")
	}
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip(err)
	}
	for _, flags := range [][2]string{{"-C", "-C"}, {"-C", ""}, {"", ""}} {
		t.Run(fmt.Sprintf("%q", flags), func(t *testing.T) {
			_, node := diskNodes(t, flags)
			testSqliteNodes(t, node)
		})
	}
}

// startDisk makes a directory and has a diskfs serve it as disk in dir.
func startDisk(t *testing.T, nine, dir, files string, env []string) {
	t.Helper()
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(nine, "diskfs", "-s", "disk", files)
	server.Env, server.Stderr = env, os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	})
	waitSocket(t, filepath.Join(dir, "disk"))
}

// diskNodes has two nodes mount one directory, each with an engine of its own and its flags for
// mount. node makes a shell there that does a script.
func diskNodes(t *testing.T, flags [2]string) (files string, node func(i int, script string) *exec.Cmd) {
	t.Helper()
	nine, dir := binary(t), tempDir(t)
	files = filepath.Join(dir, "served")
	env := append(os.Environ(), "NAMESPACE="+dir, "HOME="+dir, "GORACE=atexit_sleep_ms=0")
	startDisk(t, nine, dir, files, env)
	return files, func(i int, script string) *exec.Cmd {
		own := filepath.Join(dir, fmt.Sprint("node", i))
		if err := os.MkdirAll(own, 0o700); err != nil {
			t.Fatal(err)
		}
		lines := filepath.Join(own, "lines")
		if err := os.WriteFile(lines, []byte("mount -c "+flags[i]+" unix!"+dir+"/disk /n/d\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(nine, "newns", "-n", lines, "sh", "-c", "cd /n/d && "+script)
		cmd.Env = append(env[:len(env):len(env)], "NAMESPACE="+own)
		return cmd
	}
}

func testSqliteNodes(t *testing.T, node func(i int, script string) *exec.Cmd) {
	out, err := node(0, `sqlite3 db "create table t(who, n, b); create index i on t(b); create table c(n); insert into c values(0)"`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 20
	if os.Getenv("NINE_LONG") != "" {
		n = 5000
	}
	var writers [2]*exec.Cmd
	for i := range writers {
		writers[i] = node(i, fmt.Sprintf(`for i in $(seq %d); do
			echo "begin immediate; insert into t values(%d, $i, hex(randomblob(200))); update c set n = n + 1; commit; 
				select count(*) from (select b from t order by b desc limit 50);"
		done | sqlite3 -cmd '.timeout 60000' db >/dev/null`, n, i))
		writers[i].Stderr = os.Stderr
		if err := writers[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writers {
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
	}
	for i := range writers {
		got, err := node(i, `sqlite3 db "select n from c; select count(*) from t; pragma integrity_check"`).CombinedOutput()
		if want := fmt.Sprintf("%d\n%d\nok\n", 2*n, 2*n); err != nil || string(got) != want {
			t.Errorf("node %d: %q, %v, not %q", i, got, err, want)
		}
	}
}
