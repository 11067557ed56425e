package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// An inside is a directory that is somebody's root, of whom nothing is known: names are
// resolved in it as after chroot(2), whatever symbolic links it has, so that nothing
// outside of it is reached by them.
type inside struct{ *os.File }

func openInside(dir string) (inside, error) {
	f, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	return inside{f}, err
}

// find opens what a name is the name of, O_PATH and other flags.
func (in inside) find(name string, flags int) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(unix.O_PATH | unix.O_CLOEXEC | flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(int(in.Fd()), strings.TrimPrefix(name, "/"), &how)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// has tells whether there is something of the name.
func (in inside) has(name string) bool {
	f, err := in.find(name, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// dir opens a directory, which is made with those above it where it is not there. A
// symbolic link that leads nowhere gives way to it.
func (in inside) dir(name string) (*os.File, error) {
	name = path.Clean(name)
	if name == "/" {
		return in.find(".", unix.O_DIRECTORY)
	}
	f, err := in.find(name, unix.O_DIRECTORY)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	above, err := in.dir(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer above.Close()
	fd, base := int(above.Fd()), path.Base(name)
	if err = unix.Mkdirat(fd, base, 0o755); errors.Is(err, unix.EEXIST) {
		if err = unix.Unlinkat(fd, base, 0); err == nil {
			err = unix.Mkdirat(fd, base, 0o755)
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return in.find(name, unix.O_DIRECTORY)
}

// remove sees to it that there is no file of the name.
func (in inside) remove(name string) error {
	dir, err := in.find(path.Dir(name), unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Unlinkat(int(dir.Fd()), path.Base(name), 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// write makes a file in place of what has its name.
func (in inside) write(name string, data []byte, perm uint32) error {
	dir, err := in.dir(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := in.remove(name); err != nil {
		return err
	}
	base := path.Base(name)
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
	if err != nil {
		return &fs.PathError{Op: "create", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// bind binds what is elsewhere to what has the name in here, a directory where there is
// nothing.
func (in inside) bind(from, name string, flags uintptr) error {
	to, err := in.find(name, 0)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = in.dir(name)
	}
	if err == nil {
		defer to.Close()
		err = unix.Mount(from, fmt.Sprintf("/proc/self/fd/%d", to.Fd()), "", unix.MS_BIND|flags, "")
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", name, err)
	}
	return nil
}
