package devfuse

import (
	"syscall"
	"unsafe"
)

// A DirEntry is a name in a directory.
type DirEntry struct {
	Name string
	Mode uint32 // only its type counts
	Ino  uint64 // 0: not known
	Off  uint64 // where the next entry is
}

// A DirList is the entries that ReadDir or ReadDirPlus answers with, as many as
// have room.
type DirList struct {
	buf  []byte
	size int
}

// dirent is followed by the name and as many 0 bytes as make the length a multiple of 8.
type dirent struct {
	Ino, Off      uint64
	Namelen, Type uint32
}

const unknownIno = 0xffffffff

// Add adds an entry for ReadDir. It reports false if there is no room for it.
func (l *DirList) Add(e DirEntry) bool { return l.add(e, 0) != nil }

// AddPlus adds one for ReadDirPlus and gives what the name's file is to be told by, all
// 0. It gives nil if there is no room.
func (l *DirList) AddPlus(e DirEntry) *EntryOut {
	return (*EntryOut)(l.add(e, int(unsafe.Sizeof(EntryOut{}))))
}

// add adds an entry after so many bytes of 0 and gives where these are.
func (l *DirList) add(e DirEntry, before int) unsafe.Pointer {
	const head = int(unsafe.Sizeof(dirent{}))
	at, n := len(l.buf), before+(head+len(e.Name)+7)&^7
	if at+n > l.size {
		return nil
	}
	l.buf = l.buf[:at+n]
	b := l.buf[at:]
	clear(b)
	if e.Ino == 0 {
		e.Ino = unknownIno
	}
	*(*dirent)(unsafe.Pointer(&b[before])) = dirent{e.Ino, e.Off, uint32(len(e.Name)), e.Mode & syscall.S_IFMT >> 12}
	copy(b[before+head:], e.Name)
	return unsafe.Pointer(&b[0])
}
