package p9

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// TestErrorTable: a number that the table has comes back from its text, and each
// text of ours is in the table with its number, for there Linux looks it up.
func TestErrorTable(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range enames {
		if seen[e.Ename] {
			t.Errorf("%q is there twice", e.Ename)
		}
		seen[e.Ename] = true
		if got := ErrorOfText(e.Ename); *got != e {
			t.Errorf("%q: %v", e.Ename, *got)
		}
		if got := ErrorOfText(ErrorOfErrno(e.Errno).Ename); got.Errno != e.Errno {
			t.Errorf("%d is %q is %d", e.Errno, ErrorOfErrno(e.Errno).Ename, got.Errno)
		}
		if errors.Is(&e, fs.ErrNotExist) != (e.Errno == syscall.ENOENT) {
			t.Errorf("%q: is fs.ErrNotExist", e.Ename)
		}
	}
	for _, e := range []*Error{ErrPerm, ErrNotOwner, ErrNotExist, ErrExist, ErrNotDir, ErrIsDir, ErrNotEmpty, ErrUnknownFid, ErrFidInUse,
		ErrBadUseFid, ErrOpen, ErrBadMode, ErrBadName, ErrBadOffset, ErrDirOffset, ErrBadCount, ErrReadOnly, ErrExclOpen, ErrBotch,
		ErrBadStat, ErrWstat, ErrIO, ErrInterrupted, ErrNotSup, ErrNoAuth, ErrNameTooLong, ErrHungup, ErrUnknownUser} {
		if got := ErrorOfText(e.Ename); *got != *e {
			t.Errorf("%q: %v in the table, %v in the variable", e.Ename, got.Errno, e.Errno)
		}
	}
	for n := syscall.Errno(1); n < 134; n++ {
		e := ErrorOfErrno(n)
		if e.Errno != n || e.Ename == "" || !errors.Is(e, n) {
			t.Errorf("%d: %v, %q", n, e.Errno, e.Ename)
		}
	}
	for n, ename := range map[syscall.Errno]string{ // each of which Linux knows
		syscall.EMSGSIZE: "Message too long", syscall.ENOTSOCK: "Socket operation on non-socket", syscall.EHOSTDOWN: "Host is down",
		syscall.ECONNABORTED: "Software caused connection abort", syscall.ENOBUFS: "No buffer space available",
	} {
		if e := ErrorOfErrno(n); e.Ename != ename {
			t.Errorf("%d: %q", n, e.Ename)
		}
	}
	if e := ErrorOfText("the disk is on fire"); e.Errno != syscall.EIO || e.Ename != "the disk is on fire" {
		t.Errorf("%+v", e)
	}
}

// TestErrorNamed: kernels of Plan 9 say which file it is about.
func TestErrorNamed(t *testing.T) {
	for text, want := range map[string]syscall.Errno{
		"file does not exist: '/mnt/term/x'": syscall.ENOENT,
		"file does not exist: 'it's: 'so''":  syscall.ENOENT,
		"'/env/rstatus' file does not exist": syscall.ENOENT,
		"'a' 'b' permission denied":          syscall.EACCES,
		"the disk is on fire: 'x'":           syscall.EIO,
		"file does not exist: x":             syscall.EIO,
		"'":                                  syscall.EIO,
		"' ":                                 syscall.EIO,
		": '":                                syscall.EIO,
		"'' ":                                syscall.EIO,
	} {
		if e := ErrorOfText(text); e.Errno != want || e.Ename != text {
			t.Errorf("%q: %v %q, want %v", text, e.Errno, e.Ename, want)
		}
	}
}

func TestErrorOf(t *testing.T) {
	_, notExist := os.Open("/nonexistent/file")
	for _, c := range []struct {
		err   error
		ename string
		errno syscall.Errno
	}{
		{ErrNotExist, "file does not exist", syscall.ENOENT},
		{syscall.ENOTDIR, "not a directory", syscall.ENOTDIR},
		{fmt.Errorf("ctl: %w", ErrPerm), "ctl: permission denied", syscall.EACCES},
		{fmt.Errorf("ctl: %w", syscall.EBUSY), "ctl: " + syscall.EBUSY.Error(), syscall.EBUSY},
		{notExist, "file does not exist", syscall.ENOENT},
		{fs.ErrNotExist, "file does not exist", syscall.ENOENT},
		{fs.ErrExist, "file already exists", syscall.EEXIST},
		{fmt.Errorf("x: %w", fs.ErrExist), "x: file already exists", syscall.EEXIST},
		{fs.ErrPermission, "permission denied", syscall.EACCES},
		{syscall.EISDIR, "Is a directory", syscall.EISDIR}, // so Linux has it, and in no other way
		{ErrIsDir, "Is a directory", syscall.EISDIR},
		{io.ErrClosedPipe, "i/o on hungup channel", syscall.EIO},
		{context.Canceled, "Interrupted system call", syscall.EINTR},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), "Interrupted system call", syscall.EINTR},
		{errors.New("odd"), "odd", syscall.EIO},
	} {
		e := ErrorOf(c.err)
		if e.Ename != c.ename || e.Errno != c.errno {
			t.Errorf("%v: %q, %v", c.err, e.Ename, e.Errno)
		}
	}
	if ErrorOf(nil) != nil {
		t.Error("nil is an error")
	}
	wrapped := fmt.Errorf("mount: %w", ErrNotExist)
	if !errors.Is(wrapped, fs.ErrNotExist) || !errors.Is(wrapped, syscall.ENOENT) || errors.Is(wrapped, fs.ErrExist) {
		t.Error("errors.Is does not see through")
	}
}
