package devfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestSCSI speaks to a disk by raw: it wants one of qemu's, which nobody misses.
func TestSCSI(t *testing.T) {
	disk := ""
	vendors, _ := filepath.Glob("/sys/block/sd*/device/vendor")
	for _, v := range vendors {
		if b, err := os.ReadFile(v); err == nil && strings.HasPrefix(string(b), "QEMU") {
			disk = strings.Split(v, "/")[3]
		}
	}
	if disk == "" {
		t.Skip("no SCSI disk of qemu's")
	}
	srvtest.Each(t, func() srv.File { return New(Config{}) }, func(t *testing.T, root *client.Fid) {
		x := srvtest.Tree{T: t, Root: root}
		raw := x.Open(disk+"/raw", p9.ORDWR)
		defer raw.Clunk(t.Context())
		x.Write(raw, "\x12\x00\x00\x00\x24\x00") // INQUIRY
		p := make([]byte, 36)
		if n, err := raw.Read(t.Context(), p, 0); n != 36 || err != nil || string(p[8:16]) != "QEMU    " {
			t.Errorf("inquiry: %d, %v, %q", n, err, p)
		}
		if got := x.Read(raw); got != "0\n" {
			t.Errorf("its status: %q", got)
		}
		x.Write(raw, "\x00\x00\x00\x00\x00\x00") // TEST UNIT READY
		if got := x.Read(raw); got != "" {
			t.Errorf("ready: %d bytes of data", len(got))
		}
		if got := x.Read(raw); got != "0\n" {
			t.Errorf("its status: %q", got)
		}
		x.Write(raw, "\x28\x00\xff\xff\xff\xff\x00\x00\x01\x00") // READ(10) far behind the end
		raw.Read(t.Context(), make([]byte, 512), 0)
		if got := x.Read(raw); got != "2\n" {
			t.Errorf("status of a read behind the end: %q", got)
		}
		x.Write(raw, "\x28\x00\x00\x00\x00\x00\x00\x00\x01\x00") // READ(10) of more than there is room for
		if n, err := raw.Read(t.Context(), p, 0); !errors.Is(err, syscall.EIO) {
			t.Errorf("a read without room: %d, %v", n, err)
		}
	})
}
