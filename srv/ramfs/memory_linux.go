package ramfs

import (
	"math"
	"syscall"
)

// Memory tells how many bytes of memory the machine has, sysinfo(2).
func Memory() int64 {
	var si syscall.Sysinfo_t
	if err := syscall.Sysinfo(&si); err != nil {
		return 1 << 30 // it fails for a bad address only
	}
	return int64(min(uint64(si.Totalram)*uint64(si.Unit), math.MaxInt64))
}
