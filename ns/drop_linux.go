package ns

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// dropTrace keeps from what the calling thread becomes the right to trace that
// Privileged gave for the engine: one who may not mount could else make another
// process do it.
func dropTrace() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, unix.CAP_SYS_PTRACE, 0, 0); err != nil {
		return fmt.Errorf("ambient set: %w", err)
	}
	return nil
}

// dropMount takes from the calling thread, and what it becomes, the right to make
// and undo mounts of Linux's: a process that was root, or that has got the right in
// a user namespace, could else undo what its group may not (RFNOMNT). With it go the
// right to trace who may, by whom it could be done, and that to open files by their handles,
// which leads beneath mounts; to read what others may not, CAP_DAC_OVERRIDE does.
func dropMount() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	for _, c := range []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH} {
		// Where the bounding set can't be changed, there is nobody to become who has more.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EPERM {
			return fmt.Errorf("bounding set: %w", err)
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, c, 0, 0); err != nil {
			return fmt.Errorf("ambient set: %w", err)
		}
		d := &data[c/32]
		for _, set := range []*uint32{&d.Effective, &d.Permitted, &d.Inheritable} {
			*set &^= 1 << (c % 32)
		}
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	return nil
}
