package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/srvtest"
)

// TestClusterEnds ends nodes in each way that there is: nothing is left of any.
func TestClusterEnds(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse that may be mounted")
	}
	before := nodeMounts()
	for _, c := range []struct {
		name string
		end  func(up *exec.Cmd, dir string)
	}{
		{"exit", func(up *exec.Cmd, _ string) {}},
		{"SIGTERM", func(up *exec.Cmd, _ string) { up.Process.Signal(syscall.SIGTERM) }},
		{"SIGKILL", func(up *exec.Cmd, _ string) { up.Process.Kill() }},
		{"SIGKILL of the second", func(up *exec.Cmd, _ string) { syscall.Kill(children(up.Process.Pid)[0], syscall.SIGKILL) }},
		{"^C", func(up *exec.Cmd, _ string) { syscall.Kill(-up.Process.Pid, syscall.SIGINT) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := tempDir(t)
			up := exec.Command(binary(t), "up", "-cluster", "3", "-c", "echo $NAMESPACE; read x")
			up.Env = append(os.Environ(), "SHELL=/bin/sh", "TMPDIR="+dir, "HOME="+dir)
			up.Stderr = os.Stderr
			up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			in, out := piped(t, up)
			said, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			all := append(below(up.Process.Pid), up.Process.Pid)
			if len(all) < 3*10 {
				t.Errorf("%d processes", len(all))
			}
			c.end(up, dir)
			if c.name == "exit" {
				in.Close()
			}
			up.Wait()
			in.Close()
			if !srvtest.Until(func() bool { return len(alive(all)) == 0 }) {
				t.Errorf("processes are left: %q", alive(all))
			}
			if !srvtest.Until(func() bool { _, err := os.Lstat(strings.TrimSpace(said)); return os.IsNotExist(err) }) {
				t.Errorf("%s is left", said)
			}
			if after := nodeMounts(); after != before {
				t.Errorf("mounted: %q, before: %q", after, before)
			}
		})
	}
}

// TestClusterUser has nodes made by somebody who may open /dev/fuse and nothing else.
func TestClusterUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: TestScripts/cluster does this")
	}
	dir, nine := tempDir(t), binary(t)
	for _, d := range []string{dir, filepath.Dir(nine)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, 1, 1); err != nil {
		t.Fatal(err)
	}
	const script = `mount --make-rprivate / && mknod fuse c 10 229 && chmod 666 fuse && mount --bind fuse /dev/fuse &&
		exec setpriv --reuid 1 --regid 1 --clear-groups "$0" up -cluster 2 -c 'id -u; cpu -h n2 sh -c "hostname; id -u"; cpu -h n1 cpu -h n2 hostname; ls /n/n1'`
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, nine)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SHELL=/bin/sh", "TMPDIR="+dir, "HOME="+dir, "cpuidle=0")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "user namespace: ") {
		t.Skipf("users may not make user namespaces: %s", out)
	}
	const want = "1\nn2\n1\nn2\ndev\nexec\nipc\nnet\nproc\nroot\nstats\n"
	if string(out) != want || err != nil {
		t.Errorf("%v:\n%s\nwant\n%s", err, out, want)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "ns.*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// nodeMounts are the places where a node mounts something, for itself only.
func nodeMounts() string {
	var all []string
	for _, m := range mounts() {
		if m.dir == "/proc" || m.dir == "/etc/hosts" || m.dir == "/etc/passwd" {
			all = append(all, m.dir)
		}
	}
	return strings.Join(all, " ")
}

// below gives the processes that a process has started, and those have.
func below(pid int) (all []int) {
	for _, p := range children(pid) {
		all = append(append(all, p), below(p)...)
	}
	return all
}

func children(pid int) (all []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		b, _ := os.ReadFile(file)
		for _, f := range strings.Fields(string(b)) {
			p, _ := strconv.Atoi(f)
			all = append(all, p)
		}
	}
	return all
}

// alive gives those that run, and what each is.
func alive(pids []int) (all []string) {
	for _, p := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		if err == nil && len(b) > 0 {
			all = append(all, fmt.Sprintf("%d %s", p, strings.ReplaceAll(string(b), "\x00", " ")))
		}
	}
	return all
}
