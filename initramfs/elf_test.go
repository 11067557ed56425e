package initramfs

import (
	"bytes"
	"debug/elf"
	"os"
	"testing"
)

// TestObject: a program's machine and sections are those that debug/elf reads, and what is
// no ELF file, or half of one, is an error.
func TestObject(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	want, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	o, err := openObject(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	interp := false
	for _, p := range want.Progs {
		interp = interp || p.Type == elf.PT_INTERP
	}
	if o.machine() != uint16(want.Machine) || o.interpreted() != interp {
		t.Errorf("machine %d, interpreted %v; want %v, %v", o.machine(), o.interpreted(), want.Machine, interp)
	}
	seen := 0
	for _, s := range want.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL || s.Size > 16<<20 {
			continue
		}
		data, err := s.Data()
		if err != nil || s.Flags&elf.SHF_COMPRESSED != 0 {
			continue
		}
		seen++
		if got, err := o.section(s.Name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v; want %d", s.Name, len(got), err, len(data))
		}
	}
	if seen < 3 {
		t.Errorf("%d sections", seen)
	}
	if got, err := o.section(".no"); got != nil || err != nil {
		t.Errorf("a section that is not there: %q, %v", got, err)
	}
	for _, n := range []int{0, 4, 63, 64, 100, len(b) / 2} {
		if o, err := openObject(bytes.NewReader(b[:n])); err == nil {
			if _, err := o.section(".text"); err == nil {
				t.Errorf("%d bytes of a file are no error", n)
			}
		}
	}
}
