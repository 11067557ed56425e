package factotum

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps the process's memory from others: no core dump, and no ptrace(2) or
// /proc/PID/mem, not for processes of the same user either; prctl(2), PR_SET_DUMPABLE.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit of core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make memory private: %w", err)
	}
	return nil
}

// keepIn has memory be in no core dump and no child.
func keepIn(mem []byte) {
	unix.Madvise(mem, unix.MADV_DONTDUMP)
	unix.Madvise(mem, unix.MADV_WIPEONFORK)
}
