package vm

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/exportfs/door"
	"ninespace/factotum/sshkey"
	"ninespace/initramfs"
	"ninespace/initramfs/vm/kvm"
)

// A Config says what to boot. The zero value of each field but Name will do.
type Config struct {
	Name    string    // the node's, and that under which it is posted
	Nine    string    // the program, statically linked; "" this one
	Kernel  string    // "" is one that is here, with Modules
	Modules string    // directory of the kernel's modules
	Memory  int       // MiB; 0: 256
	Accel   string    // qemu's accelerators, with colons between; "": kvm where guests run by it, or tcg
	Params  string    // further ones of the kernel's command line
	Console io.Writer // what the node says; nil: nobody
}

// qemu is the program, of Debian's package qemu-system-x86.
const qemu = "qemu-system-x86_64"

// modules are what these nodes use of the kernel's.
var modules = []string{"virtio_pci", "virtio_net", "virtio_rng", "virtio_blk", "9p", "9pnet_fd", "9pnet_virtio", "fuse", "overlay"}

// A vm is a node that runs, or is about to.
type vm struct {
	Config
	dir  string // with its keys and its image, the user's alone
	addr string // of its cpud, on this machine
	dial door.Dialer
}

// Run boots a node and posts it, once its cpud lets in, as a server that cpu, import and the
// others take for a cpud. It boots again when it has ended otherwise than by halting, under
// the same name and with the same key. Run returns when the node halts or ctx ends.
func Run(ctx context.Context, c Config) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("no guests on %s yet", runtime.GOARCH)
	}
	if _, err := exec.LookPath(qemu); err != nil {
		return fmt.Errorf("%s: %w: install Debian's qemu-system-x86", qemu, exec.ErrNotFound)
	}
	v := &vm{Config: c}
	if err := v.defaults(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nine.vm.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	v.dir = dir
	if err := v.image(); err != nil {
		return err
	}
	// The guest ends with the thread that has started it.
	runtime.LockOSThread()
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := v.boot(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(v.Console, "vm: %s: %v; again in %v\n", v.Name, err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

func (v *vm) defaults() (err error) {
	if v.Kernel == "" {
		if v.Kernel, v.Modules, err = findKernel(); err != nil {
			return err
		}
	}
	if v.Nine == "" {
		if v.Nine, err = os.Executable(); err != nil {
			return err
		}
	}
	if v.Memory == 0 {
		v.Memory = 256
	}
	if v.Accel == "" {
		v.Accel = "tcg"
		if kvm.Check() == nil {
			v.Accel = "kvm:tcg"
		}
	}
	if v.Console == nil {
		v.Console = io.Discard
	}
	return nil
}

// image makes the node's image, and the keys by which it and its owner know one another.
func (v *vm) image() error {
	owner, err := v.key("owner")
	if err != nil {
		return err
	}
	host, err := v.key("host")
	if err != nil {
		return err
	}
	v.dial = door.Dialer{Key: filepath.Join(v.dir, "owner"), Known: filepath.Join(v.dir, "known")}
	if err := os.WriteFile(v.dial.Known, []byte("* "+host+"\n"), 0o600); err != nil {
		return err
	}
	all, err := initramfs.OpenModules(v.Modules)
	if err != nil {
		return err
	}
	const hostKey = "/etc/ssh/ssh_host_ed25519_key"
	return initramfs.Create(filepath.Join(v.dir, "image.cpio"), initramfs.Config{
		Nine: v.Nine, Arch: runtime.GOARCH, Modules: v.Modules, Need: all.Have(modules), Load: all.Have([]string{"fuse"}), Keys: owner + "\n",
		Files: []initramfs.Extra{{From: filepath.Join(v.dir, "host"), To: hostKey}, {From: filepath.Join(v.dir, "host.pub"), To: hostKey + ".pub"}},
	})
}

// key makes a key, in a file and beside it in one .pub, and gives the latter's line.
func (v *vm) key(name string) (string, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return "", err
	}
	text, err := sshkey.FormatFile(key, v.Name)
	if err != nil {
		return "", err
	}
	file := filepath.Join(v.dir, name)
	return pub.String(), errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(file+".pub", []byte(pub.String()+"\n"), 0o644))
}

// boot runs qemu until the guest ends, nil if it has halted.
func (v *vm) boot(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	port, err := freePort()
	if err != nil {
		return err
	}
	v.addr = "tcp!127.0.0.1!" + port
	cmd := exec.CommandContext(ctx, qemu, "-machine", "accel="+v.Accel, "-m", fmt.Sprint(v.Memory), "-nodefaults", "-vga", "none", "-display", "none",
		"-serial", "stdio", "-nic", "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:"+port+"-:"+door.Port, "-device", "virtio-rng-pci",
		"-kernel", v.Kernel, "-initrd", filepath.Join(v.dir, "image.cpio"),
		"-append", strings.TrimSpace("console=ttyS0 panic=1 quiet no_timer_check nine.name="+v.Name+" "+v.Params))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	var last tail
	cmd.Stdout, cmd.Stderr = v.Console, io.MultiWriter(v.Console, &last)
	if err := cmd.Start(); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := v.post(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintf(v.Console, "vm: %s: %v\n", v.Name, err)
		}
	})
	err = cmd.Wait()
	cancel()
	wg.Wait()
	if err != nil && last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// A tail is the last of what is written to it.
type tail string

func (t *tail) Write(p []byte) (int, error) {
	*t = tail(strings.TrimSpace(string(p[max(0, len(p)-200):])))
	return len(p), nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
