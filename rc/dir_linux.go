package rc

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A directory is one that shells are in. A nil one is the process's.
type directory struct {
	holders atomic.Int32
	name    string // what to put before names and a slash
	close   func()
}

func (d *directory) retain() {
	if d != nil {
		d.holders.Add(1)
	}
}

func (d *directory) release() {
	if d != nil && d.holders.Add(-1) == 0 && d.close != nil {
		d.close()
	}
}

// path gives a script's name of a file for the hooks.
func (sh *shell) path(name string) string {
	if sh.eg != nil && strings.HasPrefix(name, sh.eg.dir) {
		sh.publish()
	}
	if sh.dir == nil || name == "" || name[0] == '/' {
		return name
	}
	if is := sh.r.hooks.Device; is != nil && name[0] == '#' && is(name) {
		return name
	}
	return sh.dir.name + "/" + name
}

// chdir makes a directory the shell's.
func (sh *shell) chdir(name string) error {
	if name == "" {
		return unix.ENOENT
	}
	name = sh.path(name)
	d, err := patient(sh, func(left *gone) (*directory, error) {
		d := &directory{}
		d.holders.Store(1)
		return d, again(left, func() (err error) {
			d.name, d.close, err = sh.r.hooks.OpenDir(name)
			return err
		})
	}, (*directory).release)
	if err != nil {
		return err
	}
	if p, close := sh.place, d.close; p != nil && close != nil {
		p.retain()
		d.close = func() {
			p.do(close)
			p.release()
		}
	}
	sh.dir.release()
	sh.dir = d
	return nil
}

// workdir gives the absolute name of the directory.
func (sh *shell) workdir() string {
	if sh.dir == nil {
		dir, err := unix.Getwd() // os's looks at $PWD, whose server may not answer
		if err != nil {
			return "/"
		}
		return dir
	}
	if name, err := os.Readlink(sh.dir.name); err == nil && strings.HasPrefix(sh.dir.name, procFd) {
		return name
	}
	return sh.dir.name
}

const procFd = "/proc/self/fd/"

// osOpenDir holds a directory open, so that it is the same one under whatever name
// it may have later. Its name is that of the descriptor; where there is no /proc, its
// own.
func osOpenDir(name string) (string, func(), error) {
	fd, err := osOpen(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	// To enter it takes the permission to search it.
	var st unix.Stat_t
	if err := unix.Fstatat(fd, ".", &st, 0); err != nil {
		unix.Close(fd)
		return "", nil, err
	}
	held := procFd + strconv.Itoa(fd)
	if unix.Stat(held+"/.", &st) == nil {
		return held, func() { unix.Close(fd) }, nil
	}
	unix.Close(fd)
	if !strings.HasPrefix(name, "/") {
		dir, err := os.Getwd()
		if err != nil {
			return "", nil, err
		}
		name = dir + "/" + name
	}
	return name, nil, nil
}

func osOpen(name string, flag int, perm uint32) (int, error) {
	return unix.Open(name, flag|unix.O_CLOEXEC, perm)
}

// openNull opens what is empty and takes everything.
func openNull(flag int) (fd int, err error) {
	err = again(nil, func() error {
		fd, err = osOpen("/dev/null", flag, 0)
		return err
	})
	return fd, err
}

// openFile opens a file where the shell's calls are made.
func (sh *shell) openFile(left *gone, name string, flag int, perm uint32) (fd int, err error) {
	err = again(left, func() error {
		fd, err = sh.r.hooks.Open(name, flag, perm)
		return err
	})
	return fd, err
}

func osStat(name string) (fs.FileMode, error) {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return 0, err
	}
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	default:
		mode |= fs.ModeIrregular
	}
	return mode, nil
}

func osReadDir(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (sh *shell) stat(name string) (fs.FileMode, error) {
	name = sh.path(name)
	return patient(sh, func(*gone) (fs.FileMode, error) { return sh.r.hooks.Stat(name) }, nil)
}

func (sh *shell) readDir(name string) ([]string, error) { return sh.readNames(sh.path(name)) }

func (sh *shell) readNames(path string) ([]string, error) {
	return patient(sh, func(*gone) ([]string, error) { return sh.r.hooks.ReadDir(path) }, nil)
}
