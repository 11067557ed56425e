package initramfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An object is an ELF file (elf(5)) of 64 bits, little end first, as those of the machines
// are that images are made for. Package debug/elf brings all that reads debuggers' data,
// which each command of nine would pay for at its start.
type object struct {
	r               io.ReaderAt
	head            [64]byte
	progs, sections []byte // their headers, of 56 and 64 bytes
}

const (
	machineX86_64  = 62
	machineAARCH64 = 183
)

var le = binary.LittleEndian

func openObject(r io.ReaderAt) (*object, error) {
	o := &object{r: r}
	if _, err := r.ReadAt(o.head[:], 0); err != nil || string(o.head[:6]) != "\x7fELF\x02\x01" {
		return nil, errors.New("no ELF file of 64 bits, little-endian")
	}
	h, err := o.head[:], error(nil)
	if o.progs, err = o.table(le.Uint64(h[32:]), le.Uint16(h[54:]), le.Uint16(h[56:]), 56); err == nil {
		o.sections, err = o.table(le.Uint64(h[40:]), le.Uint16(h[58:]), le.Uint16(h[60:]), 64)
	}
	return o, err
}

// table reads n headers, each of which is to have a size.
func (o *object) table(off uint64, size, n, want uint16) ([]byte, error) {
	if n > 0 && size != want {
		return nil, fmt.Errorf("ELF headers of %d bytes, not %d", size, want)
	}
	return o.read(off, uint64(n)*uint64(want))
}

// read gives what is in the file; not more than any section that is asked for has.
func (o *object) read(off, n uint64) ([]byte, error) {
	if n > 16<<20 || off > 1<<40 {
		return nil, fmt.Errorf("%d bytes at %d of an ELF file", n, off)
	}
	b := make([]byte, n)
	if m, err := o.r.ReadAt(b, int64(off)); m < len(b) {
		return nil, fmt.Errorf("ELF file is cut off: %w", err)
	}
	return b, nil
}

func (o *object) machine() uint16 { return le.Uint16(o.head[18:]) }

// interpreted tells whether the program needs another one that loads it, and libraries.
func (o *object) interpreted() bool {
	const interp = 3
	for p := o.progs; len(p) > 0; p = p[56:] {
		if le.Uint32(p) == interp {
			return true
		}
	}
	return false
}

// section gives a section's bytes, nil if there is none of the name.
func (o *object) section(name string) ([]byte, error) {
	at := func(i int) (name uint32, off, size uint64) {
		h := o.sections[64*i:]
		return le.Uint32(h), le.Uint64(h[24:]), le.Uint64(h[32:])
	}
	n, named := len(o.sections)/64, int(le.Uint16(o.head[62:]))
	if named >= n {
		return nil, nil
	}
	_, off, size := at(named)
	names, err := o.read(off, size)
	for i := 0; i < n && err == nil; i++ {
		if at, off, size := at(i); uint64(at) < uint64(len(names)) && bytes.HasPrefix(names[at:], []byte(name+"\x00")) {
			return o.read(off, size)
		}
	}
	return nil, err
}
