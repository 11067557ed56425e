package p9file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"github.com/hugelgupf/p9/linux"

	"ninespace/srv/p9"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		theirs error
		want   error // nil: the same
		text   string
	}{
		{linux.ENOENT, p9.ErrNotExist, "file does not exist"},
		{linux.ENOTEMPTY, p9.ErrNotEmpty, "directory is not empty"},
		{linux.ENOSYS, p9.ErrNotSup, "Operation not supported"},
		{fmt.Errorf("lock: %w", syscall.ENOSYS), p9.ErrNotSup, "Operation not supported"},
		{fmt.Errorf("key: %w", linux.ENODATA), syscall.ENODATA, "key: no data available"},
		{&fs.PathError{Op: "open", Path: "/secret", Err: linux.EACCES}, p9.ErrPerm, "permission denied"},
		{&fs.PathError{Op: "open", Path: "/secret", Err: syscall.EACCES}, p9.ErrPerm, "permission denied"},
		{fs.ErrExist, fs.ErrExist, "file already exists"},
		{errors.New("odd"), syscall.EIO, "odd"},
	} {
		got := p9.ErrorOf(ours(c.theirs))
		if !errors.Is(got, c.want) || got.Ename != c.text {
			t.Errorf("%v: %q %d, want %v %q", c.theirs, got.Ename, got.Errno, c.want, c.text)
		}
	}
	if ours(io.EOF) != io.EOF || ours(nil) != nil || theirs(io.EOF) != io.EOF || theirs(nil) != nil {
		t.Error("no error, or the end, is another one")
	}
	for _, c := range []struct {
		ours error
		want linux.Errno
	}{
		{p9.ErrNotOwner, linux.EPERM}, // which Go takes for EACCES
		{syscall.ENOTEMPTY, linux.ENOTEMPTY},
		{fmt.Errorf("walk: %w", p9.ErrNotExist), linux.ENOENT},
		{fs.ErrExist, linux.EEXIST},
		{context.Canceled, linux.EINTR},
		{linux.EXDEV, linux.EXDEV},
		{p9.NewError(0, "no number"), linux.EIO},
		{errors.New("odd"), linux.EIO},
	} {
		if got := theirs(c.ours); got != c.want || linux.ExtractErrno(got) != c.want {
			t.Errorf("%v: %v, want %v", c.ours, got, c.want)
		}
	}
	if err := safely(func() error { panic("odd") }); !errors.Is(err, syscall.EFAULT) || err.Error() != "panic: odd" {
		t.Errorf("panic: %v", err)
	}
}
