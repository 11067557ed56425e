package main

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// operations are what testRandom chooses from, by weight.
var operations = []struct {
	name   string
	weight int
	dotl   bool // 9P2000 cannot do it
	do     func(r *rig)
}{
	{"open", 12, false, func(r *rig) {
		flags := []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR}[r.rnd.Intn(4)]
		for _, f := range []struct{ flag, chance int }{{unix.O_CREAT, 60}, {unix.O_EXCL, 10}, {unix.O_TRUNC, 15}, {unix.O_APPEND, 20}, {unix.O_DIRECTORY, 3}, {unix.O_NOFOLLOW, 10}, {unix.O_SYNC, 5}} {
			if r.rnd.Intn(100) < f.chance {
				flags |= f.flag
			}
		}
		if flags&(unix.O_DIRECTORY|unix.O_CREAT) == unix.O_DIRECTORY|unix.O_CREAT {
			flags &^= unix.O_DIRECTORY // kernels differ
		}
		name := r.name()
		r.create(name, flags)
		r.check(name)
	}},
	{"close", 8, false, func(r *rig) {
		if len(r.open) > 0 {
			f := r.rnd.Intn(len(r.open))
			name := r.open[f].name
			r.close(f)
			r.check(name)
		}
	}},
	{"pwrite", 15, false, func(r *rig) {
		if f := r.file(); f != nil {
			off, n := r.span()
			p := r.bytes(n)
			r.both(fmt.Sprintf("pwrite %s %d at %d", f.name, n, off), func(i int) string {
				return fmt.Sprintln(unix.Pwrite(f.fd[i], p, off))
			})
			r.checkOpen(f)
			r.check(f.name)
		}
	}},
	{"write", 10, false, func(r *rig) {
		if f := r.file(); f != nil {
			_, n := r.span()
			p := r.bytes(n)
			if !r.atMost(f, n) {
				return
			}
			r.both(fmt.Sprintf("write %s %d", f.name, n), func(i int) string {
				n, err := unix.Write(f.fd[i], p)
				at, _ := unix.Seek(f.fd[i], 0, unix.SEEK_CUR)
				return fmt.Sprintln(n, err, "then at", at)
			})
			r.checkOpen(f)
			r.check(f.name)
		}
	}},
	{"writev", 4, false, func(r *rig) {
		if f := r.file(); f != nil {
			off, n := r.span()
			p, q := r.bytes(n), r.bytes(n/2)
			r.both(fmt.Sprintf("pwritev %s %d+%d at %d", f.name, n, n/2, off), func(i int) string {
				return fmt.Sprintln(unix.Pwritev(f.fd[i], [][]byte{p, q}, off))
			})
			r.checkOpen(f)
		}
	}},
	{"pread", 12, false, func(r *rig) {
		if f := r.file(); f != nil {
			off, n := r.span()
			r.both(fmt.Sprintf("pread %s %d at %d", f.name, n, off), func(i int) string {
				p := make([]byte, n)
				n, err := unix.Pread(f.fd[i], p, off)
				return fmt.Sprintf("%d %v %08x", n, err, crc32.ChecksumIEEE(p))
			})
		}
	}},
	{"seek and read", 6, false, func(r *rig) {
		if f := r.file(); f != nil {
			off, n := r.span()
			whence := r.rnd.Intn(3)
			r.both(fmt.Sprintf("seek %s %d %d, read %d", f.name, off, whence, n), func(i int) string {
				p := make([]byte, n)
				at, err := unix.Seek(f.fd[i], off-100, whence)
				n, err1 := unix.Read(f.fd[i], p)
				return fmt.Sprintf("%d %v %d %v %08x", at, err, n, err1, crc32.ChecksumIEEE(p))
			})
		}
	}},
	{"ftruncate", 5, false, func(r *rig) {
		if f := r.file(); f != nil {
			size, _ := r.span()
			r.both(fmt.Sprintf("ftruncate %s %d", f.name, size), func(i int) string { return fmt.Sprint(unix.Ftruncate(f.fd[i], size)) })
			r.checkOpen(f)
			r.check(f.name)
		}
	}},
	{"truncate", 4, false, func(r *rig) {
		name := r.name()
		size, _ := r.span()
		r.paths(fmt.Sprintf("truncate %d", size), func(p string) error { return unix.Truncate(p, size) }, name)
	}},
	{"fsync", 3, false, func(r *rig) {
		if f := r.file(); f != nil {
			r.both("fsync "+f.name, func(i int) string { return fmt.Sprint(unix.Fsync(f.fd[i]), unix.Fdatasync(f.fd[i])) })
			r.check(f.name)
		}
	}},
	{"fchmod", 2, false, func(r *rig) {
		if f := r.file(); f != nil && !(r.m.cached() && r.gone(f)) { // then v9fs looks for its name
			mode := uint32(0o600 | r.rnd.Intn(0o100))
			r.both(fmt.Sprintf("fchmod %s %o", f.name, mode), func(i int) string { return fmt.Sprint(unix.Fchmod(f.fd[i], mode)) })
			r.checkOpen(f)
		}
	}},
	{"map and write", 6, false, func(r *rig) {
		if f := r.file(); f != nil && r.m.cached() && f.flags&unix.O_ACCMODE == unix.O_RDWR {
			off, n := r.span()
			p := r.bytes(n)
			r.both(fmt.Sprintf("map %s, write %d at %d", f.name, n, off), func(i int) string { return mapWrite(f.fd[i], p, off) })
			r.checkOpen(f)
			r.check(f.name)
		}
	}},
	{"map and read", 5, false, func(r *rig) {
		if f := r.file(); f != nil && f.flags&unix.O_ACCMODE != unix.O_WRONLY {
			r.both("map and read "+f.name, func(i int) string { return mapRead(f.fd[i]) })
		}
	}},
	{"mkdir", 8, false, func(r *rig) {
		mode := r.dirMode()
		r.paths(fmt.Sprintf("mkdir %o", mode), func(p string) error { return unix.Mkdir(p, mode) }, r.name())
	}},
	{"rmdir", 3, false, func(r *rig) { r.paths("rmdir", unix.Rmdir, r.name()) }},
	{"unlink", 6, false, func(r *rig) { r.paths("unlink", unix.Unlink, r.name()) }},
	{"list", 5, false, func(r *rig) {
		name := filepath.Dir(r.name())
		r.both("list "+name, func(i int) string { return list(r.path(i, name)) })
	}},
	{"chmod", 3, false, func(r *rig) {
		mode := r.dirMode()
		r.paths(fmt.Sprintf("chmod %o", mode), func(p string) error { return unix.Chmod(p, mode) }, r.name())
	}},
	{"utimes", 4, false, func(r *rig) {
		at := []unix.Timespec{{Sec: r.rnd.Int63n(1 << 31)}, {Sec: r.rnd.Int63n(1 << 31)}} // v9fs drops the rest
		name := r.name()
		r.both(fmt.Sprintf("utimes %s %v", name, at), func(i int) string {
			if err := unix.UtimesNanoAt(atCwd, r.path(i, name), at, 0); err != nil {
				return err.Error()
			}
			var st unix.Stat_t
			err := unix.Stat(r.path(i, name), &st)
			return fmt.Sprint(err, st.Mtim, st.Atim)
		})
	}},
	{"rename", 8, false, func(r *rig) {
		from, to := r.name(), r.name()
		if !r.m.dotl() { // 9P2000's wstat: within the directory, and over nothing
			to = r.inDir(from)
			if _, err := os.Lstat(r.path(1, to)); err == nil {
				return
			}
		}
		r.both("rename "+from+" "+to, func(i int) string { return fmt.Sprint(unix.Rename(r.path(i, from), r.path(i, to))) })
		r.check(from, to)
	}},
	{"link", 4, true, func(r *rig) {
		from, to := r.name(), r.name()
		r.both("link "+from+" "+to, func(i int) string { return fmt.Sprint(unix.Link(r.path(i, from), r.path(i, to))) })
		r.check(from, to)
	}},
	{"symlink", 4, true, func(r *rig) {
		target := r.name()
		r.paths("symlink "+target, func(p string) error { return unix.Symlink(target, p) }, r.name())
	}},
	{"mknod", 1, true, func(r *rig) {
		r.paths("mknod", func(p string) error { return unix.Mknod(p, unix.S_IFIFO|0o644, 0) }, r.name())
	}},
	{"chgrp", 2, true, func(r *rig) {
		gid := r.rnd.Intn(3)
		r.paths(fmt.Sprintf("chgrp %d", gid), func(p string) error { return unix.Lchown(p, -1, gid) }, r.name())
	}},
	{"setxattr", 3, true, func(r *rig) {
		name, value, flags := "trusted."+r.name()[:1], r.bytes(r.rnd.Intn(300)), r.rnd.Intn(3)
		r.xattr(fmt.Sprintf("setxattr %s %d %d", name, len(value), flags), func(p string) error { return unix.Setxattr(p, name, value, flags) })
	}},
	{"removexattr", 2, true, func(r *rig) {
		name := "trusted." + r.name()[:1]
		r.xattr("removexattr "+name, func(p string) error { return unix.Removexattr(p, name) })
	}},
	{"statfs", 1, true, func(r *rig) {
		name := r.name()
		r.both("statfs "+name, func(i int) string {
			var st unix.Statfs_t
			err := unix.Statfs(r.path(i, name), &st)
			return fmt.Sprint(err, st.Namelen)
		})
	}},
}

