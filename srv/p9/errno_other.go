//go:build !linux

package p9

import "syscall"

// Errors that only Linux has: numbers that no system's are, made of Linux's.
const (
	enonet    syscall.Errno = foreign + 64
	enopkg    syscall.Errno = foreign + 65
	ecomm     syscall.Errno = foreign + 70
	ebadfd    syscall.Errno = foreign + 77
	estrpipe  syscall.Errno = foreign + 86
	eisnam    syscall.Errno = foreign + 120
	eremoteio syscall.Errno = foreign + 121
	enodata   syscall.Errno = foreign + 61
)

// foreign is what is added to a number of Linux's that has no name here.
const foreign = 1 << 16

// numbers are Linux's, of include/uapi/asm-generic, and what is the same here.
var numbers = [...]struct {
	linux uint32
	host  syscall.Errno
}{
	{1, syscall.EPERM},
	{2, syscall.ENOENT},
	{3, syscall.ESRCH},
	{4, syscall.EINTR},
	{5, syscall.EIO},
	{6, syscall.ENXIO},
	{7, syscall.E2BIG},
	{9, syscall.EBADF},
	{10, syscall.ECHILD},
	{11, syscall.EAGAIN},
	{12, syscall.ENOMEM},
	{13, syscall.EACCES},
	{14, syscall.EFAULT},
	{15, syscall.ENOTBLK},
	{16, syscall.EBUSY},
	{17, syscall.EEXIST},
	{18, syscall.EXDEV},
	{19, syscall.ENODEV},
	{20, syscall.ENOTDIR},
	{21, syscall.EISDIR},
	{22, syscall.EINVAL},
	{23, syscall.ENFILE},
	{24, syscall.EMFILE},
	{26, syscall.ETXTBSY},
	{27, syscall.EFBIG},
	{28, syscall.ENOSPC},
	{29, syscall.ESPIPE},
	{30, syscall.EROFS},
	{31, syscall.EMLINK},
	{32, syscall.EPIPE},
	{33, syscall.EDOM},
	{34, syscall.ERANGE},
	{35, syscall.EDEADLK},
	{36, syscall.ENAMETOOLONG},
	{37, syscall.ENOLCK},
	{38, syscall.ENOSYS},
	{39, syscall.ENOTEMPTY},
	{40, syscall.ELOOP},
	{42, syscall.ENOMSG},
	{43, syscall.EIDRM},
	{66, syscall.EREMOTE},
	{67, syscall.ENOLINK},
	{71, syscall.EPROTO},
	{74, syscall.EBADMSG},
	{75, syscall.EOVERFLOW},
	{87, syscall.EUSERS},
	{88, syscall.ENOTSOCK},
	{90, syscall.EMSGSIZE},
	{92, syscall.ENOPROTOOPT},
	{93, syscall.EPROTONOSUPPORT},
	{94, syscall.ESOCKTNOSUPPORT},
	{95, syscall.EOPNOTSUPP},
	{96, syscall.EPFNOSUPPORT},
	{98, syscall.EADDRINUSE},
	{99, syscall.EADDRNOTAVAIL},
	{100, syscall.ENETDOWN},
	{101, syscall.ENETUNREACH},
	{102, syscall.ENETRESET},
	{103, syscall.ECONNABORTED},
	{104, syscall.ECONNRESET},
	{105, syscall.ENOBUFS},
	{106, syscall.EISCONN},
	{107, syscall.ENOTCONN},
	{108, syscall.ESHUTDOWN},
	{110, syscall.ETIMEDOUT},
	{111, syscall.ECONNREFUSED},
	{112, syscall.EHOSTDOWN},
	{113, syscall.EHOSTUNREACH},
	{114, syscall.EALREADY},
	{115, syscall.EINPROGRESS},
	{116, syscall.ESTALE},
	{122, syscall.EDQUOT},
	{64, enonet},
	{65, enopkg},
	{70, ecomm},
	{77, ebadfd},
	{86, estrpipe},
	{120, eisnam},
	{121, eremoteio},
	{61, enodata},
}

func linuxErrno(e syscall.Errno) uint32 {
	for _, n := range numbers {
		if n.host == e {
			return n.linux
		}
	}
	if e > foreign {
		return uint32(e - foreign)
	}
	return 5 // EIO
}

func hostErrno(linux uint32) syscall.Errno {
	for _, n := range numbers {
		if n.linux == linux {
			return n.host
		}
	}
	return syscall.Errno(linux) + foreign
}
