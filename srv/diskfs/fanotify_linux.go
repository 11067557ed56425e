package diskfs

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A fanotify tells by fanotify(7), which says whether it was the process itself that changed
// a file: to others than root since Linux 5.13. What it is told of one process is not merged
// with what it is told of another. Its key is the file's handle without its length,
// name_to_handle_at(2).
//
// It is for the root's file system alone. That cannot be unmounted, of which nobody would
// tell; and handles are one file system's.
type fanotify struct{ pid int32 }

func (fanotify) open() (int, error) {
	return unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, 0)
}

func (fanotify) mark(fd int, n *node, d *device, kind uint32) (string, error) {
	if d != n.t.root.dev.Load() {
		return "", unix.EXDEV
	}
	h, _, err := unix.NameToHandleAt(n.fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return "", err
	}
	var mask uint64 = watched &^ ofNames
	if kind == unix.S_IFDIR {
		mask = watched | unix.FAN_ONDIR
	}
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD, mask, unix.AT_FDCWD, n.proc()); err != nil {
		return "", err
	}
	return string(append(binary.NativeEndian.AppendUint32(nil, uint32(h.Type())), h.Bytes()...)), nil
}

// unmark leaves the mark, for to take it off needs the file.
func (fanotify) unmark(int, string) bool { return false }

// What is behind an event: the record's kind and length, the file system, and the handle.
const (
	fidLen    = 12 // to the handle's length
	fidHandle = fidLen + 4
)

func (f fanotify) next(b []byte) (e event, rest []byte) {
	raw := (*unix.FanotifyEventMetadata)(unsafe.Pointer(&b[0]))
	fid, rest := b[raw.Metadata_len:raw.Event_len], b[raw.Event_len:]
	if raw.Mask&unix.FAN_Q_OVERFLOW != 0 || len(fid) <= fidHandle || binary.NativeEndian.Uint32(fid[fidLen:]) == 0 {
		return event{lost: true}, rest
	}
	e.key = fid[fidHandle:][:4+binary.NativeEndian.Uint32(fid[fidLen:])]
	e.by, e.gone = others, raw.Mask&unix.FAN_DELETE_SELF != 0
	if raw.Pid == f.pid {
		e.by = ourselves
	}
	return e, rest
}
