package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// IsNode tells whether this process is to be a node's first.
func IsNode() bool { return os.Getenv(nodeEnv) != "" }

// Node is what a node's first process does: it makes the node, says so, and stays until
// who made it closes the pipe. Who made it says what went wrong.
func Node() {
	hear, tell := os.NewFile(3, "order"), os.NewFile(4, "ready")
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	os.Unsetenv(nodeEnv)
	in := bufio.NewReader(hear)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return // nobody waits for an answer any more
	}
	n := node{dead: map[int]bool{}}
	if err = json.Unmarshal(line, &n.order); err == nil {
		err = n.up()
	}
	if err != nil {
		fmt.Fprint(tell, err)
		return
	}
	fmt.Fprint(tell, "ok")
	tell.Close()
	io.Copy(io.Discard, in) // and with the first process all end
}

type node struct {
	order
	exe string

	mu   sync.Mutex
	dead map[int]bool // children that have ended
}

// up makes a node of this process's namespaces.
func (n *node) up() error {
	var err error
	if n.exe, err = os.Executable(); err != nil {
		return err
	}
	if err := n.mounts(); err != nil {
		return err
	}
	os.WriteFile("/proc/self/comm", []byte("nine"), 0) // and not "exe", as it was started
	if err := unix.Sethostname([]byte(n.Name)); err != nil {
		return fmt.Errorf("host's name: %w", err)
	}
	if err := errors.Join(up("lo"), number("eth0", n.Addr), up("eth0")); err != nil {
		return err
	}
	for _, name := range []string{"cpu", "cpus", "SSH_AUTH_SOCK", "NINE_ARGS"} { // the caller's own
		os.Unsetenv(name)
	}
	home := filepath.Join(n.Dir, "home")
	os.Setenv("HOME", home)
	os.Setenv("PWD", home)
	os.Setenv("NAMESPACE", filepath.Join(n.Dir, "ns"))
	if err := os.Chdir(home); err != nil {
		return err
	}
	go n.reap()
	for _, s := range n.Servers {
		if err := n.serve("unix", filepath.Join(n.Dir, "ns", s.Name), s.Cmd, "-s", s.Name); err != nil {
			return err
		}
	}
	if err := n.serve("unix", filepath.Join(n.Dir, "ns", "root"), "diskfs", "-s", "root", "/"); err != nil {
		return err
	}
	return n.serve("tcp", "127.0.0.1:17011", "cpud", "-l", "tcp!*!17011",
		"-k", filepath.Join(home, ".ssh", "id_ed25519"), "-a", filepath.Join(n.Etc, "users"))
}

// mounts makes /proc the node's, and has it see its own files in /etc.
func (n *node) mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	etc := filepath.Join(n.Etc, "etc")
	if err := unix.Mount(filepath.Join(etc, "hosts"), "/etc/hosts", "", unix.MS_BIND, ""); err == unix.ENOENT {
		// A machine without that file has nothing that another one can be seen at.
		if err := unix.Mount("overlay", "/etc", "overlay", unix.MS_RDONLY, "lowerdir="+etc+":/etc"); err != nil {
			return fmt.Errorf("/etc/hosts is missing: overlay: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("mount /etc/hosts: %w", err)
	}
	if err := unix.Mount(filepath.Join(n.Dir, "passwd"), "/etc/passwd", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount /etc/passwd: %w", err)
	}
	return nil
}

// reap waits for children, and for those that others of the node have left.
func (n *node) reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	for {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if err == unix.EINTR {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			n.mu.Lock()
			n.dead[pid] = true
			n.mu.Unlock()
		}
		<-ended
	}
}

// startLimit is how long a server may take until it answers.
const startLimit = 20 * time.Second

// serve starts a command of nine and waits until it answers at its address.
func (n *node) serve(network, address, name string, args ...string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess(n.exe, append([]string{"nine", name}, args...), &os.ProcAttr{
		Files: []*os.File{null, null, os.Stderr}, Sys: &unix.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("server %s: %w", name, err)
	}
	defer p.Release()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(startLimit); time.Now().Before(limit); <-tick.C {
		if c, err := net.Dial(network, address); err == nil {
			c.Close()
			return nil
		}
		n.mu.Lock()
		ended := n.dead[p.Pid]
		n.mu.Unlock()
		if ended {
			return fmt.Errorf("server %s: ended", name)
		}
	}
	return fmt.Errorf("server %s: not there after %v", name, startLimit)
}
