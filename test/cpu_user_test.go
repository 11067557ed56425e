package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"ninespace/srv/srvtest"
)

// A fleet is a cpud for every user of a machine that has glenda and eve, at an address of
// loopback, and a home for who calls it.
type fleet struct {
	*node
	addr, port string
	home       string // of the caller, with a key that is glenda's
	glenda     string // her home
	log        string
	restart    func() // ends the cpud and starts another one
}

const glendaUid = 54321

// machine has an /etc of its own, with other users, and /dev/fuse be everybody's, as it is
// elsewhere, before a command runs. All of /etc, as a mount on a file that is replaced,
// when a package is installed meanwhile, is gone.
const machine = `mount --make-rprivate / && mount --bind "$0"/etc /etc &&
	mknod "$0"/fuse c 10 229 && chmod 666 "$0"/fuse && mount --bind "$0"/fuse /dev/fuse && exec "$@"`

func newFleet(t *testing.T) *fleet {
	t.Helper()
	n := newNode(t)
	f := &fleet{node: n, home: filepath.Join(n.dir, "home"), glenda: filepath.Join(n.dir, "glenda"), log: filepath.Join(n.dir, "log")}
	for _, dir := range []string{n.dir, filepath.Dir(n.nine)} { // for others too
		for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, dir := range []string{f.home, f.glenda} {
		if err := os.MkdirAll(filepath.Join(dir, ".ssh"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f.keygen("host")
	f.keygen("home/.ssh/id_ed25519")
	if out, err := exec.Command("cp", "-a", "/etc", n.dir).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	f.write("etc/passwd", fmt.Sprintf("root:x:0:0::%s/root:/bin/sh\nglenda:x:%d:%d::%s:/bin/sh\neve:x:54322:54322::/:/usr/sbin/nologin\n", n.dir, glendaUid, glendaUid, f.glenda))
	f.write("etc/group", fmt.Sprintf("root:x:0:\nglenda:x:%d:\nlab:x:54400:glenda\n", glendaUid))
	f.authorize("")
	if out, err := exec.Command("chown", "-R", fmt.Sprint(glendaUid), f.glenda).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, f.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	f.addr = "tcp!127.0.0.1!" + f.port
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+f.port+" "+f.read("host.pub"))
	n.env = append(n.env, "HOME="+f.home, "NAMESPACE="+filepath.Join(n.dir, "ns"), "cpu="+f.addr, "SSH_AUTH_SOCK=")
	return f
}

// serve starts the cpud.
func (f *fleet) serve(args ...string) *exec.Cmd {
	f.Helper()
	cmd := f.listen("cpud", args...)
	f.restart = func() {
		f.Helper()
		cmd.Process.Kill()
		cmd.Wait()
		os.Remove(filepath.Join(f.dir, "fuse"))
		f.serve(args...)
	}
	return cmd
}

// listen starts a command of nine that lets callers in at the fleet's address.
func (f *fleet) listen(name string, args ...string) *exec.Cmd {
	f.Helper()
	log, err := os.Create(f.log)
	if err != nil {
		f.Fatal(err)
	}
	defer log.Close()
	users, err := os.OpenFile(filepath.Join(f.dir, "users"), os.O_CREATE, 0o644) // cpud wants it there
	if err != nil {
		f.Fatal(err)
	}
	users.Close()
	cmd := exec.CommandContext(f.ctx, "unshare", append([]string{"-m", "sh", "-c", machine, f.dir, f.nine,
		name, "-l", f.addr, "-k", filepath.Join(f.dir, "host"), "-a", users.Name()}, args...)...)
	cmd.Env, cmd.Stderr = append(f.env, "NAMESPACE="+filepath.Join(f.dir, "ns2"), "SECRET=root's"), log
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if f.Failed() {
			f.Logf("%s: %s", name, f.read("log"))
		}
	})
	waitFor(f.T, f.ctx, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+f.port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return cmd
}

func (f *fleet) keygen(name string) {
	f.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		f.Skip("ssh-keygen is not here: Debian's package openssh-client")
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(f.dir, name)).CombinedOutput(); err != nil {
		f.Fatalf("%s", out)
	}
}

func (f *fleet) write(name, text string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) read(name string) string {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.Error(err)
	}
	return string(b)
}

// authorize lets the caller's key in as glenda.
func (f *fleet) authorize(options string) {
	f.write("glenda/.ssh/authorized_keys", options+" "+f.read("home/.ssh/id_ed25519.pub"))
}

