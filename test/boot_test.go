package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// A booted is a guest that nine's own image and init have made a node.
type booted struct {
	t       *testing.T
	ctx     context.Context
	nine    string // statically linked
	home    string // with a key that the node lets in
	port    int
	console string
	done    chan error // how the guest ended
}

// static builds nine as an image has it.
func static(t *testing.T, ctx context.Context, dir string) string {
	t.Helper()
	nine := filepath.Join(dir, "nine")
	if err := guest.Build(ctx, "ninespace", nine); err != nil {
		t.Fatal(err)
	}
	return nine
}

// bootNode makes an image and boots a guest from it, with params on its command line.
func bootNode(t *testing.T, params ...string) *booted {
	t.Helper()
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	program(t, "zstd", "zstd")
	keygen := program(t, "ssh-keygen", "openssh-client")
	kernel := debianKernel(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	dir := tempDir(t)
	b := &booted{t: t, ctx: ctx, home: filepath.Join(dir, "home"), console: filepath.Join(dir, "console"), done: make(chan error, 1)}
	b.nine = static(t, ctx, dir)
	if err := os.MkdirAll(filepath.Join(b.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	id := filepath.Join(b.home, ".ssh/id_ed25519")
	b.must(exec.CommandContext(ctx, keygen, "-q", "-t", "ed25519", "-N", "", "-f", id))
	image := filepath.Join(dir, "node.cpio.zst")
	b.must(exec.CommandContext(ctx, b.nine, "initramfs", "-o", image, "-m", kernel.Modules, "-M", "virtio_pci,virtio_net,virtio_rng,9p,9pnet_fd,overlay", "-k", id+".pub"))
	b.port = freePort(t)
	m := guest.Machine{Kernel: kernel.Image, Initrd: image, Params: params, Memory: 384, Console: b.console, Forward: fmt.Sprintf("%d-:17011", b.port)}
	go func() { b.done <- guest.Boot(ctx, m, func(string) {}) }()
	t.Cleanup(func() {
		cancel()
		if b.done != nil {
			<-b.done
		}
		if t.Failed() {
			text, _ := os.ReadFile(b.console)
			t.Logf("the console:\n%s", text)
		}
	})
	key := b.said(`init: key (\S+ \S+)`)
	known := fmt.Sprintf("[127.0.0.1]:%d %s\n", b.port, key)
	if err := os.WriteFile(filepath.Join(b.home, ".ssh/known_hosts"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	b.said(`init: eth0 is (\S+)`)
	return b
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (b *booted) must(cmd *exec.Cmd) {
	b.t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// said waits for a line on the console, and gives what the pattern's parentheses matched.
func (b *booted) said(pattern string) (found string) {
	b.t.Helper()
	re := regexp.MustCompile(pattern)
	waitFor(b.t, b.ctx, func() bool {
		select {
		case err := <-b.done:
			b.done = nil
			b.t.Fatalf("the guest has ended, %v, and did not say %s", err, pattern)
		default:
		}
		text, _ := os.ReadFile(b.console)
		m := re.FindSubmatch(text)
		if len(m) > 1 {
			found = string(bytes.TrimRight(m[1], "\r"))
		}
		return m != nil
	})
	return found
}

// cpu runs a command on the node, once it lets one in.
func (b *booted) cpu(args ...string) (out string, code int) {
	b.t.Helper()
	args = append([]string{"cpu", "-u", "root", "-h", fmt.Sprintf("tcp!127.0.0.1!%d", b.port)}, args...)
	waitFor(b.t, b.ctx, func() bool {
		cmd := exec.CommandContext(b.ctx, b.nine, args...)
		cmd.Dir = b.home
		cmd.Env = append(os.Environ(), "HOME="+b.home, "NAMESPACE="+b.home, "SSH_AUTH_SOCK=", "cpuidle=0")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			b.t.Fatal(err)
		}
		if strings.HasPrefix(stderr.String(), "cpu: dial ") {
			return false // its cpud is not there yet
		}
		if stderr.Len() > 0 {
			b.t.Logf("%q: %s", args, &stderr)
		}
		out, code = string(text), cmd.ProcessState.ExitCode()
		return true
	})
	return out, code
}

// TestBoot boots nine's image as a guest and uses it as a node: commands with the caller's
// files, exact status, its resources as files, services that come back, and its end.
func TestBoot(t *testing.T) {
	srvtest.CheckGoroutines(t)
	b := bootNode(t, "nine.name=glenda")
	if err := os.WriteFile(filepath.Join(b.home, "mine"), []byte("of the caller\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, code := b.cpu("rc", "-c", "name=`{nine 9p read dev/sysname}; x=`{read </mnt/term"+b.home+"/mine}; echo $name $x >answer; exit 7")
	answer, err := os.ReadFile(filepath.Join(b.home, "answer"))
	if code != 7 || out != "" || string(answer) != "glenda of the caller\n" || err != nil {
		t.Errorf("a command: status %d, output %q, wrote %q, %v", code, out, answer, err)
	}
	status, code := b.cpu("nine", "9p", "read", "node/status")
	for _, want := range []string{`step +modules +done`, `step +network +done`, `service cpud +running`, `service net +running`} {
		if !regexp.MustCompile(want).MatchString(status) || code != 0 {
			t.Errorf("status %d has no %s:\n%s", code, want, status)
		}
	}
	if out, code := b.cpu("rc", "-c", "echo restart ram | nine 9p write node/ctl"); code != 0 {
		t.Errorf("restart ram: status %d: %s", code, out)
	}
	b.said(`init: ram: .*; again in`)
	if out, code := b.cpu("rc", "-c", "echo restart nothing | nine 9p write node/ctl"); code == 0 {
		t.Errorf("a service that there is not was restarted: %s", out)
	}
	// What keeps the node is killed, and everything is there again.
	b.cpu("rc", "-c", "for(i in /mnt/proc/[0-9]*) { a=`{read <$i/args}; if(~ $#a 2 && ~ $a(2) -n) echo kill >$i/ctl }")
	b.said(`init: the node's process ended`)
	b.said(`(?s)node's process ended.*eth0 is`)
	if status, code := b.cpu("nine", "9p", "read", "node/status"); code != 0 || !strings.Contains(status, "service cpud       running") {
		t.Errorf("after the end of who keeps it: status %d:\n%s", code, status)
	}
	b.cpu("rc", "-c", "echo halt | nine 9p write node/ctl") // whose end it may not hear of
	select {
	case err := <-b.done:
		b.done = nil
		if err != nil {
			t.Error(err)
		}
	case <-b.ctx.Done():
		t.Error("it does not halt")
	}
}
