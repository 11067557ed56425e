package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum"
	"ninespace/factotum/auth"
	"ninespace/srv"
)

// serveEnv in the environment has this program be a factotum with its sockets in that
// directory, until its standard input ends.
const serveEnv = "NINE_BENCH_AUTH"

// served is that process.
func served() bool {
	dir := os.Getenv(serveEnv)
	if dir == "" {
		return false
	}
	if err := serve(dir); err != nil {
		fmt.Fprintln(os.Stderr, "auth:", err)
		os.Exit(1)
	}
	return true
}

func serve(dir string) error {
	f := factotum.New(factotum.Config{})
	defer f.Close()
	if err := f.Ctl(dpKey); err != nil {
		return err
	}
	l, err := srv.Announce("unix!" + filepath.Join(dir, "factotum"))
	if err != nil {
		return err
	}
	a, err := srv.Announce("unix!" + filepath.Join(dir, "agent"))
	if err != nil {
		return err
	}
	e, err := srv.Announce("unix!" + filepath.Join(dir, "echo"))
	if err != nil {
		return err
	}
	go echo(e)
	ctx, cancel := context.WithCancel(context.Background())
	ends := make(chan error, 2)
	go func() { ends <- srv.New(f).Serve(ctx, l) }()
	go func() { ends <- f.NewAgent("").Serve(ctx, a) }()
	fmt.Println("ok")
	os.Stdin.Read(make([]byte, 1))
	cancel()
	return errors.Join(<-ends, <-ends)
}

// echo gives callers back the first bytes of what they say, as many as a signature has.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for b := make([]byte, 1024); ; {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				c.Write(b[:min(n, 64)])
			}
		}()
	}
}

// A daemon is a process that has keys.
type daemon struct {
	cmd   *exec.Cmd
	stop  func()
	auth  *auth.Factotum // nil: it is no factotum
	agent string         // its socket as an ssh-agent
	echo  string         // and at which it only answers
}

// startFactotum starts ours.
func startFactotum(ctx context.Context, dir string) (*daemon, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &daemon{cmd: exec.CommandContext(ctx, exe), agent: filepath.Join(dir, "agent"), echo: filepath.Join(dir, "echo")}
	d.cmd.Env = append(os.Environ(), serveEnv+"="+dir)
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	d.stop = func() {
		if d.auth != nil {
			d.auth.Close()
		}
		in.Close()
		d.cmd.Wait()
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err == nil {
		d.auth, err = auth.Dial(ctx, "unix!"+filepath.Join(dir, "factotum"))
		if err == nil {
			return d, nil
		}
	}
	d.stop()
	return nil, errors.New("factotum does not start")
}

// startAgent starts OpenSSH's.
func startAgent(ctx context.Context, dir string) (*daemon, error) {
	exe, err := exec.LookPath("ssh-agent")
	if err != nil {
		return nil, errors.New("ssh-agent is not here: Debian's package openssh-client")
	}
	d := &daemon{agent: filepath.Join(dir, "openssh")}
	d.cmd = exec.CommandContext(ctx, exe, "-D", "-a", d.agent)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	d.stop = func() {
		d.cmd.Process.Kill()
		d.cmd.Wait()
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && ctx.Err() == nil; {
		c, err := net.Dial("unix", d.agent)
		if err == nil {
			c.Close()
			return d, nil
		}
		wait := time.NewTimer(time.Millisecond)
		<-wait.C
	}
	d.stop()
	return nil, errors.New("ssh-agent does not start")
}

// processor is the processor time that the daemon has had: clock_getcpuclockid(3).
func (d *daemon) processor() (time.Duration, error) {
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^d.cmd.Process.Pid)<<3|sched, &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}