// cpu runs a command as glenda, or as options say.
func (f *fleet) cpu(args ...string) (stdout, stderr string, code int) {
	f.Helper()
	cmd := f.command(append([]string{"cpu", "-u", "glenda"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal to ask on
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestCpuUser: a session is glenda's from its start, wholly, and she cannot be anybody else.
func TestCpuUser(t *testing.T) {
	f := newFleet(t)
	f.serve()
	out, errs, code := f.cpu("-d", "/", "sh", "-c", `id; echo "$HOME $USER $SHELL [$SECRET]"; touch $HOME/made; cat /mnt/term`+f.dir+`/log`)
	if code != 0 || !strings.HasPrefix(out, "uid=54321(glenda) gid=54321(glenda) groups=54321(glenda)") || !strings.Contains(out, f.glenda+" glenda /bin/sh []\n") {
		t.Errorf("%q, %q, %d", out, errs, code)
	}
	cmd := f.command("cpu", "-u", "glenda", "sh", "-c", "echo $PPID; cat")
	in, said := piped(t, cmd)
	var pid int
	fmt.Fscan(said, &pid)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // whose numbers are this machine's
	in.Close()
	cmd.Wait()
	for _, line := range []string{"Uid:\t54321\t54321\t54321\t54321", "Gid:\t54321\t54321\t54321\t54321", "Groups:\t54321 54400"} {
		if !strings.Contains(string(status), line) {
			t.Errorf("no %q in %s", line, status)
		}
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(f.glenda, "made"), &st); err != nil || st.Uid != glendaUid {
		t.Error(err, st.Uid)
	}
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"sh", "-c", "exit 7"}, "", 7},
		{[]string{"sh", "-c", "kill -TERM $$"}, "", 143},
		{[]string{"nosuchcommand"}, "cpu: nosuchcommand: command not found in /mnt/bin:", 127},
		{[]string{"cat", "/etc/shadow"}, "Permission denied", 1},
		{[]string{"-u", "eve", "id"}, "refused: key is not authorized\n", 1},
		{[]string{"-u", "root", "id"}, "refused: key is not authorized\n", 1},
		{[]string{"-u", "nobodyatall", "id"}, "refused: key is not authorized\n", 1},
	} {
		out, errs, code := f.cpu(c.args...)
		if code != c.code || !strings.Contains(errs, c.says) || out != "" || (c.says == "") != (errs == "") {
			t.Errorf("%q: %q, %q, %d", c.args, out, errs, code)
		}
	}
	for _, why := range []string{"eve does not log in", "root: no line of", `unknown user`} {
		if !srvtest.Until(func() bool { return strings.Contains(f.read("log"), why) }) { // it may be told later than the caller
			t.Errorf("cpud does not say %q: %s", why, f.read("log"))
		}
	}
	key, _ := exec.Command("ssh-keygen", "-lf", filepath.Join(f.home, ".ssh/id_ed25519.pub")).Output()
	f.write("users", strings.Fields(string(key))[1]+" root\n")
	if out, errs, _ := f.cpu("-u", "root", "id", "-u"); out != "0\n" {
		t.Errorf("root by the machine's file: %q, %q", out, errs)
	}
	f.write("users", strings.Fields(string(key))[1]+" -\n")
	if out, errs, _ := f.cpu("id"); !strings.Contains(errs, "not authorized") {
		t.Errorf("nobody by the machine's file: %q, %q", out, errs)
	}
}

// TestCpuKeys: what a key is for, and which host it is shown to.
func TestCpuKeys(t *testing.T) {
	f := newFleet(t)
	f.serve()
	nsfile := filepath.Join(f.dir, "nsfile")
	f.write("nsfile", "bind /mnt/term/bin/true /bin/date\n")
	f.authorize(`command="echo forced: $SSH_ORIGINAL_COMMAND; echo [$X]; ls /mnt/term/etc; ls /mnt/term",restrict`)
	out, errs, code := f.cpu("-n", nsfile, "-d", "/etc", "rm", "-rf", "x")
	if out != "forced: rm -rf x\n[]\n" || code != 2 || !strings.Contains(errs, "No such file") {
		t.Errorf("command=: %q, %q, %d", out, errs, code)
	}
	cmd := f.command("cpu", "-u", "glenda", "true")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	k, _ := tty.Read(b)
	cmd.Wait()
	tty.Close()
	if !strings.Contains(string(b[:k]), "not for terminals") {
		t.Errorf("restrict: %q", b[:k])
	}
	for options, says := range map[string]string{
		`from="192.0.2.0/24"`:     "refused: key is not authorized\n",
		`expiry-time="20200101"`:  "refused: key is not authorized\n",
		`from="127.0.0.1"`:        "",
		`expiry-time="20991231"`:  "",
		`environment="X=1"`:       "refused: key is not authorized\n",
		`command="nosuchcommand"`: "sh: 1: nosuchcommand: not found\n",
	} {
		f.authorize(options)
		if _, errs, _ := f.cpu("true"); !strings.HasSuffix(errs, says) || (errs == "") != (says == "") {
			t.Errorf("%s: %q", options, errs)
		}
	}
	f.authorize("")
	known := f.read("home/.ssh/known_hosts")
	for text, says := range map[string]string{
		"": "host is not known",
		"[127.0.0.1]:" + f.port + " " + f.read("home/.ssh/id_ed25519.pub"): "another key than it had",
		"@revoked * " + f.read("host.pub") + known:                         "revoked",
		"127.0.0.1 " + f.read("host.pub"):                                  "", // as sshd's
	} {
		f.write("home/.ssh/known_hosts", text)
		if _, errs, _ := f.cpu("true"); !strings.Contains(errs, says) || (errs == "") != (says == "") {
			t.Errorf("known_hosts %q: %q", text, errs)
		}
	}
	// Asked about on a terminal, yes puts it there.
	f.write("home/.ssh/known_hosts", "")
	for _, answer := range []string{"no", "yes"} {
		cmd := f.command("cpu", "-u", "glenda", "echo", "came in")
		tty, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(tty, answer)
		var all bytes.Buffer
		for {
			k, err := tty.Read(b)
			all.Write(b[:k])
			if err != nil {
				break
			}
		}
		cmd.Wait()
		tty.Close()
		if !strings.Contains(all.String(), "(yes/no)?") || (answer == "yes") != strings.Contains(all.String(), "came in") {
			t.Errorf("%s: %q", answer, &all)
		}
	}
	if _, errs, code := f.cpu("true"); code != 0 {
		t.Error(errs)
	}
}