// dirMode makes up what may be a directory's mode. In 9P2000 what is made in one has
// no more than its permissions, so there all have them all.
func (r *rig) dirMode() uint32 {
	if !r.m.dotl() {
		return 0o777
	}
	return uint32(0o700 | r.rnd.Intn(0o100))
}

// paths does something with a name in both trees and compares what is there then.
func (r *rig) paths(what string, do func(p string) error, name string) {
	r.both(what+" "+name, func(i int) string { return fmt.Sprint(do(r.path(i, name))) })
	r.check(name)
}

// gone tells whether an open file has no name any more.
func (r *rig) gone(f *twin) bool {
	var st unix.Stat_t
	err := unix.Fstat(f.fd[1], &st)
	return err == nil && st.Nlink == 0
}

// atMost keeps files from growing without end.
func (r *rig) atMost(f *twin, n int) bool {
	at, _ := unix.Seek(f.fd[1], 0, unix.SEEK_CUR)
	var st unix.Stat_t
	err := unix.Fstat(f.fd[1], &st)
	return err == nil && max(st.Size, at)+int64(n) <= 2*maxSize
}

// xattr changes a file's attributes and compares all that it has then.
func (r *rig) xattr(what string, do func(p string) error) {
	name := r.name()
	r.both(what+" "+name, func(i int) string {
		s := fmt.Sprint(do(r.path(i, name)))
		for _, a := range []string{"trusted.a", "trusted.b", "trusted.c", "trusted.d", "trusted.e"} {
			p := make([]byte, 400)
			n, err := unix.Getxattr(r.path(i, name), a, p)
			s += fmt.Sprintf(" %s %v %08x", a, err, crc32.ChecksumIEEE(p[:max(0, n)]))
		}
		return s
	})
}

// mapWrite changes bytes that are there through a mapping, and sees to it that
// they are the file's.
func mapWrite(fd int, p []byte, off int64) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size == 0 {
		return fmt.Sprint(err)
	}
	b, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err.Error()
	}
	n := copy(b[min(off, st.Size):], p)
	err = unix.Msync(b, unix.MS_SYNC)
	return fmt.Sprintln(n, err, unix.Munmap(b))
}

// mapRead sums a file as it is mapped.
func mapRead(fd int) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size == 0 {
		return fmt.Sprint(err)
	}
	b, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%08x %v", crc32.ChecksumIEEE(b), unix.Munmap(b))
}
