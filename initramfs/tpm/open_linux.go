package tpm

import (
	"os"

	"golang.org/x/sys/unix"
)

// device is the kernel's way to a TPM 2.0 that others use too.
const device = "/dev/tpmrm0"

// Open opens the machine's TPM. The error is an fs.ErrNotExist if it has none.
func Open() (*TPM, error) {
	// Not os.OpenFile: whoever polls gets the end of the file in place of an answer.
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: device, Err: err}
	}
	return New(os.NewFile(uintptr(fd), device))
}
