package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/auth"
	"ninespace/initramfs/vm/kvm"
	"ninespace/srv"
	"ninespace/srv/p9"
)

func checks() []check {
	return []check{
		{"fuse", "programs see a name space through it", true, fuse},
		{"mounts", "each name space is a mount namespace, with a FUSE file system in it", true, mounts},
		{"openat2", "diskfs stays beneath its directory by it", true, openat2},
		{"posting", "servers are found there, by name", true, posting},
		{"servers", "what nine up or you have started", false, servers},
		{"keys", "cpu and import prove by one who you are", false, keys},
		{"hostkey", "cpud proves by it which machine this is", false, hostKey},
		{"port", "cpud listens at it", false, func() (string, error) { return port("17011", "cpud -l 'tcp!*!17012'") }},
		{"9port", "file servers listen at it where no other is said", false, func() (string, error) { return port("564", "-l 'tcp!*!5640'") }},
		{"v9fs", "newns -9 has the kernel mount servers", false, v9fs},
		{"passthrough", "the kernel reads and writes long files of name spaces itself", false, passthrough},
		{"cgroups", "execfs and procfs limit processors, memory and processes by them", false, cgroups},
		{"ptrace", "procfs hangs and traces processes by it", false, ptrace},
		{"memlock", "factotum keeps secrets out of swap by it", false, memlock},
		{"kexec", "a node starts another kernel by it", false, kexec},
		{"qemu", "boots are tried in it, by the tests", false, qemu},
	}
}

func fuse() (string, error) {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", lack{what: "no /dev/fuse", remedy: "modprobe fuse, as root; a container has to be given the device"}
	case errors.Is(err, fs.ErrPermission):
		return "", lack{what: "/dev/fuse is not open to you", remedy: "chmod 666 /dev/fuse, as root"}
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return "", lack{what: "the kernel has no FUSE", remedy: "modprobe fuse, as root"}
	case err != nil:
		return "", err
	}
	return "/dev/fuse opens", f.Close()
}

// setting reads a file of /proc/sys; "" where the kernel does not have it.
func setting(name string) string {
	b, _ := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	return strings.TrimSpace(string(b))
}

func openat2() (string, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH})
	if errors.Is(err, unix.EXDEV) { // "/" is not beneath: it is understood
		return "Linux " + release(), nil
	}
	if err != nil {
		return "", lack{what: "Linux " + release() + ": " + err.Error(), remedy: "it takes 5.6 or newer, and a container's filter that lets it pass"}
	}
	unix.Close(fd)
	return "Linux " + release(), nil
}

func release() string {
	var u unix.Utsname
	unix.Uname(&u)
	return unix.ByteSliceToString(u.Release[:])
}

// sinceLinux tells whether the kernel is that new.
func sinceLinux(major, minor int) bool {
	var a, b int
	fmt.Sscanf(release(), "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}

func posting() (string, error) {
	dir := p9.Namespace()
	if len(dir) > 90 { // a socket's path is at most 107 bytes
		return "", lack{what: dir + " is too long for sockets in it", remedy: "set NAMESPACE to a shorter one"}
	}
	st, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := unix.Access(filepath.Dir(dir), unix.W_OK); err != nil {
			return "", lack{what: filepath.Dir(dir) + ": " + err.Error(), remedy: "set NAMESPACE to a directory of yours"}
		}
		return dir + ", made when it is needed", nil
	}
	if err != nil {
		return "", err
	}
	if own, ok := st.Sys().(*syscall.Stat_t); !st.IsDir() || ok && int(own.Uid) != os.Geteuid() {
		return "", lack{what: dir + " is not a directory of yours", remedy: "set NAMESPACE to one that is"}
	}
	if st.Mode()&0o022 != 0 {
		return "", lack{what: dir + " is others' to write", remedy: "chmod 700 " + dir}
	}
	return dir, nil
}

func servers() (string, error) {
	dir := p9.Namespace()
	ents, _ := os.ReadDir(dir)
	var live, dead []string
	for _, e := range ents {
		if e.Type() != os.ModeSocket {
			continue
		}
		c, err := net.DialTimeout("unix", filepath.Join(dir, e.Name()), time.Second)
		if err != nil {
			dead = append(dead, filepath.Join(dir, e.Name()))
			continue
		}
		c.Close()
		live = append(live, e.Name())
	}
	switch {
	case len(dead) > 0:
		return "", lack{what: "nobody answers any more", remedy: "rm " + strings.Join(dead, " "), less: true}
	case len(live) == 0:
		return "none posted; nine up starts some", nil
	}
	return strings.Join(live, " "), nil
}

func keys() (string, error) {
	if _, err := os.Stat(filepath.Join(p9.Namespace(), "factotum")); err == nil {
		return "by the factotum that is posted", nil
	}
	if dir, err := auth.UserDir(); err == nil {
		for _, name := range []string{"id_ed25519", "id_ecdsa"} {
			file := filepath.Join(dir, name)
			if f, err := os.Open(file); err == nil {
				f.Close()
				return file, nil
			}
		}
	}
	if os.Getenv("SSH_AUTH_SOCK") != "" {
		return "by the ssh-agent", nil
	}
	return "", lack{what: "no key of yours", remedy: "ssh-keygen -t ed25519, and its .pub into ~/.ssh/authorized_keys of other nodes"}
}

func hostKey() (string, error) {
	const file = "/etc/ssh/ssh_host_ed25519_key"
	if _, err := os.Stat(file); err == nil {
		if os.Geteuid() != 0 {
			return file + ", for a cpud of root's; your own uses a key of yours", nil
		}
		return file, nil
	}
	if os.Geteuid() != 0 {
		return "none of the machine's; a cpud of yours uses a key of yours", nil
	}
	return "", lack{what: "no " + file, remedy: "ssh-keygen -A"}
}

func port(number, instead string) (string, error) {
	l, err := net.Listen("tcp", ":"+number)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return number + " is taken: by ninespace already, if you have it listen there", nil
	case errors.Is(err, syscall.EACCES):
		return "", lack{what: number + " is root's", remedy: "listen at another, as " + instead, less: true}
	case err != nil:
		return "", err
	}
	return number + " is free", l.Close()
}

