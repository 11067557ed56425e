package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A place is a home with keys, the two servers that let them in, and the trees to work on.
type place struct {
	dir       string
	me        string
	nine      string
	daemons   []*exec.Cmd
	cpu, ssh  *proxy
	cpud      *exec.Cmd
	sshPort   string // sshd's own, for the way back
	noSSH     error  // why there is no ssh
	noSSHFS   error
	sshfsOpts string
	git, c, l string // the trees: of git, of C, of a thousand files
	big       string // a file
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func newPlace(ctx context.Context, b *bench) (*place, error) {
	dir, err := os.MkdirTemp("/tmp", "cpub.")
	if err != nil {
		return nil, err
	}
	p := &place{dir: dir, nine: filepath.Join(dir, "nine")}
	u, err := user.Current()
	if err != nil {
		return p, err
	}
	p.me = u.Username
	build := exec.CommandContext(ctx, "go", "build", "-o", p.nine, "ninespace")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build: %w: %s", err, out)
	}
	for _, step := range []func(context.Context) error{p.keys, p.startCpud, p.startSSHD, func(ctx context.Context) error { return p.trees(ctx, b) }} {
		if err := step(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *place) close() {
	for _, d := range p.daemons {
		d.Process.Signal(syscall.SIGTERM)
		d.Wait()
	}
	// Who keeps a connection would for its time, and look for the host that long.
	for _, pid := range p.left() {
		syscall.Kill(pid, syscall.SIGTERM)
	}
	for _, x := range []*proxy{p.cpu, p.ssh} {
		if x != nil {
			x.close()
		}
	}
	os.RemoveAll(p.dir)
}

// left are the processes of the place's own program that are still there.
func (p *place) left() (pids []int) {
	exes, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, name := range exes {
		if to, err := os.Readlink(name); err == nil && to == p.nine {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// forget ends the connections that cpu keeps: what is cold is to make its own, with the proxy's delay.
func (p *place) forget(ctx context.Context) {
	kept := func() (pids []int) {
		for _, pid := range p.left() {
			if args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.HasPrefix(args, []byte("nine\x00cpu\x00-M\x00")) {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	for _, pid := range kept() {
		syscall.Kill(pid, syscall.SIGTERM)
	}
	for len(kept()) > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// env is the environment of a caller: idle is how long cpu keeps a connection.
func (p *place) env(idle string) []string {
	var env []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "HOME" && name != "XDG_CACHE_HOME" && name != "NAMESPACE" && name != "SSH_AUTH_SOCK" && name != "cpu" {
			env = append(env, v)
		}
	}
	return append(env, "HOME="+p.path("home"), "NAMESPACE="+p.path("ns"), "cpuidle="+idle, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
}

// start starts a daemon and waits until its port answers.
func (p *place) start(ctx context.Context, port string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = p.env("0")
	var said bytes.Buffer
	var mu sync.Mutex
	cmd.Stderr = writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return said.Write(b)
	})
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.daemons = append(p.daemons, cmd)
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return cmd, c.Close()
		}
		if time.Now().After(end) || ctx.Err() != nil {
			mu.Lock()
			defer mu.Unlock()
			return nil, fmt.Errorf("%s: %w: %s", args[0], err, said.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func (p *place) keys(ctx context.Context) error {
	for _, d := range []string{"home/.ssh", "ns"} {
		if err := os.MkdirAll(p.path(d), 0o700); err != nil {
			return err
		}
	}
	for _, k := range []string{"home/.ssh/id_ed25519", "host"} {
		if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.path(k)).CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	b, err := os.ReadFile(p.path("home/.ssh/id_ed25519.pub"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path("authorized"), b, 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "ssh-keygen", "-lf", p.path("authorized")).Output()
	if err != nil {
		return fmt.Errorf("ssh-keygen -l: %w", err)
	}
	f := strings.Fields(string(out))
	if len(f) < 2 {
		return fmt.Errorf("ssh-keygen -l: %.50q", out)
	}
	return os.WriteFile(p.path("users"), fmt.Appendf(nil, "%s %s\n", f[1], p.me), 0o600)
}

// know enters a port's host key.
func (p *place) know(port string) error {
	key, err := os.ReadFile(p.path("host.pub"))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.path("home/.ssh/known_hosts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := strings.Fields(string(key))
	_, err = fmt.Fprintf(f, "[127.0.0.1]:%s %s %s\n", port, w[0], w[1])
	return errors.Join(err, f.Close())
}

func (p *place) startCpud(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	if p.cpud, err = p.start(ctx, port, p.nine, "cpud", "-l", "tcp!127.0.0.1!"+port, "-k", p.path("host"), "-a", p.path("users")); err != nil {
		return err
	}
	if p.cpu, err = newProxy("127.0.0.1:" + port); err != nil {
		return err
	}
	return p.know(p.cpu.port())
}

func (p *place) startSSHD(ctx context.Context) error {
	if help, err := exec.CommandContext(ctx, "sshfs", "--help").CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		p.noSSHFS = errors.New("no sshfs (Debian: sshfs)")
	} else if strings.Contains(string(help), "no_contain_symlinks") {
		p.sshfsOpts = ",no_contain_symlinks" // as a root directory it has links of all kinds
	}
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		p.noSSH = errors.New("no sshd (Debian: openssh-server)")
		p.noSSHFS = p.noSSH
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p.sshPort = port
	conf := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nSubsystem sftp internal-sftp\n",
		port, p.path("host"), p.path("authorized"))
	if err := os.WriteFile(p.path("sshd_config"), []byte(conf), 0o600); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		os.MkdirAll("/run/sshd", 0o755) // sshd insists
	}
	if _, err := p.start(ctx, port, sshd, "-D", "-e", "-f", p.path("sshd_config")); err != nil {
		return err
	}
	if p.ssh, err = newProxy("127.0.0.1:" + port); err != nil {
		return err
	}
	return errors.Join(p.know(port), p.know(p.ssh.port()))
}

// trees makes what is worked on.
func (p *place) trees(ctx context.Context, b *bench) error {
	p.git, p.c, p.l, p.big = p.path("git"), p.path("c"), p.path("list"), p.path("big")
	fill := func(dir string, n, each int, name, text string) error {
		for i := range n {
			d := filepath.Join(dir, fmt.Sprintf("d%03d", i/each))
			if i%each == 0 {
				if err := os.MkdirAll(d, 0o755); err != nil {
					return err
				}
			}
			if err := os.WriteFile(filepath.Join(d, fmt.Sprintf("%s%d", name, i)), fmt.Appendf(nil, text, i), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(fill(p.git, b.files, 100, "f", "file %d\n"), fill(p.l, b.list, 50, "f", "file %d\n"), os.Mkdir(p.c, 0o755), os.MkdirAll(p.path("a/b/c/d"), 0o755),
		os.WriteFile(p.path("a/b/c/d/file"), []byte("small\n"), 0o644)); err != nil {
		return err
	}
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(p.c, fmt.Sprintf("h%d.h", i)), fmt.Appendf(nil, "struct s%d { int x; };\n", i), 0o644); err != nil {
			return err
		}
	}
	for i := range b.sources {
		var text strings.Builder
		text.WriteString("#include <stdio.h>\n")
		for h := range 10 {
			fmt.Fprintf(&text, "#include \"h%d.h\"\n", h)
		}
		fmt.Fprintf(&text, "int f%d(struct s%d *s) { return s->x + puts(\"%d\"); }\n", i, i%10, i)
		if err := os.WriteFile(filepath.Join(p.c, fmt.Sprintf("f%d.c", i)), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(p.big)
	if err != nil {
		return err
	}
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for n := int64(0); n < b.bulk && err == nil; n += int64(len(block)) {
		_, err = f.Write(block)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=b", "-c", "user.email=b@b", "commit", "-q", "-m", "b"}} {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", p.git}, args...)...)
		cmd.Env = p.env("0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}
