package p9

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
)

// An Error is what a server answers instead of a reply: text for 9P2000, a
// number for 9P2000.L. The two are one value, so that errors.Is(err,
// fs.ErrNotExist) holds on either side of the wire, in either dialect.
type Error struct {
	Ename string
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Ename }

// Is reports whether the error's number is, or stands for, the target.
func (e *Error) Is(target error) bool {
	if t, ok := target.(*Error); ok {
		return t.Errno == e.Errno && t.Ename == e.Ename
	}
	if n, ok := target.(syscall.Errno); ok {
		return n == e.Errno
	}
	return e.Errno != 0 && e.Errno.Is(target)
}

// Errors that the engine and the servers share. Each text but ErrHungup's, which is
// Plan 9's, is a key of the table by which Linux's v9fs turns a 9P2000 error into a
// number.
var (
	ErrPerm        = &Error{"permission denied", syscall.EACCES}
	ErrNotOwner    = &Error{"Operation not permitted", syscall.EPERM}
	ErrNotExist    = &Error{"file does not exist", syscall.ENOENT}
	ErrExist       = &Error{"file already exists", syscall.EEXIST}
	ErrNotDir      = &Error{"not a directory", syscall.ENOTDIR}
	ErrIsDir       = &Error{"Is a directory", syscall.EISDIR}
	ErrNotEmpty    = &Error{"directory is not empty", syscall.ENOTEMPTY}
	ErrUnknownFid  = &Error{"fid unknown or out of range", syscall.EBADF}
	ErrFidInUse    = &Error{"fid already in use", syscall.EBADF}
	ErrBadUseFid   = &Error{"bad use of fid", syscall.EBADF}
	ErrOpen        = &Error{"file already open for I/O", syscall.ETXTBSY}
	ErrBadMode     = &Error{"illegal mode", syscall.EINVAL}
	ErrBadName     = &Error{"illegal name", syscall.ENAMETOOLONG}
	ErrBadOffset   = &Error{"illegal offset", syscall.EINVAL}
	ErrDirOffset   = &Error{"bad offset in directory read", syscall.ESPIPE}
	ErrBadCount    = &Error{"i/o count too large", syscall.EIO}
	ErrReadOnly    = &Error{"read only file system", syscall.EROFS}
	ErrExclOpen    = &Error{"exclusive use file already open", syscall.EAGAIN}
	ErrBotch       = &Error{"protocol botch", syscall.EPROTO}
	ErrBadStat     = &Error{"bogus wstat buffer", syscall.EPROTO}
	ErrWstat       = &Error{"wstat prohibited", syscall.EPERM}
	ErrIO          = &Error{"i/o error", syscall.EIO}
	ErrInterrupted = &Error{"Interrupted system call", syscall.EINTR}
	ErrNotSup      = &Error{"Operation not supported", syscall.EOPNOTSUPP}
	ErrNoAuth      = &Error{"authentication failed", syscall.ECONNREFUSED}
	ErrNameTooLong = &Error{"File name too long", syscall.ENAMETOOLONG}
	ErrHungup      = &Error{"i/o on hungup channel", syscall.EIO}
	ErrNoData      = &Error{"No data available", enodata} // an attribute that is not there
	ErrUnknownUser = &Error{"unknown user", syscall.EINVAL}
)

// NewError makes an error with a text of its own and a number, for
// messages that name what was wrong.
func NewError(errno syscall.Errno, text string) *Error { return &Error{text, errno} }

