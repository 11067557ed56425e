package diskfs

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An inotify tells by inotify(7), which does not say who changed a file. Its key is the
// watch's number.
type inotify struct{}

func (inotify) open() (int, error) {
	return unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
}

func (inotify) mark(fd int, n *node, _ *device, _ uint32) (string, error) {
	wd, err := unix.InotifyAddWatch(fd, n.proc(), watched)
	if err != nil {
		return "", err
	}
	return string(binary.NativeEndian.AppendUint32(nil, uint32(wd))), nil
}

func (inotify) unmark(fd int, key string) bool {
	unix.InotifyRmWatch(fd, binary.NativeEndian.Uint32([]byte(key)))
	return true
}

func (inotify) next(b []byte) (e event, rest []byte) {
	raw := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
	e = event{key: b[:4], by: anyone, lost: raw.Mask&unix.IN_Q_OVERFLOW != 0, gone: raw.Mask&unix.IN_IGNORED != 0}
	if raw.Len > 0 && raw.Mask&ofNames == 0 { // of a file in the directory, which has a watch of its own
		e.key = nil
	}
	return e, b[unix.SizeofInotifyEvent+int(raw.Len):]
}
