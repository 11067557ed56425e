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
	"regexp"
	"strconv"
	"time"

	"ninespace/test/guest"
)

// patience is how long a guest may take until it answers.
const patience = 2 * time.Minute

// boot boots an image and gives the time until ready says so.
func (b *bench) boot(image string, memory int, ready func(ctx context.Context, port string) bool, also func(ctx context.Context, port string) error, qemu ...string) (took time.Duration, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	m := guest.Machine{Kernel: b.kernel.Image, Initrd: filepath.Join(b.dir, image), Memory: memory, Console: filepath.Join(b.dir, "console"), Forward: port + "-:17011", Qemu: qemu}
	done := make(chan error, 1)
	begun := time.Now()
	go func() { done <- guest.Boot(ctx, m, func(string) {}) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx, port) {
		select {
		case err := <-done:
			if err == nil {
				err = errors.New("by itself")
			}
			return 0, fmt.Errorf("the guest has ended: %w", err)
		case <-tick.C:
		}
	}
	took = time.Since(begun)
	if also != nil {
		err = also(ctx, port)
	}
	cancel()
	<-done
	return took, err
}

// bootBare boots the bare init until it answers a connection.
func (b *bench) bootBare(memory int) (time.Duration, error) {
	return b.boot("bare.cpio", memory, answers, nil)
}

// answers tells whether a guest answers a connection.
func answers(ctx context.Context, port string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line == "here\n"
}

// bootNine boots a node until cpu has run a command on it, and asks it how it went.
func (b *bench) bootNine(memory int) (time.Duration, error) {
	return b.boot("node.cpio", memory, func(ctx context.Context, port string) bool {
		out, err := b.cpu(ctx, port, "rc", "-c", "echo here")
		return err == nil && out == "here\n"
	}, func(ctx context.Context, port string) error {
		out, err := b.cpu(ctx, port, "rc", "-c", "{while(read) ~ 1 1} </proc/meminfo; nine 9p read node/log")
		if err != nil {
			return err
		}
		return b.note(out)
	})
}

// bootCounted boots a node whose clock is the number of instructions that it has run, at 250
// million a second, and gives how often init's own work would be done in a minute: how busy
// this machine is makes no difference.
func (b *bench) bootCounted() (float64, error) {
	console := filepath.Join(b.dir, "console")
	os.Remove(console)
	var said []string
	_, err := b.boot("node.cpio", 256, func(context.Context, string) bool {
		text, _ := os.ReadFile(console)
		said = readyLine.FindStringSubmatch(string(text))
		return said != nil
	}, nil, "-icount", "shift=2,sleep=off")
	if err != nil {
		return 0, err
	}
	return 60 / own(said), nil
}

// cpu runs a command on the node at a port.
func (b *bench) cpu(ctx context.Context, port string, args ...string) (string, error) {
	pub, err := os.ReadFile(b.dir + "/host.pub")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(b.dir+"/home/.ssh/known_hosts", []byte("* "+string(pub)), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, b.nine, append([]string{"cpu", "-u", "root", "-h", "tcp!127.0.0.1!" + port}, args...)...)
	cmd.Dir = b.dir + "/home"
	cmd.Env = append(os.Environ(), "HOME="+b.dir+"/home", "NAMESPACE="+b.dir, "SSH_AUTH_SOCK=", "cpuidle=0")
	out, err := cmd.Output()
	return string(out), err
}

var (
	meminfo   = regexp.MustCompile(`(?m)^(MemTotal|MemFree|Buffers|Cached|SReclaimable):\s+(\d+) kB`)
	readyLine = regexp.MustCompile(`init: ready after ([\d.]+) s, of which modules took ([\d.]+) s`)
)

// note takes figures from what the node says of itself.
func (b *bench) note(text string) error {
	var used float64
	for _, m := range meminfo.FindAllStringSubmatch(text, -1) {
		v, _ := strconv.ParseFloat(m[2], 64)
		if m[1] != "MemTotal" {
			v = -v
		}
		used += v / 1024
	}
	m := readyLine.FindStringSubmatch(text)
	if m == nil || used <= 0 {
		return fmt.Errorf("the node's log and memory: %q", text)
	}
	b.own, b.used = append(b.own, own(m)), append(b.used, used)
	return nil
}

// own is what init took of its own, in seconds, as readyLine has found it.
func own(m []string) float64 {
	all, _ := strconv.ParseFloat(m[1], 64)
	modules, _ := strconv.ParseFloat(m[2], 64)
	return all - modules
}
