package door

import (
	"os"

	"golang.org/x/sys/unix"
)

// Detach makes this process one of no terminal's and of no directory's: fds become /dev/null.
func Detach(fds ...int) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	unix.Setsid() // from here on no terminal's signals are ours
	for _, fd := range fds {
		dup(int(null.Fd()), fd)
	}
	return os.Chdir("/")
}
