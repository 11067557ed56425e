//go:build !linux

package factotum

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden lets the process dump no core. What else of its memory others may read is what
// the system lets them: its own user's debuggers, on most.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit of core dumps: %w", err)
	}
	return nil
}

func keepIn([]byte) {}
