package guest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// extract writes the vmlinux that a bzImage carries into a file: a guest without
// KVM starts it in 3 s, of which the bzImage would unpack itself for 4 more.
// Where the payload lies is in the setup header, the Linux/x86 boot protocol,
// version 2.08; its last four bytes are the length that it unpacks to.
func extract(ctx context.Context, bz []byte, file string) error {
	if len(bz) < 0x250 || string(bz[0x202:0x206]) != "HdrS" || binary.LittleEndian.Uint16(bz[0x206:]) < 0x208 {
		return errors.New("not a bzImage")
	}
	setup := (int(bz[0x1f1]) + 1) * 512 // in sectors, beside the boot sector
	off, n := int(binary.LittleEndian.Uint32(bz[0x248:])), int(binary.LittleEndian.Uint32(bz[0x24c:]))
	if n < 8 || setup+off+n > len(bz) {
		return errors.New("the payload is not in the file")
	}
	payload, size := bz[setup+off:][:n-4], binary.LittleEndian.Uint32(bz[setup+off+n-4:])
	for _, c := range []struct{ magic, program string }{
		{"\x02\x21\x4c\x18", "lz4"},
		{"\xfd7zXZ\x00", "xz"},
		{"\x28\xb5\x2f\xfd", "zstd"},
		{"\x1f\x8b", "gzip"},
	} {
		if !bytes.HasPrefix(payload, []byte(c.magic)) {
			continue
		}
		cmd := exec.CommandContext(ctx, c.program, "-dc")
		cmd.Stdin = bytes.NewReader(payload)
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", c.program, err)
		}
		if len(out) != int(size) || !bytes.HasPrefix(out, []byte("\x7fELF")) {
			return fmt.Errorf("%s: %d bytes instead of an ELF file of %d", c.program, len(out), size)
		}
		return os.WriteFile(file, out, 0o666)
	}
	return fmt.Errorf("compressed in an unknown way: % x", payload[:8])
}
