package devfs

import (
	"context"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A rawHandle is raw, open: a command, its data, its status, and again.
type rawHandle struct {
	*blockHandle
	mu     sync.Mutex
	cmd    []byte
	status int
	done   bool // the status is next
}

// sgHeader is struct sg_io_hdr of scsi/sg.h.
type sgHeader struct {
	id, direction         int32
	cmdLen, senseLen      uint8
	iovecs                uint16
	length                uint32
	data, cmd, sense      unsafe.Pointer
	timeout, flags        uint32
	pack                  int32
	user                  unsafe.Pointer
	status, masked, msg   uint8
	senseWritten          uint8
	host, driver          uint16
	residue               int32
	duration, information uint32
}

const (
	sgIO            = 0x2285
	sgToDev, sgNone = -2, -1
	sgFromDev       = -3
	sgTimeout       = 60_000 // ms
)

// Read gives a command's data, or the status.
func (h *rawHandle) Read(_ context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		h.done = false
		return copy(p, strconv.Itoa(h.status)+"\n"), nil
	}
	direction := int32(sgFromDev)
	if len(p) == 0 {
		direction = sgNone
	}
	return h.run(p, direction)
}

// Write takes a command, or its data.
func (h *rawHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd != nil {
		return h.run(p, sgToDev)
	}
	if len(p) < 6 || len(p) > 16 {
		return 0, invalid("a command of 6 to 16 bytes comes first")
	}
	h.cmd, h.done = append([]byte(nil), p...), false
	return len(p), nil
}

// run does the command with its data.
func (h *rawHandle) run(p []byte, direction int32) (int, error) {
	if h.cmd == nil {
		return 0, invalid("a command of 6 to 16 bytes comes first")
	}
	cmd := h.cmd
	h.cmd = nil
	var sense [64]byte
	hdr := sgHeader{id: 'S', direction: direction, cmdLen: uint8(len(cmd)), senseLen: uint8(len(sense)), length: uint32(len(p)),
		data: unsafe.Pointer(unsafe.SliceData(p)), cmd: unsafe.Pointer(&cmd[0]), sense: unsafe.Pointer(&sense[0]), timeout: sgTimeout}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, h.f.Fd(), sgIO, uintptr(unsafe.Pointer(&hdr))); e != 0 {
		return 0, cause(e)
	}
	h.status, h.done = int(hdr.status), true
	return len(p) - int(hdr.residue), nil
}