// enames follows the table of Linux's net/9p/error.c: what a 9P2000 server's text means
// as a number there. For a number it is read from the top, so that the first text of
// a number is the one that we send. A few are our own, for numbers that Linux's table
// has no text for, nor one that means the same (ESRCH, ECHILD, EADDRINUSE,
// EADDRNOTAVAIL, EOVERFLOW, ESTALE): those Linux shows as 526.
var enames = [...]Error{
	{"permission denied", syscall.EACCES},
	{"file does not exist", syscall.ENOENT},
	{"file already exists", syscall.EEXIST},
	{"not a directory", syscall.ENOTDIR},
	{"Is a directory", syscall.EISDIR},
	{"directory is not empty", syscall.ENOTEMPTY},
	{"fid unknown or out of range", syscall.EBADF},
	{"Invalid argument", syscall.EINVAL},
	{"read only file system", syscall.EROFS},
	{"i/o error", syscall.EIO},
	{"Device or resource busy", syscall.EBUSY},
	{"Operation not permitted", syscall.EPERM},
	{"wstat prohibited", syscall.EPERM},
	{"No such file or directory", syscall.ENOENT},
	{"directory entry not found", syscall.ENOENT},
	{"file not found", syscall.ENOENT},
	{"Interrupted system call", syscall.EINTR},
	{"interrupted", syscall.EINTR},
	{"Input/output error", syscall.EIO},
	{"i/o on hungup channel", syscall.EIO},
	{"No such device or address", syscall.ENXIO},
	{"Argument list too long", syscall.E2BIG},
	{"Bad file descriptor", syscall.EBADF},
	{"Resource temporarily unavailable", syscall.EAGAIN},
	{"Cannot allocate memory", syscall.ENOMEM},
	{"Permission denied", syscall.EACCES},
	{"Bad address", syscall.EFAULT},
	{"Block device required", syscall.ENOTBLK},
	{"File exists", syscall.EEXIST},
	{"Invalid cross-device link", syscall.EXDEV},
	{"No such device", syscall.ENODEV},
	{"Not a directory", syscall.ENOTDIR},
	{"is a directory", syscall.EISDIR},
	{"Too many open files in system", syscall.ENFILE},
	{"Too many open files", syscall.EMFILE},
	{"Text file busy", syscall.ETXTBSY},
	{"File too large", syscall.EFBIG},
	{"No space left on device", syscall.ENOSPC},
	{"Illegal seek", syscall.ESPIPE},
	{"Read-only file system", syscall.EROFS},
	{"Too many links", syscall.EMLINK},
	{"Broken pipe", syscall.EPIPE},
	{"Numerical argument out of domain", syscall.EDOM},
	{"Numerical result out of range", syscall.ERANGE},
	{"Resource deadlock avoided", syscall.EDEADLK},
	{"File name too long", syscall.ENAMETOOLONG},
	{"No locks available", syscall.ENOLCK},
	{"Function not implemented", syscall.ENOSYS},
	{"Directory not empty", syscall.ENOTEMPTY},
	{"Too many levels of symbolic links", syscall.ELOOP},
	{"No data available", enodata},
	{"Protocol error", syscall.EPROTO},
	{"Value too large for defined data type", syscall.EOVERFLOW},
	{"Operation not supported", syscall.EOPNOTSUPP},
	{"Address already in use", syscall.EADDRINUSE},
	{"Cannot assign requested address", syscall.EADDRNOTAVAIL},
	{"Network is down", syscall.ENETDOWN},
	{"Network is unreachable", syscall.ENETUNREACH},
	{"Connection reset by peer", syscall.ECONNRESET},
	{"Transport endpoint is not connected", syscall.ENOTCONN},
	{"Connection timed out", syscall.ETIMEDOUT},
	{"Connection refused", syscall.ECONNREFUSED},
	{"No route to host", syscall.EHOSTUNREACH},
	{"Operation already in progress", syscall.EALREADY},
	{"Operation now in progress", syscall.EINPROGRESS},
	{"Disk quota exceeded", syscall.EDQUOT},
	{"No message of desired type", syscall.ENOMSG},
	{"Machine is not on the network", enonet},
	{"Package not installed", enopkg},
	{"Object is remote", syscall.EREMOTE},
	{"Link has been severed", syscall.ENOLINK},
	{"Communication error on send", ecomm},
	{"Bad message", syscall.EBADMSG},
	{"File descriptor in bad state", ebadfd},
	{"Streams pipe error", estrpipe},
	{"Too many users", syscall.EUSERS},
	{"Socket operation on non-socket", syscall.ENOTSOCK},
	{"Message too long", syscall.EMSGSIZE},
	{"Protocol not available", syscall.ENOPROTOOPT},
	{"Protocol not supported", syscall.EPROTONOSUPPORT},
	{"Socket type not supported", syscall.ESOCKTNOSUPPORT},
	{"Protocol family not supported", syscall.EPFNOSUPPORT},
	{"Network dropped connection on reset", syscall.ENETRESET},
	{"Software caused connection abort", syscall.ECONNABORTED},
	{"No buffer space available", syscall.ENOBUFS},
	{"Transport endpoint is already connected", syscall.EISCONN},
	{"Cannot send after transport endpoint shutdown", syscall.ESHUTDOWN},
	{"Host is down", syscall.EHOSTDOWN},
	{"Is a named type file", eisnam},
	{"Remote I/O error", eremoteio},
	{"Stale file handle", syscall.ESTALE},
	{"Identifier removed", syscall.EIDRM},
	{"No child processes", syscall.ECHILD},
	{"No such process", syscall.ESRCH},
	{"process exited", syscall.ESRCH},
	{"fid already in use", syscall.EBADF},
	{"bad use of fid", syscall.EBADF},
	{"unknown fid", syscall.EBADF},
	{"file already open for I/O", syscall.ETXTBSY},
	{"authentication failed", syscall.ECONNREFUSED},
	{"bad offset in directory read", syscall.ESPIPE},
	{"wstat can't convert between files and directories", syscall.EPERM},
	{"file exists", syscall.EEXIST},
	{"file or directory already exists", syscall.EEXIST},
	{"file in use", syscall.ETXTBSY},
	{"illegal mode", syscall.EINVAL},
	{"illegal name", syscall.ENAMETOOLONG},
	{"not a member of proposed group", syscall.EPERM},
	{"not owner", syscall.EACCES},
	{"only owner can change group in wstat", syscall.EACCES},
	{"no access to special file", syscall.EPERM},
	{"i/o count too large", syscall.EIO},
	{"unknown group", syscall.EINVAL},
	{"unknown user", syscall.EINVAL},
	{"bogus wstat buffer", syscall.EPROTO},
	{"exclusive use file already open", syscall.EAGAIN},
	{"corrupted directory entry", syscall.EIO},
	{"corrupted file entry", syscall.EIO},
	{"corrupted block label", syscall.EIO},
	{"corrupted meta data", syscall.EIO},
	{"illegal offset", syscall.EINVAL},
	{"illegal path element", syscall.ENOENT},
	{"root of file system is corrupted", syscall.EIO},
	{"corrupted super block", syscall.EIO},
	{"protocol botch", syscall.EPROTO},
	{"file system is full", syscall.ENOSPC},
	{"file is in use", syscall.EAGAIN},
	{"directory entry is not allocated", syscall.ENOENT},
	{"file is read only", syscall.EROFS},
	{"file has been removed", syscall.EIDRM},
	{"only support truncation to zero length", syscall.EPERM},
	{"cannot remove root", syscall.EPERM},
	{"file too big", syscall.EFBIG},
	{"venti i/o error", syscall.EIO},
}

