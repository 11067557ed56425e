package guest

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// An Archive is written as a cpio archive of the form newc, an initramfs as the
// kernel unpacks it (its buffer-format.rst). All files are root's and are made in
// the order given, a directory before what is in it. The first error stays and is
// Close's.
type Archive struct {
	w   io.Writer
	ino int
	off int64
	err error
}

// NewArchive begins an archive on w.
func NewArchive(w io.Writer) *Archive { return &Archive{w: w} }

// Dir adds a directory; name has no slash at its start.
func (a *Archive) Dir(name string, perm fs.FileMode) { a.add(name, 0o040000|perm, "") }

// File adds a file with the data.
func (a *Archive) File(name string, perm fs.FileMode, data string) { a.add(name, 0o100000|perm, data) }

// Copy adds a file with the data of one that is here.
func (a *Archive) Copy(name string, perm fs.FileMode, from string) {
	data, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.File(name, perm, string(data))
}

// Close ends the archive, not w.
func (a *Archive) Close() error {
	a.add("TRAILER!!!", 0, "")
	return a.err
}

func (a *Archive) add(name string, mode fs.FileMode, data string) {
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

func (a *Archive) print(s string) {
	if a.err == nil {
		_, a.err = io.WriteString(a.w, s)
		a.off += int64(len(s))
	}
}

func (a *Archive) pad() { a.print("\x00\x00\x00"[:-a.off&3]) }
