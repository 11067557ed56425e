package initramfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// An Archive is written as a cpio archive of the form newc, an initramfs as the kernel
// unpacks it (its buffer-format.rst). All files are root's, without times, and are made in
// the order given; the directories that a name needs are made before it. Names have no
// slash at their start. The first error stays and is Close's.
type Archive struct {
	w    io.Writer
	ino  int
	off  int64
	err  error
	made map[string]bool // by name, whether it is a directory
}

// NewArchive begins an archive on w.
func NewArchive(w io.Writer) *Archive {
	return &Archive{w: w, made: map[string]bool{".": true}}
}

// Dir adds a directory, unless it has been added.
func (a *Archive) Dir(name string, perm fs.FileMode) {
	if name = path.Clean(name); !a.made[name] {
		a.add(name, 0o040000|perm, "")
	}
}

// File adds a file with the data.
func (a *Archive) File(name string, perm fs.FileMode, data string) {
	a.add(name, 0o100000|perm, data)
}

// Copy adds a file with the data of one that is here.
func (a *Archive) Copy(name string, perm fs.FileMode, from string) {
	data, err := os.ReadFile(from)
	if err != nil {
		a.fail(err)
		return
	}
	a.File(name, perm, string(data))
}

// Link adds a symbolic link to target.
func (a *Archive) Link(name, target string) { a.add(name, 0o120777, target) }

// Close ends the archive, not w.
func (a *Archive) Close() error {
	a.header("TRAILER!!!", 0, "")
	return a.err
}

// add adds a file after its parents. A second one of its name is an error: the kernel would
// take the later one, or for a directory and a file neither.
func (a *Archive) add(name string, mode fs.FileMode, data string) {
	name = path.Clean(name)
	if !fs.ValidPath(name) || name == "." {
		a.fail(fmt.Errorf("%s: not a name in an image", name))
		return
	}
	if _, is := a.made[name]; is {
		a.fail(fmt.Errorf("%s: twice in the image", name))
		return
	}
	if dir, is := a.made[path.Dir(name)]; is && !dir {
		a.fail(fmt.Errorf("%s: %s is no directory", name, path.Dir(name)))
		return
	}
	a.Dir(path.Dir(name), 0o755)
	a.made[name] = mode&0o170000 == 0o040000
	a.header(name, mode, data)
}

func (a *Archive) header(name string, mode fs.FileMode, data string) {
	if uint64(len(data)) > 1<<32-1 {
		a.fail(fmt.Errorf("%s: longer than 4 GiB", name))
		return
	}
	a.ino++
	a.print("070701")
	// ino mode uid gid nlink mtime filesize, device numbers, namesize, check
	for _, v := range []int{a.ino, int(mode), 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		a.print(fmt.Sprintf("%08X", v))
	}
	a.print(name + "\x00")
	a.pad()
	a.print(data)
	a.pad()
}

func (a *Archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *Archive) print(s string) {
	if a.err == nil {
		_, a.err = io.WriteString(a.w, s)
		a.off += int64(len(s))
	}
}

func (a *Archive) pad() { a.print("\x00\x00\x00"[:-a.off&3]) }