// ErrorOfText gives the Error that a 9P2000 server's text stands for, whatever file it
// names. A text that the table lacks keeps its words and counts as EIO.
func ErrorOfText(ename string) *Error {
	for i := range enames {
		if enames[i].Ename == ename {
			return &enames[i]
		}
	}
	if bare := unnamed(ename); bare != "" {
		return &Error{ename, ErrorOfText(bare).Errno}
	}
	return &Error{ename, syscall.EIO}
}

// unnamed gives a text without the file's name that Plan 9's kernels put behind it ("file
// does not exist: '/x'") or, drawterm's, before it ("'/x' file does not exist"); "" where
// there is none.
func unnamed(ename string) string {
	if i := strings.Index(ename, ": '"); i > 0 && strings.HasSuffix(ename[i+3:], "'") {
		return ename[:i]
	}
	if i := strings.LastIndex(ename, "' "); i > 0 && ename[0] == '\'' && ename[i+2:] != "" {
		return ename[i+2:]
	}
	return ""
}

// ErrorOfErrno gives the Error that a 9P2000.L server's number stands for.
func ErrorOfErrno(errno syscall.Errno) *Error {
	for i := range enames {
		if enames[i].Errno == errno {
			return &enames[i]
		}
	}
	return &Error{errno.Error(), errno}
}

// ErrorOfNumber gives the Error that the number of an Rlerror stands for, which is
// Linux's on every system.
func ErrorOfNumber(n uint32) *Error { return ErrorOfErrno(hostErrno(n)) }

// Number is the error's number in an Rlerror: Linux's, as include/uapi/asm-generic has it.
func (e *Error) Number() uint32 { return linuxErrno(e.Errno) }

// ErrorOf turns any error into what goes over the wire: the text is the error's
// own where it says more than a number, the number that of the innermost Error
// or Errno it wraps, EIO without one. nil stays nil.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	if n, ok := err.(syscall.Errno); ok {
		return ErrorOfErrno(n)
	}
	var e *Error
	if errors.As(err, &e) {
		return &Error{err.Error(), e.Errno}
	}
	var pe *fs.PathError
	var n syscall.Errno
	if errors.As(err, &n) {
		// A path of the server's side means nothing to the client.
		if errors.As(err, &pe) || err.Error() == n.Error() {
			return ErrorOfErrno(n)
		}
		return &Error{err.Error(), n}
	}
	for _, c := range [...]struct {
		is error
		e  *Error
	}{
		{fs.ErrNotExist, ErrNotExist}, {fs.ErrExist, ErrExist}, {fs.ErrPermission, ErrPerm},
		{fs.ErrClosed, ErrHungup}, {fs.ErrInvalid, ErrorOfErrno(syscall.EINVAL)}, {io.ErrClosedPipe, ErrHungup},
	} {
		if err == c.is {
			return c.e
		}
		if errors.Is(err, c.is) {
			return &Error{err.Error(), c.e.Errno}
		}
	}
	if isContext(err) {
		return ErrInterrupted
	}
	return &Error{err.Error(), syscall.EIO}
}
