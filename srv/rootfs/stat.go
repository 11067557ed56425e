package rootfs

import (
	"io/fs"
	"syscall"
	"time"

	"ninespace/srv/p9"
)

// stat turns what the system tells into ours.
func (t *tree) stat(fi fs.FileInfo) p9.Stat {
	s := p9.Stat{Mode: fi.Mode(), Mtime: fi.ModTime()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.Nuid, s.Ngid, s.Nlink = st.Uid, st.Gid, uint64(st.Nlink)
		s.Unlinked = st.Nlink == 0
		s.Rdev, s.Blksize, s.Blocks = uint64(st.Rdev), uint64(st.Blksize), uint64(st.Blocks)
		s.Atime, s.Ctime = times(st)
		s.Qid.Path = t.devices.Of(uint64(st.Dev)).Path(uint64(st.Ino))
	}
	if fi.Mode().IsRegular() || fi.Mode().Type() == fs.ModeSymlink {
		s.Length = uint64(fi.Size())
	}
	if fi.Mode().IsRegular() || fi.IsDir() {
		s.Qid.Vers = t.version(&s)
	}
	if fi.Mode()&fs.ModeCharDevice != 0 {
		s.Mode |= fs.ModeDevice
	}
	s.Qid.Type = p9.QidTypeOf(s.Mode)
	return s
}

// version makes a qid's version of what each change of a file changes.
func (t *tree) version(s *p9.Stat) uint32 {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(s.Mtime.UnixNano()) * odd
	h = (h ^ h>>29 ^ uint64(s.Ctime.UnixNano())) * odd
	h = (h ^ h>>29 ^ s.Length) * odd
	if since := time.Since(s.Ctime); -time.Second < since && since < time.Second {
		h = (h ^ h>>29 ^ uint64(t.looks.Add(1))) * odd
	}
	return max(1, uint32(h>>32))
}
