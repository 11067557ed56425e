package rootfs

import (
	"syscall"
	"time"
)

// times gives those of the last use and of the last change of the file or its attributes.
func times(st *syscall.Stat_t) (atime, ctime time.Time) {
	return time.Unix(int64(st.Atim.Sec), int64(st.Atim.Nsec)), time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec))
}
