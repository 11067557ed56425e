package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/initramfs"
	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// TestNetbootGuest switches on a machine without a disk, in a network namespace with a
// bridge: its card's iPXE asks nine netboot for an address and a script, loads kernel and
// image, and the image's init says on the console what it was told.
func TestNetbootGuest(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network of its own")
	}
	qemu := program(t, "qemu-system-x86_64", "qemu-system-x86")
	program(t, "ip", "iproute2")
	if _, err := os.Stat("/usr/lib/ipxe/qemu/pxe-virtio.rom"); err != nil {
		t.Skip("Debian's ipxe-qemu is missing: ", err)
	}
	srvtest.CheckGoroutines(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir := tempDir(t)
	image, err := debianKernel(t).BzImage(ctx)
	if err != nil {
		t.Skip("no kernel: ", err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "boot"), 0o755), netbootImage(ctx, dir, filepath.Join(dir, "boot", "image")),
		copyFile(image, filepath.Join(dir, "boot", "kernel"))); err != nil {
		t.Fatal(err)
	}
	ndb := filepath.Join(dir, "ndb")
	if err := os.WriteFile(ndb, []byte("ipnet=lab ip=10.9.0.0 ipmask=255.255.255.0\n"+
		"class=worker kernel=kernel image=image manifest=worker.manifest\n\tcmdline=\"console=ttyS0 panic=-1 quiet\"\n"+
		"ether=525400123456 ip=10.9.0.11 sys=node1 class=worker\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ca", "release"} {
		if out, err := exec.CommandContext(ctx, program(t, "ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	nine := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary(t), args...)
		cmd.Env = append(os.Environ(), "NAMESPACE="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	if out, err := nine("netboot", "-S", filepath.Join(dir, "release"), "-f", ndb, "-d", filepath.Join(dir, "boot")).CombinedOutput(); err != nil || string(out) != "worker.manifest\n" {
		t.Fatalf("%v: %s", err, out)
	}
	netns(t)
	server := nine("netboot", "-f", ndb, "-d", filepath.Join(dir, "boot"), "-c", filepath.Join(dir, "ca"), "-k", filepath.Join(dir, "release.pub"))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
	}()
	if !srvtest.Until(func() bool { _, err := os.Stat(filepath.Join(dir, "netboot")); return err == nil }) {
		t.Fatal("nine netboot posts nothing")
	}
	node := "netboot/nodes/525400123456/"
	write := nine("9p", "write", node+"ctl")
	write.Stdin = strings.NewReader("token 5m\n")
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(ctx, qemu, "-accel", "tcg", "-smp", "1", "-m", "256", "-no-reboot", "-nodefaults", "-vga", "none", "-display", "none",
		"-serial", "stdio", "-boot", "n", "-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no",
		"-device", "virtio-net-pci,netdev=n,mac=52:54:00:12:34:56")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	booted := ""
	var console strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(out, &console)); lines.Scan(); {
		if _, line, ok := strings.Cut(lines.Text(), "booted: "); ok {
			booted = line
			t.Logf("booted %.1f s after qemu began", time.Since(begun).Seconds())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("qemu: %v", err)
	}
	read := func(name string) string {
		text, err := nine("9p", "read", name).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, text)
		}
		return string(text)
	}
	log, status := read("netboot/log"), read(node+"status")
	if !strings.Contains(booted, "console=ttyS0 panic=-1 quiet nine.token=") || !strings.HasSuffix(booted, " nine.join=http://10.9.0.1/join") {
		t.Errorf("booted: %q\n%s\n%s", booted, console.String(), log)
	}
	if !strings.Contains(status, "ether=525400123456 sys=node1 ip=10.9.0.11 class=worker\n\tstate=image known=true boots=1 ") || !strings.Contains(status, "token=given") {
		t.Error(status)
	}
	for _, want := range []string{"dhcp: offer 10.9.0.11 boot http://10.9.0.1/boot/525400123456", "join: its token is in the script", `http: "kernel" to 10.9.0.11`, `http: "image" to 10.9.0.11`} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log", want)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("%s\n%s", log, status)
	}
}

// netbootImage makes the guest's initramfs.
func netbootImage(ctx context.Context, dir, file string) error {
	init := filepath.Join(dir, "init")
	if err := guest.Build(ctx, "ninespace/test/guest/netboot", init); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a := initramfs.NewArchive(f)
	for _, d := range []string{"dev", "proc"} {
		a.Dir(d, 0o755)
	}
	a.Copy("init", 0o755, init)
	return a.Close()
}

// netns gives the test's goroutine, and what it starts, a network of its own: a bridge
// with the address 10.9.0.1 and the device tap0 at it.
func netns(t *testing.T) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"link set lo up",
		"link add br0 type bridge forward_delay 0",
		"addr add 10.9.0.1/24 dev br0",
		"link set br0 up",
		"tuntap add tap0 mode tap",
		"link set tap0 master br0 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatal(fmt.Errorf("ip %s: %w: %s", line, err, out))
		}
	}
}
