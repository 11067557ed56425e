package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCpuPrograms has unmodified programs work, at a far side and as another user, on files
// of the caller's: the scripts of testdata/programs.
func TestCpuPrograms(t *testing.T) {
	scripts, err := filepath.Glob("testdata/programs/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	f := newFleet(t)
	f.serve()
	f.env = append(f.env, "cpuidle=1m", "LC_ALL=C.UTF-8")
	for _, s := range scripts {
		script, err := filepath.Abs(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(s), ".sh"), func(t *testing.T) {
			needs(t, script)
			dir := filepath.Join(f.dir, filepath.Base(s))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			out, errs, code := f.cpu("-d", "/mnt/term"+dir, "sh", "-eu", "/mnt/term"+script)
			if code != 0 {
				t.Errorf("%d\n%s\n%s", code, out, errs)
			}
		})
	}
}

// TestCpuDatabase has a far side killed while it writes a database of the caller's: what it
// had said is committed is there, and the database is whole.
func TestCpuDatabase(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip(err)
	}
	f := newFleet(t)
	f.serve()
	db := filepath.Join(f.dir, "db")
	for i, who := range []string{"nine cpud -i", "sqlite3"} {
		cmd := f.command("cpu", "-u", "glenda", "-d", "/mnt/term"+f.dir, "sh", "-c",
			`(echo 'create table if not exists t(n integer); begin; '; i=0; while :; do i=$((i+1)); echo "insert into t values($i); commit; select 'done', $i; begin;"; done) | sqlite3 db`)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := 0
		for last < 30*(i+1) {
			if _, err := fmt.Fscanf(out, "done|%d\n", &last); err != nil {
				t.Fatal(err)
			}
		}
		f.kill(who)
		for {
			n := 0
			if _, err := fmt.Fscanf(out, "done|%d\n", &n); err != nil {
				break
			}
			last = n
		}
		cmd.Wait()
		check, err := exec.Command("sqlite3", db, "pragma integrity_check; select max(n) from t where rowid > (select max(rowid) from t where n = 1)-1;").CombinedOutput()
		var most int
		fmt.Sscanf(string(check), "ok\n%d", &most)
		if err != nil || most < last {
			t.Errorf("%s killed: %v: %d was committed, and there is %s", who, err, last, check)
		}
	}
}

// kill kills the processes of the far side's user that begin with these words.
func (f *fleet) kill(words string) {
	f.Helper()
	killed := 0
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		var st syscall.Stat_t
		args, _ := os.ReadFile(p + "/cmdline")
		env, _ := os.ReadFile(p + "/environ")
		var pid int
		if syscall.Stat(p, &st) == nil && strings.HasPrefix(string(args), strings.ReplaceAll(words, " ", "\x00")) && strings.Contains(string(env), f.glenda) {
			fmt.Sscanf(p, "/proc/%d", &pid)
			syscall.Kill(pid, syscall.SIGKILL)
			killed++
		}
	}
	if killed == 0 {
		f.Fatalf("no process %s", words)
	}
}

