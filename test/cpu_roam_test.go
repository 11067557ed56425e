package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestCpuRoam leaves a command from one machine and goes on with it from another: who comes
// last has it, and nobody but its user comes at all.
func TestCpuRoam(t *testing.T) {
	program(t, "ip", "iproute2")
	program(t, "ssh-keygen", "openssh-client")
	if !srvtest.Netns(t, 5*time.Minute) {
		return
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	f := newFleet(t)
	bob := filepath.Join(f.dir, "bob")
	f.write("etc/passwd", f.read("etc/passwd")+fmt.Sprintf("bob:x:54323:54323::%s:/bin/sh\n", bob))
	for _, dir := range []string{bob + "/.ssh", f.dir + "/home2", f.dir + "/home3/.ssh"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f.keygen("home3/.ssh/id_ed25519")
	f.write("bob/.ssh/authorized_keys", f.read("home3/.ssh/id_ed25519.pub"))
	if err := os.Chown(bob, 54323, 54323); err != nil {
		t.Fatal(err)
	}
	known := ""
	for i := range 3 {
		known += fmt.Sprintf("[10.99.%d.1]:%s %s", i, f.port, f.read("host.pub"))
	}
	f.write("home/.ssh/known_hosts", known)
	f.write("home3/.ssh/known_hosts", known)
	if err := os.Symlink(f.home+"/.ssh", f.dir+"/home2/.ssh"); err != nil { // the same identity
		t.Fatal(err)
	}
	f.addr, f.env = "tcp!*!"+f.port, append(f.env, "cpuidle=1s")
	f.serve()
	// machine gives cpu of a machine, which has a network and a home of its own.
	machine := func(i int, home, user string) func(args ...string) *exec.Cmd {
		idle := exec.Command("sleep", "1000")
		idle.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		start(t, idle)
		n := &netNode{t, fmt.Sprint(idle.Process.Pid), ""}
		out, err := exec.Command("sh", "-ec", fmt.Sprintf("ip link add v%d type veth peer name v netns %s; ip addr add 10.99.%d.1/24 dev v%d; ip link set v%d up", i, n.pid, i, i, i)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s", out)
		}
		n.run("ip", "addr", "add", fmt.Sprintf("10.99.%d.2/24", i), "dev", "v")
		n.run("ip", "link", "set", "v", "up")
		names := filepath.Join(f.dir, fmt.Sprint("names", i))
		if err := os.Mkdir(names, 0o700); err != nil {
			t.Fatal(err)
		}
		return func(args ...string) *exec.Cmd {
			cmd := n.inside(f.nine, append([]string{"cpu", "-u", user, "-h", fmt.Sprintf("tcp!10.99.%d.1!%s", i, f.port)}, args...)...)
			cmd.Env = append(f.env, "HOME="+filepath.Join(f.dir, home), "NAMESPACE="+names)
			return cmd
		}
	}
	desk, couch, mallory := machine(0, "home", "glenda"), machine(1, "home2", "glenda"), machine(2, "home3", "bob")

	cmd := desk("-f", "sh", "-c", "id -un; read a; echo got $a; read a; echo got $a; read a; echo got $a; exit 9")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	name := strings.TrimSpace(string(out))
	if err != nil || name == "" {
		t.Fatalf("%q, %v", out, err)
	}
	type user struct {
		*exec.Cmd
		in   io.WriteCloser
		out  io.Reader
		errs bytes.Buffer
	}
	on := func(cmd *exec.Cmd) *user {
		t.Helper()
		u := &user{Cmd: cmd}
		cmd.Stderr = &u.errs
		var err error
		if u.in, err = cmd.StdinPipe(); err == nil {
			u.out, err = cmd.StdoutPipe()
		}
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	sees := func(u *user, want string) {
		t.Helper()
		b := make([]byte, len(want))
		if n, err := io.ReadFull(u.out, b); string(b) != want {
			t.Fatalf("%q, %v; %s", b[:n], err, &u.errs)
		}
	}
	refused := func(cmd *exec.Cmd, says string) {
		t.Helper()
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), says) {
			t.Errorf("%v: %q, want %q", err, out, says)
		}
	}
	first := on(couch("-a", name))
	sees(first, "glenda\n")
	io.WriteString(first.in, "one\n")
	sees(first, "got one\n")
	refused(mallory("-a", name), "no such command was left there")
	refused(mallory("-u", "glenda", "-a", name), "key is not authorized")
	refused(couch("-a", "nosuch.0"), "no such command was left there")
	refused(couch("-a", "0"), "no such command was left there")
	refused(couch("-a", strings.TrimSuffix(name, "0")+"7"), "no such command was left there")
	f.authorize("restrict")
	refused(couch("-a", name), `the key is not for service "attach"`)
	f.authorize(`command="id"`)
	refused(couch("-a", name), `the key is not for service "attach"`)
	f.authorize("")
	if conn, err := net.Dial("unix", "/tmp/ns.glenda.:0/left."+strings.TrimSuffix(name, ".0")); err == nil { // root, who is not glenda
		io.WriteString(conn, "0\n")
		if n, _ := conn.Read(make([]byte, 1)); n > 0 {
			t.Error("another user's process is served")
		}
		conn.Close()
	}
	second := on(desk("-a", name))
	first.Wait()
	if says := first.errs.String(); !strings.Contains(says, "somebody else goes on with it") || first.ProcessState.ExitCode() != 1 {
		t.Errorf("%q, %v", says, first.ProcessState)
	}
	io.WriteString(second.in, "two\n")
	sees(second, "got two\n")
	third := on(couch("-a", name))
	second.Wait()
	io.WriteString(third.in, "three\n")
	sees(third, "got three\n")
	third.Wait()
	if third.ProcessState.ExitCode() != 9 {
		t.Errorf("%v: %s", third.ProcessState, &third.errs)
	}
	refused(desk("-a", name), "no such command was left there")
	// The command has ended, and with it what kept its files there: nobody redials for an hour.
	waitFor(t, t.Context(), func() bool {
		return !slices.ContainsFunc(processes(f.nine), func(pid int) bool {
			args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			return strings.HasPrefix(string(args), "nine\x00cpu\x00-M\x00")
		})
	})
}
