package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ninespace/test/guest"
)

// TestBootArm64 boots the image for machines of arm64 in one, and has its files here. Debian's installer,
// whose kernel that is, has no FUSE, which a command by cpu would need. It takes a minute and a large
// package, and so NINE_LONG.
func TestBootArm64(t *testing.T) {
	if os.Getenv("NINE_LONG") == "" {
		t.Skip("takes a minute, and fetches 130 MB the first time: NINE_LONG")
	}
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	program(t, "qemu-system-aarch64", "qemu-system-arm")
	program(t, "cpio", "cpio")
	program(t, "ssh-keygen", "openssh-client")
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	kernel, err := guest.DebianArm64(ctx)
	if err != nil {
		t.Skip("no kernel: ", err)
	}
	dir := tempDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(cmd *exec.Cmd) string {
		t.Helper()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	for _, name := range []string{"home/.ssh", "home/n/dev", "home/n/root"} {
		if err := os.MkdirAll(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must(exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at("home/.ssh/id_ed25519")))
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", at("arm"), "ninespace")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64")
	must(build)
	must(exec.CommandContext(ctx, binary(t), "initramfs", "-a", "arm64", "-e", at("arm"), "-o", at("node.cpio"), "-m", kernel.Modules,
		"-M", "virtio_pci,virtio_net,virtio-rng", "-k", at("home/.ssh/id_ed25519.pub")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	boot, off := context.WithCancel(ctx)
	done := make(chan error, 1)
	begun := time.Now()
	go func() {
		done <- guest.Boot(boot, guest.Machine{Arm64: true, Kernel: kernel.Image, Initrd: at("node.cpio"), Memory: 512, Console: at("console"), Forward: port + "-:17011",
			Params: []string{"nine.name=arm"}}, func(string) {})
	}()
	ended := false
	defer func() {
		if off(); !ended {
			<-done
		}
	}()
	said := func(pattern string) string {
		t.Helper()
		for re := regexp.MustCompile(pattern); ; {
			text, _ := os.ReadFile(at("console"))
			if m := re.FindSubmatch(text); m != nil {
				return strings.TrimSpace(string(m[len(m)-1]))
			}
			select {
			case err := <-done:
				ended = true
				t.Fatalf("the guest has ended, %v, and did not say %s:\n%s", errors.Join(err, ctx.Err()), pattern, text)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	key := said(`init: key (\S+ \S+)`)
	said(`init: ready after .*\n`)
	t.Logf("%.1f s: ready", time.Since(begun).Seconds())
	if err := os.WriteFile(at("home/.ssh/known_hosts"), []byte("[127.0.0.1]:"+port+" "+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary(t), "newns", "sh", "-ec", `
		nine import -u root "$host" '#s/dev' n/dev
		nine import -u root "$host" / n/root
		cat n/dev/sysname; echo
		cat n/root/proc/version
		echo written >n/root/tmp/here; cat n/root/tmp/here`)
	cmd.Dir = at("home")
	cmd.Env = append(os.Environ(), "HOME="+at("home"), "NAMESPACE="+dir, "SSH_AUTH_SOCK=", "host=tcp!127.0.0.1!"+port)
	if out := must(cmd); !strings.HasPrefix(out, "arm\nLinux version ") || !strings.HasSuffix(out, "\nwritten\n") {
		t.Errorf("its files: %s", out)
	}
	t.Logf("%.1f s: imported", time.Since(begun).Seconds())
}
