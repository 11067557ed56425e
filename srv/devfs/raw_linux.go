package devfs

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
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
	if len(p) == 0 || h.cmd != nil && dataless(h.cmd) {
		return h.run(nil, sgNone)
	}
	return h.run(p, sgFromDev)
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
	if hdr.host != 0 { // it never came to a status: the buffer is shorter than the data, say
		return 0, p9.NewError(unix.EIO, fmt.Sprintf("command did not end: the host adapter says %d", hdr.host))
	}
	h.status, h.done = int(hdr.status), true
	return len(p) - int(hdr.residue), nil
}

// dataless tells whether a command of SPC or SBC moves no data, whatever the buffer: not
// each adapter says then that all of it is left over.
func dataless(cmd []byte) bool {
	switch cmd[0] {
	case 0x00, 0x01, 0x0b, 0x10, 0x11, 0x13, 0x16, 0x17, 0x19, 0x1b, 0x1e, // test unit ready ... prevent removal
		0x2b, 0x34, 0x35, 0x90, 0x91: // seek, prefetch, synchronize cache
		return true
	case 0x2f, 0x8f: // verify, without bytes to compare with
		return cmd[1]&6 == 0
	}
	return false
}
