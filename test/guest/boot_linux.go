package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// A Machine is what to boot.
type Machine struct {
	Kernel  string   // vmlinux or bzImage; "" boots from the network
	Initrd  string   // the initramfs's file
	Params  []string // of the kernel's command line
	Args    []string // arguments of the guest's init
	Nic     string   // qemu's -nic; "" is a network of qemu's own, with Forward
	Forward string   // a port of the host's 127.0.0.1 and the guest's that it leads to, "17999-:17011"; "" none
	Memory  int      // MiB
	Console string   // the file that the console's output goes to; what comes to the socket Console.typed is typed there
	Qemu    []string // further arguments of qemu
	Arm64   bool     // not one of this kind: its console is /dev/ttyAMA0, and it has no other
}

// Boot runs the machine, without KVM, until it powers off or reboots, which is
// what a panic ends in, or ctx ends. It hands over each line that the guest
// writes to its second serial port, /dev/ttyS1; the first is the console. A guest
// with virtio_net reaches the host's 127.0.0.1 as 10.0.2.2 and is 10.0.2.15.
func Boot(ctx context.Context, m Machine, line func(string)) error {
	qemu, console := "qemu-system-x86_64", "console=ttyS0"
	if m.Arm64 {
		qemu, console = "qemu-system-aarch64", "console=ttyAMA0"
	}
	nic := m.Nic
	if nic == "" {
		nic = "user,model=virtio-net-pci"
	}
	if m.Forward != "" {
		nic += ",hostfwd=tcp:127.0.0.1:" + m.Forward
	}
	args := []string{
		"-accel", "tcg", "-smp", "1", "-m", fmt.Sprint(m.Memory), "-no-reboot",
		"-nodefaults", "-vga", "none", "-display", "none",
		"-chardev", "socket,id=console,server=on,wait=off,path=" + m.Console + ".typed,logfile=" + m.Console,
		"-serial", "chardev:console", "-serial", "stdio",
		"-nic", nic, "-device", "virtio-rng-pci",
	}
	if m.Arm64 {
		args = append(args, "-machine", "virt", "-cpu", "cortex-a57")
	}
	if m.Kernel == "" {
		args = append(args, "-boot", "n")
	} else {
		// On a busy machine the guest may wait too long for its timer, which it would take
		// for a broken one.
		args = append(args, "-kernel", m.Kernel, "-initrd", m.Initrd,
			"-append", console+" panic=-1 quiet mitigations=off no_timer_check "+strings.Join(m.Params, " ")+" -- "+strings.Join(m.Args, " "))
	}
	cmd := exec.CommandContext(ctx, qemu, append(args, m.Qemu...)...)
	// Where this program dies, so does the guest. The kernel takes a thread's end
	// for that.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = new(strings.Builder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line(strings.TrimSuffix(lines.Text(), "\r"))
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", qemu, err, cmd.Stderr)
	}
	return lines.Err()
}

// Build has go build a program of this module for guests, where there are no
// libraries: statically linked, and without what only debuggers want.
func Build(ctx context.Context, pkg, file string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
}
