package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A netNode is a network of its own, with a netfs at the dial string net.
type netNode struct {
	*testing.T
	pid string // of a process in it
	net string
}

// inside gives a command that runs in the node's network.
func (n *netNode) inside(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", n.pid, "-n", name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a command to its end.
func (n *netNode) run(name string, args ...string) string {
	n.Helper()
	out, err := n.inside(name, args...).CombinedOutput()
	if err != nil {
		n.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// serve has a server run in the node until the test ends.
func (n *netNode) serve(args ...string) {
	n.Helper()
	start(n.T, n.inside(binary(n.T), args...))
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
}

func newNetNode(t *testing.T, dir, name string) *netNode {
	t.Helper()
	idle := exec.Command("sleep", "1000")
	idle.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	start(t, idle)
	n := &netNode{t, fmt.Sprint(idle.Process.Pid), "unix!" + filepath.Join(dir, name)}
	n.serve("netfs", "-l", n.net)
	if !srvtest.Until(func() bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }) {
		t.Fatal("no netfs")
	}
	return n
}

// tree is the node's network as a client has it.
func (n *netNode) tree() *client.Fid {
	n.Helper()
	c, err := client.Dial(n.Context(), n.net, nil)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { c.Close() })
	root, err := c.Attach(n.Context(), nil, "", "")
	if err != nil {
		n.Fatal(err)
	}
	return root
}

func openAt(ctx context.Context, root *client.Fid, path string) (*client.Fid, error) {
	f, err := root.Walk(ctx, strings.Split(path, "/")...)
	if err == nil {
		err = f.Open(ctx, p9.ORDWR)
	}
	return f, err
}

// conversation makes one by a file, clone or a listen, and does a command.
func conversation(ctx context.Context, root *client.Fid, path, command string) (n string, err error) {
	ctl, err := openAt(ctx, root, path)
	if err != nil {
		return "", err
	}
	p := make([]byte, 32)
	k, err := ctl.Read(ctx, p, 0)
	if err == nil && command != "" {
		_, err = ctl.Write(ctx, []byte(command), 0)
	}
	return strings.TrimSpace(string(p[:k])), err
}

// echo has a host echo what each caller says, from its port 7 on.
func echo(t *testing.T, root *client.Fid) {
	t.Helper()
	n, err := conversation(t.Context(), root, "tcp/clone", "announce *!7")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			n, err := conversation(ctx, root, "tcp/"+n+"/listen", "")
			if err != nil {
				return
			}
			data, err := openAt(ctx, root, "tcp/"+n+"/data")
			if err != nil {
				return
			}
			p := make([]byte, 1000)
			k, _ := data.Read(ctx, p, 0)
			data.Write(ctx, p[:k], 0)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// TestImportNet has node B, which has no route to anywhere, reach host H by A's network:
// over 9P, and with A's /net mounted over its own, by sh and cat and by nine's dialler.
func TestImportNet(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: no networks of our own")
	}
	for _, tool := range []string{"nsenter", "ip", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := tempDir(t)
	h, a, b := newNetNode(t, dir, "h"), newNetNode(t, dir, "a"), newNetNode(t, dir, "b")
	h.run("ip", "link", "add", "v", "type", "veth", "peer", "name", "v", "netns", a.pid)
	for i, n := range []*netNode{h, a} {
		n.run("ip", "addr", "add", fmt.Sprintf("10.99.0.%d/24", i+1), "dev", "v")
		n.run("ip", "link", "set", "v", "up")
	}
	if out, err := b.inside("sh", "-c", "ip route; ip addr show up").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: B has a network:\n%s", err, out)
	}
	echo(t, h.tree())

	if _, err := conversation(t.Context(), b.tree(), "tcp/clone", "connect 10.99.0.1!7"); err == nil {
		t.Fatal("B reaches H by itself")
	}
	root := a.tree()
	n, err := conversation(t.Context(), root, "tcp/clone", "connect 10.99.0.1!7")
	if err != nil {
		t.Fatal(err)
	}
	data, err := openAt(t.Context(), root, "tcp/"+n+"/data")
	if err == nil {
		_, err = data.Write(t.Context(), []byte("over 9P"), 0)
	}
	p := make([]byte, 100)
	k, rerr := data.Read(t.Context(), p, 0)
	if err != nil || rerr != nil || string(p[:k]) != "over 9P" {
		t.Errorf("%q, %v, %v", p[:k], err, rerr)
	}

	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skip("no /dev/fuse: A's /net is not mounted on B")
	} else {
		f.Close()
	}
	h.serve("ramfs", "-l", "tcp!10.99.0.1!5640")
	if !srvtest.Until(func() bool { return h.inside("sh", "-c", "ss -ltn | grep -q :5640").Run() == nil }) {
		t.Fatal("no ramfs")
	}
	a.run("ip", "link", "set", "lo", "up")
	a.run("sh", "-c", `mkdir -p $0/.ssh && cd $0/.ssh && ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f id_ed25519 &&
		echo "[127.0.0.1]:17011 $(cat host.pub)" >known_hosts && cp id_ed25519.pub authorized && chmod 600 authorized`, dir)
	a.serve("cpud", "-0", "-l", "tcp!127.0.0.1!17011", "-k", dir+"/.ssh/host", "-a", dir+"/.ssh/authorized")
	if !srvtest.Until(func() bool { return a.inside("sh", "-c", "ss -ltn | grep -q :17011").Run() == nil }) {
		t.Fatal("no cpud")
	}
	nsfile := filepath.Join(dir, "namespace")
	if err := os.WriteFile(nsfile, []byte("mount "+b.net+" /net\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
		exec 3<>/net/tcp/clone; read n <&3
		echo 'connect 10.99.0.1!7' >&3 2>/dev/null && echo reached by itself
		mount $A /net
		exec 3<>/net/tcp/clone; read n <&3
		echo 'connect 10.99.0.1!7' >&3
		echo by sh and cat >/net/tcp/$n/data
		cat /net/tcp/$n/remote
		head -n 1 /net/tcp/$n/data
		$NINE 9p -a '/net/tcp!10.99.0.1!5640' create f
		echo by the dialler | $NINE 9p -a '/net/tcp!10.99.0.1!5640' write f
		$NINE 9p -a '/net/tcp!10.99.0.1!5640' read f
		$NINE 9p -a '/net/tcp!10.99.0.1!5641' read f 2>&1
		$NINE 9p -a '/net/il!10.99.0.1!5641' read f 2>&1
		$NINE mount -c '/net/tcp!10.99.0.1!5640' /n/x; cat /n/x/f; echo by mount >/n/x/g
		$NINE mount '/net/tcp!10.99.0.1!5641' /n/y
		$NINE srv '/net/tcp!10.99.0.1!5640' posted /n/y; cat /n/y/g
		$NINE ns | grep '/n/[xy]$'
		$NINE cpu -h '/net/tcp!127.0.0.1!17011' sh -c 'echo remote; ip route get 10.99.0.1 >/dev/null'
	`
	cmd := b.inside(binary(t), "newns", "-n", nsfile, "sh", "-c", script)
	cmd.Env = append(os.Environ(), "A="+a.net, "NINE="+binary(t), "HOME="+dir, "NAMESPACE="+dir, "cpuidle=0", "SSH_AUTH_SOCK=")
	out, err := cmd.CombinedOutput()
	const want = `10.99.0.1!7
by sh and cat
by the dialler
9p: dial /net/tcp!10.99.0.1!5641: connect 10.99.0.1!5641: Connection refused
9p: dial /net/il!10.99.0.1!5641: cs: file does not exist
by the dialler
mount: mount /n/y: dial /net/tcp!10.99.0.1!5641: connect 10.99.0.1!5641: Connection refused
by mount
mount -c /net/tcp!10.99.0.1!5640 /n/x
mount #s/posted /n/y
remote
`
	if got := string(out); got != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, got, want)
	}
}
