package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/test/typed"
)

// become makes of this process, which is the first of its namespaces, a shell in the root.
func become(root string) error {
	goEnv := func(name string) string {
		out, _ := exec.Command("go", "env", name).Output()
		return strings.TrimSpace(string(out))
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// The root is pivot_root(2)'s, as in a container: who enters another mount namespace, as
	// name spaces do, loses that of chroot(2).
	if err := unix.Mount(root, root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(root, name) }
	for _, m := range []struct {
		from, to, kind string
		flags          uintptr
		data           string
	}{
		{"proc", "proc", "proc", 0, ""},
		{"sysfs", "sys", "sysfs", unix.MS_RDONLY, ""},
		{"tmpfs", "tmp", "tmpfs", 0, "mode=1777"},
		{"tmpfs", "dev", "tmpfs", 0, "mode=755"},
		{"devpts", "dev/pts", "devpts", 0, "newinstance,ptmxmode=0666"},
		{"tmpfs", "dev/shm", "tmpfs", 0, ""},
		{goEnv("GOROOT"), "usr/local/go", "", unix.MS_BIND, ""},
		{goEnv("GOMODCACHE"), "root/go/pkg/mod", "", unix.MS_BIND, ""},
		{goEnv("GOCACHE"), "root/.cache/go-build", "", unix.MS_BIND, ""},
	} {
		err := errors.Join(os.MkdirAll(at(m.to), 0o755), unix.Mount(m.from, at(m.to), m.kind, m.flags, m.data))
		if err != nil {
			return fmt.Errorf("%s: %w", m.to, err)
		}
	}
	for name, n := range map[string][2]uint32{"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0}, "fuse": {10, 229}} {
		if err := unix.Mknod(at("dev/"+name), unix.S_IFCHR|0o666, int(unix.Mkdev(n[0], n[1]))); err != nil {
			return fmt.Errorf("/dev/%s: %w", name, err)
		}
		os.Chmod(at("dev/"+name), 0o666)
	}
	for name, to := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(to, at("dev/"+name)); err != nil {
			return err
		}
	}
	unix.Sethostname([]byte("stranger"))
	if err := errors.Join(unix.Chdir(root), unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), unix.Chdir("/root/ninespace")); err != nil {
		return err
	}
	env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin", "HOME=/root", "USER=root",
		"SHELL=/bin/sh", "GOPROXY=off", "DEBIAN_FRONTEND=noninteractive"}, typed.Env...)
	return syscall.Exec("/bin/sh", []string{"sh", "-i"}, env)
}
