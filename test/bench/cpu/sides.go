package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// output runs a command of the caller's. What runs too long, with all that it started, is
// given up.
func (p *place) output(ctx context.Context, limit time.Duration, idle string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = p.env(idle), p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("given up after %v", limit)
	}
	if err != nil {
		text := strings.TrimSpace(said.String())
		if i := strings.LastIndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
		return "", fmt.Errorf("%s: %w: %.100s", args[0], err, text)
	}
	return out.String(), nil
}

// took is how long a command takes, in ms.
func (p *place) took(ctx context.Context, limit time.Duration, idle string, args ...string) ([]float64, error) {
	begin := time.Now()
	_, err := p.output(ctx, limit, idle, args...)
	return []float64{ms(time.Since(begin))}, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (p *place) cpuArgs(args ...string) []string {
	return append([]string{p.nine, "cpu", "-h", "tcp!127.0.0.1!" + p.cpu.port()}, args...)
}

func (p *place) sshArgs(args ...string) []string {
	return append([]string{"ssh", "-F", "none", "-p", p.ssh.port(), "-i", p.path("home/.ssh/id_ed25519"), "-o", "UserKnownHostsFile=" + p.path("home/.ssh/known_hosts"),
		"-o", "BatchMode=yes", "-o", "KexAlgorithms=curve25519-sha256", "-o", "Compression=no"}, args...)
}

// toSSH is for a command, which a shell splits into words there.
func (p *place) toSSH(args ...string) []string {
	return p.sshArgs(append([]string{"127.0.0.1"}, args...)...)
}

// twice is a script that runs a command twice in a directory and says how long each took,
// in ms.
func twice(dir, command string) string {
	return fmt.Sprintf(`cd '%s' || exit 1
for i in 1 2; do
	t0=$(date +%%s%%N)
	said=$({ %s; } 2>&1 >/dev/null) || { echo "$said" >&2; exit 1; }
	t1=$(date +%%s%%N)
	echo $((t1-t0))
done`, dir, command)
}

// times are the last lines of such a script's output.
func times(out string) ([]float64, error) {
	f := strings.Fields(out)
	if len(f) < 2 {
		return nil, fmt.Errorf("output %.50q", out)
	}
	var v []float64
	for _, w := range f[len(f)-2:] {
		n, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, err
		}
		v = append(v, n/1e6)
	}
	return v, nil
}

// byCpu runs a script twice over on the far side, in a directory of the caller's.
func (p *place) byCpu(dir, command string, flags ...string) func(context.Context, time.Duration) ([]float64, error) {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		at := "/mnt/term" + dir
		if len(flags) > 0 {
			at = dir // the caller's root is the root
		}
		out, err := p.output(ctx, limit, "0", p.cpuArgs(append(flags, "sh", "-c", twice(at, command))...)...)
		if err != nil {
			return nil, err
		}
		return times(out)
	}
}

// bySSHFS does so by ssh, with the caller's root mounted there by sshfs.
func (p *place) bySSHFS(dir, command string, root bool) func(context.Context, time.Duration) ([]float64, error) {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		if p.noSSHFS != nil {
			return nil, p.noSSHFS
		}
		back, err := freePort()
		if err != nil {
			return nil, err
		}
		if err := p.know(back); err != nil {
			return nil, err
		}
		mnt, err := os.MkdirTemp(p.dir, "mnt")
		if err != nil {
			return nil, err
		}
		defer func() {
			exec.Command("fusermount3", "-u", "-z", mnt).Run()
			os.Remove(mnt)
		}()
		script := twice(mnt+dir, command)
		if root {
			script = twice("/", "chroot "+mnt+" "+command)
		}
		script = fmt.Sprintf(`sshfs -p %s -o IdentityFile=%s,UserKnownHostsFile=%s,BatchMode=yes,KexAlgorithms=curve25519-sha256,Compression=no,dev,suid%s 127.0.0.1:/ %s || exit 1
( %s
); s=$?
cd /; fusermount3 -u %s
exit $s`, back, p.path("home/.ssh/id_ed25519"), p.path("home/.ssh/known_hosts"), p.sshfsOpts, mnt, script, mnt)
		out, err := p.output(ctx, limit, "0", p.sshArgs("-R", "127.0.0.1:"+back+":127.0.0.1:"+p.sshPort, "127.0.0.1", script)...)
		if err != nil {
			return nil, err
		}
		return times(out)
	}
}

// local does so here.
func (p *place) local(dir, command string) func(context.Context, time.Duration) ([]float64, error) {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		out, err := p.output(ctx, limit, "0", "sh", "-c", twice(dir, command))
		if err != nil {
			return nil, err
		}
		return times(out)
	}
}
