package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errnoCasesL are those that only 9P2000.L can answer.
var errnoCasesL = []errnoCase{
	{"EEXIST symlink", with(func(d string) error { return unix.Symlink("x", d+"/f") })},
	{"EEXIST link", with(func(d string) error { return unix.Link(d+"/f", d+"/d") })},
	{"EEXIST mknod", with(func(d string) error { return unix.Mknod(d+"/f", unix.S_IFIFO|0o644, 0) })},
	{"ENOENT symlink to nothing", func(d string) error { return unix.Symlink("", d+"/l") }},
	{"ENOENT link", func(d string) error { return unix.Link(d+"/no", d+"/new") }},
	{"ENOTDIR rename a directory over a link", with(func(d string) error {
		return errors.Join(unix.Symlink("d", d+"/l"), unix.Rename(d+"/d", d+"/l"))
	})},
	{"ENOTDIR unlink of a link as a directory", with(func(d string) error {
		return errors.Join(unix.Symlink("d", d+"/l"), unix.Rmdir(d+"/l"))
	})},
	{"ELOOP open", func(d string) error { return errors.Join(unix.Symlink("l", d+"/l"), openErr(d+"/l", 0, 0)) }},
	{"ELOOP O_NOFOLLOW", with(func(d string) error {
		return errors.Join(unix.Symlink("f", d+"/l"), openErr(d+"/l", unix.O_NOFOLLOW, 0))
	})},
	{"EEXIST O_EXCL of a link", func(d string) error {
		return errors.Join(unix.Symlink("no", d+"/l"), openErr(d+"/l", unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644))
	}},
	{"create through a link", func(d string) error {
		return errors.Join(unix.Symlink("new", d+"/l"), openErr(d+"/l", unix.O_CREAT|unix.O_RDWR, 0o644), openErr(d+"/new", 0, 0))
	}},
	{"ENAMETOOLONG symlink", func(d string) error { return unix.Symlink("x", d+"/"+long) }},
	{"ENAMETOOLONG link", with(func(d string) error { return unix.Link(d+"/f", d+"/"+long) })},
	{"EPERM link of a directory", with(func(d string) error { return unix.Link(d+"/d", d+"/e") })},
	{"EACCES link", with(func(d string) error { return other(func() error { return unix.Link(d+"/f", d+"/d/new") }) })},
	{"EACCES symlink", with(func(d string) error { return other(func() error { return unix.Symlink("x", d+"/d/new") }) })},
	{"EPERM mknod of a device", with(func(d string) error {
		os.Chmod(d+"/d", 0o777)
		return other(func() error { return unix.Mknod(d+"/d/null", unix.S_IFCHR|0o666, 0x103) })
	})},
	{"ENXIO open of a pipe that nobody reads", func(d string) error {
		return errors.Join(unix.Mknod(d+"/p", unix.S_IFIFO|0o644, 0), openErr(d+"/p", unix.O_WRONLY|unix.O_NONBLOCK, 0))
	}},
	{"ENXIO open of a socket", func(d string) error {
		return errors.Join(unix.Mknod(d+"/s", unix.S_IFSOCK|0o644, 0), openErr(d+"/s", unix.O_RDWR, 0))
	}},
	{"ENXIO open of a device that is not there", func(d string) error {
		return errors.Join(unix.Mknod(d+"/dev", unix.S_IFBLK|0o644, int(unix.Mkdev(250, 70))), openErr(d+"/dev", 0, 0))
	}},
	{"a device", func(d string) error {
		return errors.Join(unix.Mknod(d+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), write(d+"/null", "x", 0o666))
	}},
	{"a pipe", func(d string) error {
		if err := unix.Mknod(d+"/p", unix.S_IFIFO|0o644, 0); err != nil {
			return err
		}
		return opened(d+"/p", unix.O_RDWR, func(fd int) error {
			p := make([]byte, 4)
			_, err1 := unix.Write(fd, []byte("pipe"))
			_, err2 := unix.Read(fd, p)
			if err := errors.Join(err1, err2); err != nil || string(p) != "pipe" {
				return fmt.Errorf("%q: %w", p, err)
			}
			return nil
		})
	}},
	{"a socket", func(d string) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		at := &unix.SockaddrUnix{Name: d + "/s"}
		c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(c)
		return errors.Join(unix.Bind(fd, at), unix.Listen(fd, 1), unix.Connect(c, at))
	}},
	{"rename over a file", with(func(d string) error {
		return errors.Join(write(d+"/g", "g", 0o600), unix.Rename(d+"/g", d+"/f"), has(d+"/f", "g"))
	})},
	{"rename over an empty directory", with(func(d string) error {
		return errors.Join(os.Mkdir(d+"/e", 0o755), unix.Rename(d+"/d", d+"/e"), has(d+"/e/f", "in d"))
	})},
	{"rename to another directory", with(func(d string) error {
		return errors.Join(unix.Rename(d+"/f", d+"/d/new"), has(d+"/d/new", "text"), openGone(d+"/f"))
	})},
	{"rename to a name of the same file", with(func(d string) error {
		return errors.Join(unix.Link(d+"/f", d+"/g"), unix.Rename(d+"/f", d+"/g"), has(d+"/f", "text"), has(d+"/g", "text"))
	})},
	{"RENAME_NOREPLACE", with(func(d string) error {
		return unix.Renameat2(atCwd, d+"/f", atCwd, d+"/new", unix.RENAME_NOREPLACE)
	})},
	{"RENAME_EXCHANGE", with(func(d string) error {
		return unix.Renameat2(atCwd, d+"/f", atCwd, d+"/d", unix.RENAME_EXCHANGE)
	})},
	{"O_TMPFILE", func(d string) error { return openErr(d, unix.O_TMPFILE|unix.O_RDWR, 0o644) }},
	{"fallocate", with(func(d string) error {
		return opened(d+"/f", unix.O_RDWR, func(fd int) error { return unix.Fallocate(fd, 0, 0, 100) })
	})},
	{"name_to_handle_at", with(func(d string) error {
		_, _, err := unix.NameToHandleAt(atCwd, d+"/f", 0)
		return err
	})},
	{"chmod of a set-user-id file", with(func(d string) error {
		err := unix.Chmod(d+"/f", 0o6755)
		return errors.Join(err, mode(d+"/f", 0o6755))
	})},
	{"a write takes the set-user-id bit away", with(func(d string) error {
		err := errors.Join(unix.Chmod(d+"/f", 0o6777), other(func() error { return openErr(d+"/f", unix.O_WRONLY|unix.O_TRUNC, 0) }))
		return errors.Join(err, mode(d+"/f", 0o0777))
	})},
	{"chown takes the set-user-id bit away", with(func(d string) error {
		err := errors.Join(unix.Chmod(d+"/f", 0o6777), unix.Chown(d+"/f", 5, 6))
		return errors.Join(err, mode(d+"/f", 0o0777))
	})},
	{"a directory's set-group-id bit is inherited", func(d string) error {
		err := errors.Join(os.Mkdir(d+"/g", 0o755), unix.Chown(d+"/g", 0, 7), unix.Chmod(d+"/g", 0o2777), unix.Mkdir(d+"/g/h", 0o755),
			other(func() error { return write(d+"/g/f", "", 0o644) }))
		return errors.Join(err, mode(d+"/g/h", 0o2755), group(d+"/g/h", 7), group(d+"/g/f", 7))
	}},
	{"a new file's owner and group", func(d string) error {
		os.Chmod(d, 0o777)
		err := other(func() error {
			return errors.Join(os.WriteFile(d+"/f", nil, 0o644), os.Mkdir(d+"/d", 0o755), unix.Symlink("x", d+"/l"), unix.Mknod(d+"/p", unix.S_IFIFO|0o644, 0))
		})
		return errors.Join(err, group(d+"/f", ann), group(d+"/d", ann), group(d+"/l", ann), group(d+"/p", ann))
	}},
}

// has holds a file to its contents.
func has(name, text string) error {
	b, err := os.ReadFile(name)
	if err == nil && string(b) != text {
		err = fmt.Errorf("%s has %q", filepath.Base(name), b)
	}
	return err
}

func openGone(name string) error {
	if err := openErr(name, 0, 0); err != unix.ENOENT {
		return fmt.Errorf("%s: still there: %v", filepath.Base(name), err)
	}
	return nil
}

// mode and group hold a file's attributes to what they should be.
func mode(name string, want uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return err
	}
	if st.Mode&0o7777 != want {
		return fmt.Errorf("%s has mode %o", filepath.Base(name), st.Mode&0o7777)
	}
	return nil
}

func group(name string, want uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return err
	}
	if st.Gid != want {
		return fmt.Errorf("%s has group %d", filepath.Base(name), st.Gid)
	}
	return nil
}
