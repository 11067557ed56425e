package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// trial in the environment makes the process the one that mounts has in the namespaces.
const trial = "NINE_DOCTOR"

// mounts has a child try it, in new namespaces, which end with it.
func mounts() (string, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"doctor"}
	cmd.Env = append(os.Environ(), trial+"=1")
	uid, gid, as := os.Geteuid(), os.Getegid(), "as root"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if !mayMount() {
		as = "in a user namespace"
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
		}
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, &stderr // /dev/null may not be there
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return as, nil
	case errors.As(err, &exit):
		text := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "doctor: ")
		if strings.HasPrefix(text, "/dev/fuse") {
			return "", lack{what: "a FUSE file system can not be tried", remedy: "see fuse above"}
		}
		return "", lack{what: text, remedy: "a container has to be given mounts (--cap-add SYS_ADMIN, or --security-opt apparmor=unconfined)"}
	}
	return "", lack{what: "no " + strings.TrimPrefix(as, "in a ") + ": " + reason(err), remedy: remedy()}
}

// mayMount tells whether the process has CAP_SYS_ADMIN.
func mayMount() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	return data[unix.CAP_SYS_ADMIN/32].Effective&(1<<(unix.CAP_SYS_ADMIN%32)) != 0
}

// reason gives the number's words alone.
func reason(err error) string {
	if n := syscall.Errno(0); errors.As(err, &n) {
		return n.Error()
	}
	return err.Error()
}

// remedy says what keeps users from user namespaces.
func remedy() string {
	for _, s := range []struct{ name, bad, good string }{
		{"kernel.unprivileged_userns_clone", "0", "1"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
		{"user.max_user_namespaces", "0", "10000"},
	} {
		if setting(s.name) == s.bad {
			return "sysctl " + s.name + "=" + s.good + ", as root"
		}
	}
	return "run as root; a container's filter may forbid them"
}

// tryMount is the child: it mounts a FUSE file system, which nobody looks at.
func tryMount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/fuse: %w", err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Geteuid(), os.Getegid())
	if err := unix.Mount("doctor", "/proc", "fuse", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return fmt.Errorf("mount a FUSE file system: %w", err)
	}
	return unix.Unmount("/proc", unix.MNT_DETACH)
}
