package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"ninespace/ns/cmd/newns"
	"ninespace/ns/cmd/nsd"
	"ninespace/srv/cmd/procfs"
)

// nine is those commands of the binary nine that are measured or needed for it.
var nine = map[string]func(ctx context.Context, std [3]*os.File, args []string) error{
	"newns": newns.Main, "nsd": nsd.Main(func() []string { return []string{"newns"} }), "procfs": procfs.Main,
	"-floor": serveFloor,
	"-work": func(ctx context.Context, std [3]*os.File, args []string) error {
		var w work
		if err := json.Unmarshal([]byte(args[0]), &w); err != nil {
			return err
		}
		r, err := w.measure(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(std[1]).Encode(r)
	},
}

// served does what a child is for, if this process is one, and reports so.
func served() bool {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if nine[name] == nil && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	main := nine[name]
	if main == nil {
		return false
	}
	if err := main(context.Background(), [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, args); err != nil {
		var e interface{ ExitCode() int }
		if errors.As(err, &e) {
			os.Exit(e.ExitCode())
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	return true
}

// command is this program as one of nine's, with the servers' directory.
func command(ctx context.Context, dir string, args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "NAMESPACE="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

// startServer starts procfs, posted as proc, and waits until it takes connections.
func startServer(ctx context.Context, dir string) (stop func(), err error) {
	cmd, err := command(ctx, dir, "procfs", "-s", "proc")
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", dir+"/proc")
		if err == nil {
			c.Close()
			return stop, nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			stop()
			return nil, err
		}
	}
}

// start has a worker measure, in a process of its own and, for mount, in a name space.
func (w *work) start(ctx context.Context, dir string) (m measured, err error) {
	text, err := json.Marshal(w)
	if err != nil {
		return m, err
	}
	args := []string{"-work", string(text)}
	if w.Way == "mount" || w.Way == "listed" {
		nsfile := filepath.Join(dir, "nsfile")
		if err := os.WriteFile(nsfile, []byte("mount #s/proc /mnt/proc\n"), 0o600); err != nil {
			return m, err
		}
		exe, err := os.Executable()
		if err != nil {
			return m, err
		}
		args = append([]string{"newns", "-n", nsfile, exe}, args...)
	}
	cmd, err := command(ctx, dir, args...)
	if err != nil {
		return m, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	err = json.Unmarshal(out, &m)
	return m, err
}
