package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// attributes tells those of a file's attributes that do not depend on where it is.
// Directories have any size and number of links, and 9P2000 says nothing of links.
func attributes(m *mount, st *unix.Stat_t) string {
	s := fmt.Sprintf("mode %o owner %d.%d", st.Mode, st.Uid, st.Gid)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		s += fmt.Sprintf(" %d bytes", st.Size)
		if m.dotl() {
			s += fmt.Sprintf(" %d links rdev %x", st.Nlink, st.Rdev)
		}
	}
	return s
}

// sum reads an open file at once and tells its checksum.
func sum(fd int, size int64) string {
	p := make([]byte, size+1)
	n := 0
	for n < len(p) {
		k, err := unix.Pread(fd, p[n:], int64(n))
		if err != nil {
			return err.Error()
		}
		if k == 0 {
			break
		}
		n += k
	}
	return fmt.Sprintf("sum of %d: %08x", n, crc32.ChecksumIEEE(p[:n]))
}

// describe tells all of a file that a copy elsewhere should have.
func describe(m *mount, name string) string {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return err.Error()
	}
	s := attributes(m, &st)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return s + " " + err.Error()
		}
		defer unix.Close(fd)
		s += " " + sum(fd, st.Size)
	case unix.S_IFLNK:
		p := make([]byte, 4096)
		n, err := unix.Readlink(name, p)
		if err != nil {
			return s + " " + err.Error()
		}
		s += " -> " + string(p[:n])
	case unix.S_IFDIR:
		s += " " + list(name)
	}
	return s
}

// same compares two trees.
func same(t *T, m *mount, dir, ref string) {
	n := 0
	err := filepath.WalkDir(ref, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		rel, err := filepath.Rel(ref, name)
		if err != nil {
			return err
		}
		if got, want := describe(m, filepath.Join(dir, rel)), describe(m, name); got != want {
			t.Errorf("%s: %s\n%s: the local file system says", rel, got, want)
			if n > 20 {
				return errors.New("and so on")
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v", err)
	}
}
