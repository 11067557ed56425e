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
	os.Remove(m.Console) // of the one before
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
	return b.boot("bare.cpio", memory, b.once(bareLine, answers), nil)
}

// once has nobody call the guest before it has said a line: qemu's network takes the call at once, and tries it
// again only after seconds.
func (b *bench) once(line *regexp.Regexp, ready func(ctx context.Context, port string) bool) func(context.Context, string) bool {
	return func(ctx context.Context, port string) bool {
		_, err := b.said(line)
		return err == nil && ready(ctx, port)
	}
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
	return b.boot("node.cpio", memory, b.once(readyLine, func(ctx context.Context, port string) bool {
		out, err := b.cpu(ctx, port, "rc", "-c", "echo here")
		return err == nil && out == "here\n"
	}), func(ctx context.Context, port string) error {
		out, err := b.cpu(ctx, port, "rc", "-c", "{while(read) ~ 1 1} </proc/meminfo; nine 9p read node/log")
		if err != nil {
			return err
		}
		return b.note(out)
	})
}

// counted has a guest's clock be the number of instructions that it has run, at 250 million a
// second: how busy this machine is makes no difference, nor what qemu takes to get code ready.
var counted = []string{"-icount", "shift=2,sleep=off"}

// countNine boots a node until cpu has run a command on it, and gives how often that would be done in a
// minute of the guest's.
func (b *bench) countNine() (float64, error) {
	var up, idle float64 // what waits for this machine is no matter of instructions
	_, err := b.boot("node.cpio", 256, func(ctx context.Context, port string) bool {
		out, err := b.cpu(ctx, port, "rc", "-c", "read </proc/uptime")
		_, err1 := fmt.Sscan(out, &up, &idle)
		return err == nil && err1 == nil
	}, nil, counted...)
	if err == nil {
		var said []string
		if said, err = b.said(readyLine); err == nil {
			b.counts = append(b.counts, own(said))
		}
	}
	return 60 / (up - idle), err
}

// countOwn gives how often init's own work would be done in a minute.
func (b *bench) countOwn() (float64, error) {
	if len(b.counts) == 0 { // the row of cpu was not asked for
		if _, err := b.countNine(); err != nil {
			return 0, err
		}
	}
	return 60 / b.counts.Median(), nil
}

// countBare does so with the bare init, until it would answer.
func (b *bench) countBare() (float64, error) {
	return b.counted("bare.cpio", bareLine, func(context.Context, string) bool { return true })
}

// counted boots an image until it is ready and has said a line, with the uptime and what of that
// was idle, and gives how often that would be done in a minute of the guest's.
func (b *bench) counted(image string, line *regexp.Regexp, ready func(context.Context, string) bool) (float64, error) {
	var said []string
	is := false
	_, err := b.boot(image, 256, func(ctx context.Context, port string) bool {
		if is = is || ready(ctx, port); !is {
			return false
		}
		var err error
		said, err = b.said(line)
		return err == nil
	}, nil, counted...)
	if err != nil {
		return 0, err
	}
	var up, idle float64
	_, err = fmt.Sscan(said[1], &up, &idle)
	return 60 / (up - idle), err
}

// said finds what the guest has said on its console.
func (b *bench) said(line *regexp.Regexp) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(b.dir, "console"))
	m := line.FindStringSubmatch(string(text))
	if m == nil && err == nil {
		err = fmt.Errorf("the console: %q", text)
	}
	return m, err
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
	bareLine  = regexp.MustCompile(`bare: listens after ([\d.]+ [\d.]+)`)
	urootLine = regexp.MustCompile(`uroot: answered after ([\d.]+ [\d.]+)`)
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
