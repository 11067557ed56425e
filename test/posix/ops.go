package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An operation takes the name before "=", if any, and its words.
type operation func(name string, a []string) (string, error)

// plain makes an operation of a call that gives nothing but an error.
func plain(f func(a []string) error) operation {
	return func(_ string, a []string) (string, error) { return "", f(a) }
}

func mode(s string) uint32 { return uint32(number(s)) }

var ops = map[string]operation{
	// reset dir: a new start
	"reset": plain(func(a []string) error {
		for k, fd := range fds {
			unix.Close(fd)
			delete(fds, k)
		}
		for k, m := range maps {
			unix.Munmap(m)
			delete(maps, k)
		}
		clear(stats)
		unix.Umask(0)
		return unix.Chdir(a[0])
	}),
	"umask": plain(func(a []string) error { unix.Umask(int(number(a[0]))); return nil }),
	"chdir": plain(func(a []string) error { return unix.Chdir(a[0]) }),
	"remove": plain(func(a []string) error { // all that is in a directory
		es, err := os.ReadDir(a[0])
		for _, e := range es {
			os.RemoveAll(a[0] + "/" + e.Name())
		}
		return err
	}),

	// names
	"mkdir":  plain(func(a []string) error { return unix.Mkdir(a[0], mode(a[1])) }),
	"rmdir":  plain(func(a []string) error { return unix.Rmdir(a[0]) }),
	"unlink": plain(func(a []string) error { return unix.Unlink(a[0]) }),
	"link":   plain(func(a []string) error { return unix.Link(a[0], a[1]) }),
	"linkfd": plain(func(a []string) error {
		return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(file(a[0])), unix.AT_FDCWD, a[1], unix.AT_SYMLINK_FOLLOW)
	}),
	"symlink": plain(func(a []string) error { return unix.Symlink(a[0], a[1]) }),
	"readlink": func(_ string, a []string) (string, error) {
		b := make([]byte, 8192)
		n, err := unix.Readlink(a[0], b)
		return short(string(b[:max(n, 0)])), err
	},
	"rename": plain(func(a []string) error {
		return unix.Renameat2(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], uint(flags(a[2])))
	}),
	"mknod": plain(func(a []string) error {
		kind := map[string]uint32{"p": unix.S_IFIFO, "c": unix.S_IFCHR, "b": unix.S_IFBLK, "s": unix.S_IFSOCK, "f": unix.S_IFREG}[a[1]]
		return unix.Mknod(a[0], kind|mode(a[2]), int(number(a[3])))
	}),
	"ls": func(_ string, a []string) (string, error) {
		es, err := os.ReadDir(a[0])
		s := ""
		for _, e := range es {
			s += " " + short(e.Name()) + kindOf(uint32(typeBits(e.Type())))
		}
		return "[" + strings.TrimPrefix(s, " ") + "]", err
	},
	"many": plain(func(a []string) error { // many dir n
		for i := range number(a[1]) {
			if err := unix.Symlink("x", fmt.Sprintf("%s/%05d", a[0], i)); err != nil {
				return err
			}
		}
		return nil
	}),
	// drain dir: lists it piecemeal and removes what it finds
	"drain": func(_ string, a []string) (string, error) {
		f, err := os.Open(a[0])
		if err != nil {
			return "", err
		}
		defer f.Close()
		n := 0
		for {
			names, _ := f.Readdirnames(7)
			if len(names) == 0 {
				return strconv.Itoa(n), nil
			}
			for _, m := range names {
				if err := os.Remove(a[0] + "/" + m); err != nil {
					return "", err
				}
				n++
			}
		}
	},

	// attributes
	"stat":  func(_ string, a []string) (string, error) { return tell(a, unix.Stat) },
	"lstat": func(_ string, a []string) (string, error) { return tell(a, unix.Lstat) },
	"fstat": func(_ string, a []string) (string, error) {
		return tell(a, func(f string, st *unix.Stat_t) error { return unix.Fstat(file(f), st) })
	},
	"same": func(_ string, a []string) (string, error) {
		var x, y unix.Stat_t
		if err := unix.Lstat(a[0], &x); err != nil {
			return "", err
		}
		err := unix.Lstat(a[1], &y)
		return strconv.FormatBool(x.Ino == y.Ino && x.Dev == y.Dev), err
	},
	"chmod":  plain(func(a []string) error { return unix.Chmod(a[0], mode(a[1])) }),
	"fchmod": plain(func(a []string) error { return unix.Fchmod(file(a[0]), mode(a[1])) }),
	"chown":  plain(func(a []string) error { return unix.Chown(a[0], int(number(a[1])), int(number(a[2]))) }),
	"lchown": plain(func(a []string) error { return unix.Lchown(a[0], int(number(a[1])), int(number(a[2]))) }),
	"fchown": plain(func(a []string) error { return unix.Fchown(file(a[0]), int(number(a[1])), int(number(a[2]))) }),
	"access": plain(func(a []string) error {
		return unix.Faccessat2(unix.AT_FDCWD, a[0], uint32(flags(a[1])), unix.AT_EACCESS)
	}),
	"truncate":  plain(func(a []string) error { return unix.Truncate(a[0], number(a[1])) }),
	"ftruncate": plain(func(a []string) error { return unix.Ftruncate(file(a[0]), number(a[1])) }),
	"utimens":   plain(func(a []string) error { return utimens(a[0], a[1], a[2], 0) }),
	"lutimens":  plain(func(a []string) error { return utimens(a[0], a[1], a[2], unix.AT_SYMLINK_NOFOLLOW) }),
	"futimens": plain(func(a []string) error {
		return utimens("/proc/self/fd/"+strconv.Itoa(file(a[0])), a[1], a[2], 0)
	}),
	"stamp": func(_ string, a []string) (string, error) { return "", stamp(a[0]) },
	"moved": func(_ string, a []string) (string, error) { return moved(a[0]) },
	"statfs": func(_ string, a []string) (string, error) {
		var s unix.Statfs_t
		err := unix.Statfs(a[0], &s)
		return fmt.Sprintf("bsize %d frsize %d namelen %d blocks %v files %v", s.Bsize, s.Frsize, s.Namelen, s.Blocks > 0, s.Files > 0), err
	},
	"pathconf": func(_ string, a []string) (string, error) {
		var s unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, a[0], 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &s)
		return fmt.Sprintf("btime %v", s.Mask&unix.STATX_BTIME != 0), err
	},

	// extended attributes
	"setxattr":  plain(func(a []string) error { return unix.Setxattr(a[0], a[1], []byte(a[2]), flags(a[3])) }),
	"lsetxattr": plain(func(a []string) error { return unix.Lsetxattr(a[0], a[1], []byte(a[2]), flags(a[3])) }),
	"getxattr": func(_ string, a []string) (string, error) {
		b := make([]byte, 70000)
		if a[2] != "" {
			b = b[:number(a[2])]
		}
		n, err := unix.Getxattr(a[0], a[1], b)
		return fmt.Sprintf("%d %q", n, short(string(b[:min(len(b), max(n, 0))]))), err
	},
	"listxattr": func(_ string, a []string) (string, error) {
		b := make([]byte, 70000)
		n, err := unix.Listxattr(a[0], b)
		names := strings.Split(strings.TrimSuffix(string(b[:max(n, 0)]), "\x00"), "\x00")
		slices.Sort(names)
		return fmt.Sprint(names), err
	},
	"removexattr": plain(func(a []string) error { return unix.Removexattr(a[0], a[1]) }),

	// open files
	"open": func(name string, a []string) (string, error) {
		fd, err := unix.Open(a[0], flags(a[1])|unix.O_CLOEXEC, mode(a[2]))
		if err == nil {
			if old, ok := fds[name]; ok {
				unix.Close(old)
			}
			fds[name] = fd
		}
		return "", err
	},
	"dup": func(name string, a []string) (string, error) {
		fd, err := unix.FcntlInt(uintptr(file(a[0])), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			fds[name] = fd
		}
		return "", err
	},
	"close": plain(func(a []string) error {
		fd := file(a[0])
		delete(fds, a[0])
		return unix.Close(fd)
	}),
	"read": func(_ string, a []string) (string, error) { // read name: a whole file; read fd n
		if a[1] == "" {
			b, err := os.ReadFile(a[0])
			return quote(b), err
		}
		b := make([]byte, number(a[1]))
		n, err := unix.Read(file(a[0]), b)
		return quote(b[:max(n, 0)]), err
	},
	"cat": func(_ string, a []string) (string, error) { // does not wait for a pipe's writer
		fd, err := unix.Open(a[0], unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", err
		}
		defer unix.Close(fd)
		b := make([]byte, 100)
		n, err := unix.Read(fd, b)
		return quote(b[:max(n, 0)]), err
	},
	"pread": func(_ string, a []string) (string, error) {
		b := make([]byte, number(a[1]))
		n, err := unix.Pread(file(a[0]), b, number(a[2]))
		return quote(b[:max(n, 0)]), err
	},
	"write": func(_ string, a []string) (string, error) { // write name text, or write fd text
		fd, ok := fds[a[0]]
		if !ok {
			return "", os.WriteFile(a[0], []byte(a[1]), 0o644)
		}
		n, err := unix.Write(fd, []byte(a[1]))
		return strconv.Itoa(n), err
	},
	"pwrite": func(_ string, a []string) (string, error) {
		n, err := unix.Pwrite(file(a[0]), []byte(a[1]), number(a[2]))
		return strconv.Itoa(n), err
	},
	"lseek": func(_ string, a []string) (string, error) {
		n, err := unix.Seek(file(a[0]), number(a[1]), int(number(a[2])))
		return strconv.FormatInt(n, 10), err
	},
	"fallocate": plain(func(a []string) error {
		return unix.Fallocate(file(a[0]), uint32(flags(a[1])), number(a[2]), number(a[3]))
	}),
	"fsync":     plain(func(a []string) error { return unix.Fsync(file(a[0])) }),
	"fdatasync": plain(func(a []string) error { return unix.Fdatasync(file(a[0])) }),
	"copyrange": func(_ string, a []string) (string, error) {
		n, err := unix.CopyFileRange(file(a[0]), nil, file(a[1]), nil, int(number(a[2])), 0)
		return strconv.Itoa(n), err
	},
	"sendfile": func(_ string, a []string) (string, error) {
		n, err := unix.Sendfile(file(a[0]), file(a[1]), nil, int(number(a[2])))
		return strconv.Itoa(n), err
	},
	"setfl": plain(func(a []string) error {
		_, err := unix.FcntlInt(uintptr(file(a[0])), unix.F_SETFL, flags(a[1]))
		return err
	}),
	"fgetpath": func(_ string, a []string) (string, error) {
		s, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(file(a[0])))
		return s[strings.LastIndexByte(s, '/')+1:], err
	},
	"aligned": func(_ string, a []string) (string, error) { // aligned fd text off: a page, by memory as O_DIRECT wants it
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return "", err
		}
		defer unix.Munmap(b)
		if a[1] != "" {
			copy(b, bytes.Repeat([]byte(a[1]), 4096/len(a[1])))
			n, err := unix.Pwrite(file(a[0]), b, number(a[2]))
			return strconv.Itoa(n), err
		}
		n, err := unix.Pread(file(a[0]), b, number(a[2]))
		return quote(b[:max(n, 0)]), err
	},

	// memory
	"mmap": func(name string, a []string) (string, error) { // mmap fd len prot flags
		m, err := unix.Mmap(file(a[0]), 0, int(number(a[1])), flags(a[2]), flags(a[3]))
		if err == nil {
			maps[name] = m
		}
		return "", err
	},
	"peek": func(_ string, a []string) (string, error) {
		off := number(a[1])
		return quote(bytes.Clone(maps[a[0]][off : off+number(a[2])])), nil
	},
	"poke":  plain(func(a []string) error { copy(maps[a[0]][number(a[1]):], a[2]); return nil }),
	"msync": plain(func(a []string) error { return unix.Msync(maps[a[0]], unix.MS_SYNC) }),
	"munmap": plain(func(a []string) error {
		m := maps[a[0]]
		delete(maps, a[0])
		return unix.Munmap(m)
	}),

	// locks
	"lock":  func(_ string, a []string) (string, error) { return "", lock(unix.F_SETLK, a) },
	"lockw": func(_ string, a []string) (string, error) { return "", lock(unix.F_SETLKW, a) },
	"ofd":   func(_ string, a []string) (string, error) { return "", lock(unix.F_OFD_SETLK, a) },
	"ofdw":  func(_ string, a []string) (string, error) { return "", lock(unix.F_OFD_SETLKW, a) },
	"getlk": func(_ string, a []string) (string, error) {
		l := flock(a)
		err := unix.FcntlFlock(uintptr(file(a[0])), unix.F_GETLK, &l)
		if l.Type == unix.F_UNLCK {
			return "none", err
		}
		who := "other"
		switch {
		case l.Pid < 0:
			who = "nobody"
		case l.Pid == 0:
			who = "unknown"
		}
		return fmt.Sprintf("%s %d %d by %s", map[int16]string{unix.F_RDLCK: "rd", unix.F_WRLCK: "wr"}[l.Type], l.Start, l.Len, who), err
	},
	"flock": plain(func(a []string) error { return unix.Flock(file(a[0]), flags(a[1])) }),

	// other things
	"bind": plain(func(a []string) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Bind(fd, &unix.SockaddrUnix{Name: a[0]})
	}),
	"socket": func(_ string, a []string) (string, error) { // listens, connects and speaks
		l, err := net.Listen("unix", a[0])
		if err != nil {
			return "", err
		}
		defer l.Close()
		c, err := net.Dial("unix", a[0])
		if err != nil {
			return "", err
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			return "", err
		}
		defer s.Close()
		c.Write([]byte("x"))
		b := make([]byte, 9)
		n, err := s.Read(b)
		return quote(b[:n]), err
	},
	"exec": func(_ string, a []string) (string, error) {
		cmd := exec.Command(a[0])
		if !strings.Contains(a[0], "/") {
			cmd.Path = "./" + a[0]
			cmd.Err = nil
		}
		out, err := cmd.Output()
		return quote(out), err
	},
	"copy": plain(func(a []string) error { // copy host-file name mode
		b, err := os.ReadFile(a[0])
		if err == nil {
			err = os.WriteFile(a[1], b, 0o644)
		}
		if err == nil {
			err = os.Chmod(a[1], os.FileMode(mode(a[2])))
		}
		return err
	}),
	"poll": func(_ string, a []string) (string, error) {
		p := []unix.PollFd{{Fd: int32(file(a[0])), Events: unix.POLLIN | unix.POLLOUT}}
		_, err := unix.Poll(p, 0)
		return fmt.Sprintf("%#x", p[0].Revents), err
	},
	"flagsof": func(_ string, a []string) (string, error) {
		var attr uint32
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(file(a[0])), unix.FS_IOC_GETFLAGS, uintptr(unsafe.Pointer(&attr)))
		if e != 0 {
			return "", e
		}
		return "some", nil
	},
	"nowait": func(_ string, a []string) (string, error) {
		b := make([]byte, number(a[1]))
		n, err := unix.Preadv2(file(a[0]), [][]byte{b}, 0, unix.RWF_NOWAIT)
		return string(b[:max(n, 0)]), err
	},
	"room": func(_ string, a []string) (string, error) {
		const fioqsize = 0x5460
		var size int64
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(file(a[0])), fioqsize, uintptr(unsafe.Pointer(&size)))
		if e != 0 {
			return "", e
		}
		return fmt.Sprint(size), nil
	},
}

func flock(a []string) unix.Flock_t {
	return unix.Flock_t{Type: int16(number(a[1])), Start: number(a[2]), Len: number(a[3])}
}

func lock(cmd int, a []string) error {
	l := flock(a)
	for {
		if err := unix.FcntlFlock(uintptr(file(a[0])), cmd, &l); err != unix.EINTR {
			return err
		}
	}
}
