package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUpgrade: what an upgrade does about the cpud that runs. Its sessions end with it, so it is
// started anew only where there are none. Systemd is a script that notes what it is told.
func TestUpgrade(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a /run of its own")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip("a session wants FUSE: ", err)
	} else {
		f.Close()
	}
	nine, dir := one(t, "nine-*-"+runtime.GOARCH), t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "cpu=") })
	env = append(env, "NAMESPACE="+dir, "HOME="+dir, "TMPDIR="+dir, "cpuidle=0", "PATH="+dir+":"+os.Getenv("PATH"))
	for _, name := range []string{"systemctl", "deb-systemd-invoke"} {
		script := "#!/bin/sh\ncase $* in\n*MainPID*) echo $MAIN ;;\n*) echo $* >>" + dir + "/told ;;\nesac\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start := func(args ...string) *exec.Cmd {
		cmd := exec.Command(nine, args...)
		cmd.Env, cmd.Stderr = env, os.Stderr
		return cmd
	}
	cpud := start("cpud")
	if err := cpud.Start(); err != nil {
		t.Fatal(err)
	}
	defer cpud.Wait()
	defer cpud.Process.Signal(syscall.SIGTERM)
	soon := func(what string, ok func() bool) {
		t.Helper()
		for limit := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("not %s after a minute", what)
			}
		}
	}
	soon("posted", func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, "cpu"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	configure := func(main int, from string) (says string, restarted bool) {
		t.Helper()
		os.Remove(filepath.Join(dir, "told"))
		cmd := exec.Command("unshare", "-m", "sh", "-ec", `mount -t tmpfs run /run; mkdir -p /run/systemd/system; sh debian/postinst configure "$0"`, from)
		cmd.Env = append(env, fmt.Sprint("MAIN=", main))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("postinst: %v\n%s", err, out)
		}
		told, err := os.ReadFile(filepath.Join(dir, "told"))
		if err != nil || !strings.Contains(string(told), "daemon-reload") {
			t.Errorf("systemd is told %q, %v", told, err)
		}
		return string(out), strings.Contains(string(told), "try-restart nine-cpud.service")
	}

	session := start("cpu", "sh", "-c", "echo here; read it")
	in, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "here\n" {
		t.Fatal(line, err)
	}
	if says, restarted := configure(cpud.Process.Pid, ""); says != "" || restarted {
		t.Errorf("a first installation: %q, %v", says, restarted)
	}
	says, restarted := configure(cpud.Process.Pid, "0.0")
	if restarted || strings.Count(says, "\n") != 1 || !strings.Contains(says, "systemctl restart nine-cpud.service") {
		t.Errorf("with a session: %q, %v", says, restarted)
	}
	in.Close()
	session.Wait()
	soon("without sessions", func() bool {
		says, restarted := configure(cpud.Process.Pid, "0.0")
		if restarted && says != "" {
			t.Fatalf("without a session: %q", says)
		}
		return restarted
	})
	if says, restarted := configure(0, "0.0"); says != "" || !restarted { // which does nothing to a unit that does not run
		t.Errorf("without a cpud: %q, %v", says, restarted)
	}
}
