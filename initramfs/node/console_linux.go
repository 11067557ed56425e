package node

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// offerConsole starts a shell on the console, unless there is to be none, and again when it ends.
func (n *node) offerConsole(ctx context.Context, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.console != nil || n.params.NoConsole || len(n.cfg.Console) == 0 {
		return
	}
	n.log.Printf("init: a shell is on the console (%s)", why)
	n.console = &service{name: "console", log: n.log, since: time.Now(), restart: make(chan struct{})}
	go func() {
		for ctx.Err() == nil {
			begun := time.Now()
			err := n.shell(ctx)
			if err != nil && time.Since(begun) < time.Second {
				n.log.Printf("init: console: %v", err)
				sleep(ctx, 5*time.Second)
			}
		}
	}()
}

// shell is one shell on the console, which is its terminal.
func (n *node) shell(ctx context.Context) error {
	tty, err := consoleFile()
	if err != nil {
		return err
	}
	defer tty.Close()
	cmd := exec.CommandContext(ctx, self, n.cfg.Console...)
	cmd.Dir = "/root"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return cmd.Run()
}

// consoleFile opens the terminal that the kernel's console is: /dev/console itself cannot
// be anybody's controlling terminal.
func consoleFile() (*os.File, error) {
	b, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(b))
	if len(names) == 0 {
		return nil, errors.New("this kernel has no console")
	}
	name := names[len(names)-1]
	if name == "tty0" {
		name = "tty1"
	}
	return os.OpenFile("/dev/"+name, os.O_RDWR|unix.O_NOCTTY, 0)
}