// TestCpuFull: where the caller's disk is full, who writes there from afar is told.
func TestCpuFull(t *testing.T) {
	f := newFleet(t)
	f.serve()
	small := filepath.Join(f.dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("small", small, "tmpfs", 0, "size=256k,mode=777"); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	defer syscall.Unmount(small, syscall.MNT_DETACH)
	for _, c := range []string{
		"dd if=/dev/zero of=f bs=4k count=1000 conv=fsync",
		"cat /dev/zero >f",
		"cp /usr/bin/python3 f",
		"dd if=/dev/zero of=f bs=1M count=1",
	} {
		_, errs, code := f.cpu("-d", "/mnt/term"+small, "sh", "-c", c)
		if code == 0 || !strings.Contains(errs, "No space left on device") {
			t.Errorf("%s: %d, %q", c, code, errs)
		}
		os.Remove(filepath.Join(small, "f"))
	}
}

// TestCpuSSH comes in by a real sshd: nine is put there first, if it is to be.
func TestCpuSSH(t *testing.T) {
	for _, name := range []string{"ssh", "sshd"} {
		if _, err := exec.LookPath(name); err != nil {
			if _, err := os.Stat("/usr/sbin/" + name); err != nil {
				t.Skip(name + " is not here: Debian's packages openssh-client and openssh-server")
			}
		}
	}
	f := newFleet(t)
	far := filepath.Join(f.dir, "far")
	if err := os.MkdirAll(far, 0o755); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll("/run/sshd", 0o755)
	f.write("auth", f.read("home/.ssh/id_ed25519.pub"))
	f.write("sshd_config", fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/auth\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nSetEnv HOME=%s SHELL=/bin/sh %s\n",
		f.port, f.dir, f.dir, far, f.mark))
	os.Chmod(filepath.Join(f.dir, "host"), 0o600)
	sshd := exec.CommandContext(f.ctx, "/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(f.dir, "sshd_config"))
	log, err := os.Create(f.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	sshd.Stderr = log
	if err := sshd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		sshd.Process.Kill()
		sshd.Wait()
		if t.Failed() {
			t.Log(f.read("log"))
		}
	}()
	waitFor(t, f.ctx, func() bool { return strings.Contains(f.read("log"), "listening") })
	f.write("ssh_config", fmt.Sprintf("Host *\n Port %s\n IdentityFile %s/.ssh/id_ed25519\n IdentitiesOnly yes\n UserKnownHostsFile %s/.ssh/known_hosts\n StrictHostKeyChecking yes\nHost far\n HostName 127.0.0.1\n", f.port, f.home, f.home))
	f.env = append(f.env, "SSH=ssh -F "+filepath.Join(f.dir, "ssh_config"), "cpu=ssh!root@far")
	cpu := func(args ...string) (string, string, int) {
		t.Helper()
		cmd := f.command(append([]string{"cpu"}, args...)...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &errs, strings.NewReader("in\n")
		cmd.Run()
		return out.String(), errs.String(), cmd.ProcessState.ExitCode()
	}
	if _, errs, code := cpu("true"); code != 1 || !strings.Contains(errs, "cpu: dial ssh!root@far: nine is not there; cpu -i puts it there\n") {
		t.Errorf("without nine: %d, %q", code, errs)
	}
	f.write("far/.local", "a file in the place of the directory")
	if _, errs, code := cpu("-i", "true"); code != 1 || !strings.Contains(errs, "\ncpu: ssh!root@far: nine did not get there whole: ") {
		t.Errorf("no place for nine: %d, %q", code, errs)
	}
	os.Remove(filepath.Join(far, ".local"))
	for range 2 { // the second finds it there
		out, errs, code := cpu("-i", "-v", "sh", "-c", "cat; pwd; echo err >&2; exit 7")
		if wd, _ := os.Getwd(); out != "in\n/mnt/term"+wd+"\n" || !strings.Contains(errs, "\nerr\n") || code != 7 {
			t.Errorf("%q, %q, %d", out, errs, code)
		}
	}
	if n := len(processes(filepath.Join(far, ".local/lib/ninespace/nine"))); n > 3 {
		t.Errorf("%d processes there", n)
	}
	os.Remove(filepath.Join(far, ".local/lib/ninespace/nine")) // a session of it may still be ending
	if err := os.WriteFile(filepath.Join(far, ".local/lib/ninespace/nine"), []byte("#!/bin/sh\necho old\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := cpu("true"); code != 1 || !strings.Contains(errs, `no door of ninespace answers there, but "old"`) {
		t.Errorf("another nine: %d, %q", code, errs)
	}
	os.Chmod(filepath.Join(far, ".local/lib/ninespace/nine"), 0o644)
	if _, errs, code := cpu("true"); code != 1 || !strings.Contains(errs, "cpu: dial ssh!root@far: nine is there and may not be executed") {
		t.Errorf("a nine that may not run: %d, %q", code, errs)
	}
	if _, errs, code := cpu("-i", "-v", "true"); code != 0 || !strings.Contains(errs, "bytes of nine to root@far") {
		t.Errorf("installed anew: %d, %q", code, errs)
	}
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{[]string{"nosuchcommand"}, "cpu: nosuchcommand: command not found in", 127},
		{[]string{"sh", "-c", "kill -9 $$"}, "", 137},
		{[]string{"-h", "ssh!nosuchhost.invalid", "true"}, "Could not resolve", 255},
		{[]string{"-h", "ssh!-oProxyCommand=touch", "true"}, "no host", 1},
		{[]string{"-J", "nosuchhost.invalid", "true"}, "", 255},
	} {
		if out, errs, code := cpu(c.args...); code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%q: %q, %q, %d", c.args, out, errs, code)
		}
	}
	f.write("home/.ssh/known_hosts", "")
	if _, errs, code := cpu("true"); code != 255 || !strings.Contains(errs, "verification failed") {
		t.Errorf("unknown host: %q, %d", errs, code)
	}
	f.gone(sshd.Process.Pid)
}

// TestCpuTerminalPrograms has vim edit a file of the caller's in a terminal of tmux, and a
// shell there stop and go on with a job.
func TestCpuTerminalPrograms(t *testing.T) {
	for _, name := range []string{"tmux", "vim", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	f := newFleet(t)
	f.serve()
	sock := filepath.Join(f.dir, "tmux")
	tmux := func(args ...string) string {
		cmd := exec.CommandContext(f.ctx, "tmux", append([]string{"-S", sock, "-f", "/dev/null"}, args...)...)
		cmd.Env = append(f.env, "LC_ALL=C.UTF-8", "TERM=screen")
		out, err := cmd.CombinedOutput()
		if err != nil && args[0] != "kill-server" {
			t.Fatalf("tmux %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "80", "-y", "24", f.nine, "cpu", "-u", "glenda", "-d", "/mnt/term"+f.dir, "bash", "--norc", "--noprofile")
	defer tmux("kill-server")
	see := func(words string) {
		t.Helper()
		defer func() {
			if t.Failed() {
				t.Logf("the screen:\n%s", tmux("capture-pane", "-p"))
			}
		}()
		waitFor(t, f.ctx, func() bool { return strings.Contains(tmux("capture-pane", "-p"), words) })
	}
	keys := func(k ...string) { tmux(append([]string{"send-keys"}, k...)...) }
	// What is typed before the shell asks for it may go with the ^C that ends what was before.
	prompt := func() {
		t.Helper()
		waitFor(t, f.ctx, func() bool {
			return strings.HasSuffix(strings.TrimRight(tmux("capture-pane", "-p"), " \n"), "\nready>")
		})
	}
	see("$")
	keys("stty size; PS1='ready> '", "Enter")
	see("24 80")
	prompt()
	tmux("resize-window", "-x", "100", "-y", "30")
	keys("stty size", "Enter")
	see("30 100")
	// It says itself when the terminal is its own.
	keys(`sh -c 'trap "echo goes on" CONT; echo go""ing; while :; do read x; done'`, "Enter")
	see("\ngoing")
	keys("C-z")
	see("Stopped")
	keys("fg", "Enter")
	see("\ngoes on")
	keys("C-c")
	prompt()
	keys("echo status $?", "Enter")
	see("\nstatus 130")
	prompt()
	keys("vim -u NONE -N edited", "Enter")
	see("~")
	keys("ihello from afar", "Escape", ":wq", "Enter")
	waitFor(t, f.ctx, func() bool {
		b, _ := os.ReadFile(filepath.Join(f.dir, "edited"))
		return string(b) == "hello from afar\n"
	})
	prompt()
	keys("exit 3", "Enter")
	waitFor(t, f.ctx, func() bool { return len(processes(f.nine)) == 2 }) // cpud and its listener
}
