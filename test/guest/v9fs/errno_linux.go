package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// An errnoCase provokes an error in an empty directory. The same is done on the
// local file system, and its errno, or success, is what is wanted.
type errnoCase struct {
	name string
	do   func(d string) error
}

func write(name, text string, perm fs.FileMode) error {
	return os.WriteFile(name, []byte(text), perm) // just these, as there is no umask
}

// with makes f, d/, d/f and l -> f in the directory and goes on.
func with(do func(d string) error) func(string) error {
	return func(d string) error {
		for _, err := range []error{write(d+"/f", "text", 0o644), os.Mkdir(d+"/d", 0o755), write(d+"/d/f", "in d", 0o644)} {
			if err != nil {
				return fmt.Errorf("to begin with: %w", err)
			}
		}
		return do(d)
	}
}

// openErr opens and closes.
func openErr(name string, flags int, perm uint32) error {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, perm)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// opened does something with an open file.
func opened(name string, flags int, do func(fd int) error) error {
	fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	return do(fd)
}

func other(do func() error) error { return as(ann, do) }

const atCwd = unix.AT_FDCWD

var long = strings.Repeat("n", 256)

var errnoCases = []errnoCase{
	{"ENOENT open", func(d string) error { return openErr(d+"/no", 0, 0) }},
	{"ENOENT open below", func(d string) error { return openErr(d+"/no/no", 0, 0) }},
	{"ENOENT create below", func(d string) error { return openErr(d+"/no/no", unix.O_CREAT, 0o644) }},
	{"ENOENT unlink", func(d string) error { return unix.Unlink(d + "/no") }},
	{"ENOENT rmdir", func(d string) error { return unix.Rmdir(d + "/no") }},
	{"ENOENT rename", func(d string) error { return unix.Rename(d+"/no", d+"/new") }},
	{"ENOENT rename to below", with(func(d string) error { return unix.Rename(d+"/f", d+"/no/f") })},
	{"ENOENT readlink", func(d string) error { _, err := unix.Readlink(d+"/no", make([]byte, 10)); return err }},
	{"ENOENT chmod", func(d string) error { return unix.Chmod(d+"/no", 0o600) }},
	{"ENOENT in a directory that is gone", with(func(d string) error {
		return opened(d+"/d", unix.O_DIRECTORY, func(fd int) error {
			if err := errors.Join(unix.Unlink(d+"/d/f"), unix.Rmdir(d+"/d")); err != nil {
				return err
			}
			return unix.Mkdirat(fd, "new", 0o755)
		})
	})},
	{"EEXIST mkdir", with(func(d string) error { return unix.Mkdir(d+"/f", 0o755) })},
	{"EEXIST mkdir of a directory", with(func(d string) error { return unix.Mkdir(d+"/d", 0o755) })},
	{"EEXIST O_EXCL", with(func(d string) error { return openErr(d+"/f", unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644) })},
	{"ENOTDIR walk", with(func(d string) error { return openErr(d+"/f/x", 0, 0) })},
	{"ENOTDIR create", with(func(d string) error { return openErr(d+"/f/x", unix.O_CREAT, 0o644) })},
	{"ENOTDIR mkdir", with(func(d string) error { return unix.Mkdir(d+"/f/x", 0o755) })},
	{"ENOTDIR rmdir", with(func(d string) error { return unix.Rmdir(d + "/f") })},
	{"ENOTDIR O_DIRECTORY", with(func(d string) error { return openErr(d+"/f", unix.O_DIRECTORY, 0) })},
	{"ENOTDIR rename a directory over a file", with(func(d string) error { return unix.Rename(d+"/d", d+"/f") })},
	{"EISDIR open to write", with(func(d string) error { return openErr(d+"/d", unix.O_WRONLY, 0) })},
	{"EISDIR open to truncate", with(func(d string) error { return openErr(d+"/d", unix.O_RDONLY|unix.O_TRUNC, 0) })},
	{"EISDIR create", with(func(d string) error { return openErr(d+"/d", unix.O_CREAT|unix.O_RDWR, 0o644) })},
	{"EISDIR truncate", with(func(d string) error { return unix.Truncate(d+"/d", 0) })},
	{"EISDIR unlink", with(func(d string) error { return unix.Unlink(d + "/d") })},
	{"EISDIR rename a file over a directory", with(func(d string) error { return unix.Rename(d+"/f", d+"/d") })},
	{"EISDIR read", with(func(d string) error {
		return opened(d+"/d", 0, func(fd int) error { _, err := unix.Read(fd, make([]byte, 10)); return err })
	})},
	{"ENOTEMPTY rmdir", with(func(d string) error { return unix.Rmdir(d + "/d") })},
	{"ENOTEMPTY rename over", with(func(d string) error {
		return errors.Join(os.Mkdir(d+"/e", 0o755), unix.Rename(d+"/e", d+"/d"))
	})},
	{"EBADF write to what is open to read", with(func(d string) error {
		return opened(d+"/f", unix.O_RDONLY, func(fd int) error { _, err := unix.Write(fd, []byte("x")); return err })
	})},
	{"EBADF read of what is open to write", with(func(d string) error {
		return opened(d+"/f", unix.O_WRONLY, func(fd int) error { _, err := unix.Read(fd, make([]byte, 10)); return err })
	})},
	{"EINVAL ftruncate of what is open to read", with(func(d string) error {
		return opened(d+"/f", unix.O_RDONLY, func(fd int) error { return unix.Ftruncate(fd, 0) })
	})},
	{"EINVAL truncate to less than nothing", with(func(d string) error { return unix.Truncate(d+"/f", -1) })},
	{"EINVAL pread before the start", with(func(d string) error {
		return opened(d+"/f", unix.O_RDONLY, func(fd int) error { _, err := unix.Pread(fd, make([]byte, 10), -1); return err })
	})},
	{"EINVAL rename into itself", with(func(d string) error { return unix.Rename(d+"/d", d+"/d/in") })},
	{"EINVAL rmdir of .", with(func(d string) error { return unix.Rmdir(d + "/d/.") })},
	{"EINVAL readlink of a file", with(func(d string) error { _, err := unix.Readlink(d+"/f", make([]byte, 10)); return err })},
	{"ENOTEMPTY rmdir of ..", with(func(d string) error { return unix.Rmdir(d + "/d/..") })},
	{"ENAMETOOLONG open", func(d string) error { return openErr(d+"/"+long, 0, 0) }},
	{"ENAMETOOLONG create", func(d string) error { return openErr(d+"/"+long, unix.O_CREAT, 0o644) }},
	{"ENAMETOOLONG mkdir", func(d string) error { return unix.Mkdir(d+"/"+long, 0o755) }},
	{"ENAMETOOLONG rename", with(func(d string) error { return unix.Rename(d+"/f", d+"/"+long) })},
	{"a name of 255", func(d string) error { return openErr(d+"/"+long[1:], unix.O_CREAT, 0o644) }},
	{"a name of all kinds of bytes", func(d string) error {
		name := d + "/\x01\\\"'*?\xff\n \t"
		return errors.Join(write(name, "x", 0o644), openErr(name, 0, 0))
	}},
	{"EFBIG write", with(func(d string) error {
		return opened(d+"/f", unix.O_RDWR, func(fd int) error { _, err := unix.Pwrite(fd, []byte("x"), 1<<63-1); return err })
	})},
	{"ESPIPE seek in what is none", with(func(d string) error {
		return opened(d+"/f", unix.O_RDONLY, func(fd int) error { _, err := unix.Seek(fd, 5, unix.SEEK_DATA); return err })
	})},
	{"EXDEV rename", with(func(d string) error { return unix.Rename(d+"/f", "/tmp/f") })},
	{"EXDEV link", with(func(d string) error { return unix.Link(d+"/f", "/tmp/f") })},
	{"ETXTBSY", func(d string) error {
		if err := write(d+"/x", "#!/nothing", 0o755); err != nil {
			return err
		}
		return opened(d+"/x", unix.O_WRONLY, func(fd int) error { return unix.Exec(d+"/x", []string{"x"}, nil) })
	}},
	{"EACCES open to read", with(func(d string) error {
		os.Chmod(d+"/f", 0o620)
		return other(func() error { return openErr(d+"/f", unix.O_RDONLY, 0) })
	})},
	{"EACCES open to write", with(func(d string) error { return other(func() error { return openErr(d+"/f", unix.O_WRONLY, 0) }) })},
	{"EACCES truncate", with(func(d string) error { return other(func() error { return unix.Truncate(d+"/f", 0) }) })},
	{"EACCES search", with(func(d string) error {
		os.Chmod(d+"/d", 0o744)
		return other(func() error { return openErr(d+"/d/f", unix.O_RDONLY, 0) })
	})},
	{"EACCES list", with(func(d string) error {
		os.Chmod(d+"/d", 0o711)
		return other(func() error { return openErr(d+"/d", unix.O_RDONLY, 0) })
	})},
	{"EACCES create", with(func(d string) error {
		return other(func() error { return openErr(d+"/d/new", unix.O_CREAT|unix.O_RDWR, 0o644) })
	})},
	{"EACCES mkdir", with(func(d string) error { return other(func() error { return unix.Mkdir(d+"/d/new", 0o755) }) })},
	{"EACCES unlink", with(func(d string) error { return other(func() error { return unix.Unlink(d + "/d/f") }) })},
	{"EACCES rename", with(func(d string) error { return other(func() error { return unix.Rename(d+"/d/f", d+"/d/g") }) })},
	{"EPERM chmod", with(func(d string) error { return other(func() error { return unix.Chmod(d+"/f", 0o777) }) })},
	{"EPERM utimes", with(func(d string) error {
		return other(func() error { return unix.UtimesNanoAt(atCwd, d+"/f", []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0) })
	})},
	{"EACCES utimes now", with(func(d string) error {
		now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
		return other(func() error { return unix.UtimesNanoAt(atCwd, d+"/f", now, 0) })
	})},
	{"EPERM chown", with(func(d string) error { return other(func() error { return unix.Chown(d+"/f", ann, ann) }) })},
	{"EPERM unlink from a sticky directory", with(func(d string) error {
		os.Chmod(d+"/d", 0o777|fs.ModeSticky)
		return other(func() error { return unix.Unlink(d + "/d/f") })
	})},
	{"EPERM rename in a sticky directory", with(func(d string) error {
		os.Chmod(d+"/d", 0o777|fs.ModeSticky)
		return other(func() error { return unix.Rename(d+"/d/f", d+"/d/g") })
	})},
	{"root may read what nobody may", with(func(d string) error {
		os.Chmod(d+"/f", 0)
		return openErr(d+"/f", unix.O_RDWR, 0)
	})},
	{"write and close of what is unlinked", with(func(d string) error {
		return opened(d+"/f", unix.O_RDWR, func(fd int) error {
			var st unix.Stat_t
			p := make([]byte, 4)
			err := errors.Join(unix.Unlink(d+"/f"), unix.Ftruncate(fd, 2))
			_, err1 := unix.Pwrite(fd, []byte("ab"), 2)
			n, err2 := unix.Pread(fd, p, 0)
			if err := errors.Join(err, err1, err2, unix.Fsync(fd), unix.Fstat(fd, &st)); err != nil {
				return err
			}
			if n != 4 || string(p) != "teab" || st.Size != 4 {
				return fmt.Errorf("%q, %d bytes", p[:n], st.Size)
			}
			return nil
		})
	})},
}