func v9fs() (string, error) {
	b, _ := os.ReadFile("/proc/filesystems")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[len(f)-1] == "9p" {
			if os.Geteuid() != 0 {
				return "there, for root", nil
			}
			return "there", nil
		}
	}
	if found, _ := filepath.Glob("/lib/modules/" + release() + "/kernel/fs/9p/9p.ko*"); len(found) > 0 {
		return "", lack{what: "not loaded", remedy: "modprobe 9p, as root", less: true}
	}
	return "", lack{what: "the kernel has none", remedy: "the name space's engine mounts servers all the same", less: true}
}

func passthrough() (string, error) {
	switch {
	case !sinceLinux(6, 9):
		return "", lack{what: "Linux " + release(), remedy: "since 6.9; without, such reads take longer", less: true}
	case os.Geteuid() != 0:
		return "", lack{what: "is root's", remedy: "without, such reads take longer", less: true}
	}
	return "Linux " + release(), nil
}

func cgroups() (string, error) {
	mount := srv.GroupMount()
	if mount == "" {
		return "", lack{what: "no control groups of version 2", remedy: "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1", less: true}
	}
	b, _ := os.ReadFile("/proc/self/cgroup")
	own := filepath.Join(mount, srv.ParseGroup(string(b)))
	if err := unix.Access(own, unix.W_OK); err != nil {
		return "", lack{what: own + ": " + err.Error(), remedy: "as root, or where systemd delegates: systemd-run --user --scope -p Delegate=yes", less: true}
	}
	return own, nil
}

func ptrace() (string, error) {
	switch scope := setting("kernel.yama.ptrace_scope"); {
	case scope == "3":
		return "", lack{what: "kernel.yama.ptrace_scope is 3", remedy: "only another boot changes that", less: true}
	case scope != "" && scope != "0" && os.Geteuid() != 0:
		return "", lack{what: "only of one's own children", remedy: "sysctl kernel.yama.ptrace_scope=0, as root", less: true}
	}
	return "allowed", nil
}

func memlock() (string, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r); err != nil {
		return "", err
	}
	if os.Geteuid() != 0 && r.Cur < 1<<20 {
		return "", lack{what: fmt.Sprintf("%d KiB", r.Cur>>10), remedy: "ulimit -l 1024, or more in /etc/security/limits.conf", less: true}
	}
	if os.Geteuid() == 0 || r.Cur == unix.RLIM_INFINITY {
		return "all that there is", nil
	}
	return fmt.Sprintf("%d KiB", r.Cur>>10), nil
}

func kexec() (string, error) {
	switch {
	case setting("kernel.kexec_load_disabled") == "":
		return "", lack{what: "the kernel has none", remedy: "a reboot starts the other kernel", less: true}
	case setting("kernel.kexec_load_disabled") == "1":
		return "", lack{what: "shut since the boot", remedy: "only another boot changes that", less: true}
	case os.Geteuid() != 0:
		return "", lack{what: "is root's", less: true}
	}
	return "allowed", nil
}

func qemu() (string, error) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64"}[runtime.GOARCH]
	path, err := exec.LookPath("qemu-system-" + arch)
	if err != nil {
		return "", lack{what: "no qemu-system-" + arch, remedy: "apt install qemu-system", less: true}
	}
	switch err := kvm.Check(); {
	case errors.Is(err, fs.ErrNotExist):
		return path + ", without kvm: slow", nil
	case err != nil:
		return fmt.Sprintf("%s, without kvm: slow (%v)", path, err), nil
	}
	return path + ", with kvm", nil
}
