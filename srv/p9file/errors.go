package p9file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/hugelgupf/p9/linux"

	"ninespace/srv/p9"
)

// ours gives the form that package srv knows of an error of a p9.File. Both have
// Linux's numbers. io.EOF stays.
func ours(err error) error {
	var n linux.Errno
	var path *fs.PathError
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, linux.ENOSYS), errors.Is(err, syscall.ENOSYS):
		return p9.ErrNotSup
	case !errors.As(err, &n):
		return err // p9.ErrorOf knows it as well as anybody
	case err == n || errors.As(err, &path): // a path of the server's side means nothing to the client
		return p9.ErrorOfErrno(syscall.Errno(n))
	}
	return p9.NewError(syscall.Errno(n), err.Error())
}

// theirs gives the number that an error is in 9P2000.L. It has to be their type:
// of any other, linux.ExtractErrno takes ENOTEMPTY for EEXIST and EPERM for
// EACCES. io.EOF stays.
func theirs(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var n linux.Errno
	if errors.As(err, &n) {
		return n
	}
	if n := p9.ErrorOf(err).Errno; n != 0 {
		return linux.Errno(n)
	}
	return linux.EIO
}

// safely calls f, which calls a p9.File, and gives its error as ours.
func safely(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = p9.NewError(syscall.EFAULT, fmt.Sprintf("panic: %v", v))
		}
	}()
	return ours(f())
}
