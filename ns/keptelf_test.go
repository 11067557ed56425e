package ns

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"testing"
)

// TestElfNeeds: what programs of this machine need is as another reader of ELF has it, and the
// loader's list has each library where it is.
func TestElfNeeds(t *testing.T) {
	cache, err := os.ReadFile(ldCache)
	if err != nil {
		t.Skip("no list of glibc's loader here: ", err)
	}
	list, seen := ldList(cache), 0
	for _, name := range []string{"/bin/sh", "/bin/ls", "/usr/bin/git", "/usr/bin/ssh", "/usr/bin/python3", "/bin/bash"} {
		f, err := elf.Open(name)
		if err != nil {
			continue
		}
		seen++
		libs, err := f.ImportedLibraries()
		if err != nil {
			t.Fatal(err)
		}
		interp := ""
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				b, _ := io.ReadAll(p.Open())
				interp = string(bytes.TrimRight(b, "\x00"))
			}
		}
		f.Close()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := elfNeeds(bytes.NewReader(b))
		if n.interp != interp || !slices.Equal(n.libs, libs) {
			t.Errorf("%s: %+v, not %s and %v", name, n, interp, libs)
		}
		for _, lib := range libs {
			if !slices.ContainsFunc(list[lib], func(place string) bool { _, err := os.Stat(place); return err == nil }) {
				t.Errorf("%s: %s is at %q", name, lib, list[lib])
			}
		}
	}
	if seen == 0 {
		t.Error("no program to look at")
	}
}

// A countedFile is one of which is counted how much is asked for.
type countedFile struct {
	*bytes.Reader
	asked int
}

func (c *countedFile) ReadAt(p []byte, off int64) (int, error) {
	c.asked += len(p)
	return c.Reader.ReadAt(p, off)
}

// manyNeeds is a program of as many needs of each kind, all of them by the same long name.
func manyNeeds(many, length int) []byte {
	le := binary.LittleEndian
	dynamic := elfHead + many*segSize
	names := dynamic + 3*many*dynSize
	b := append(make([]byte, names), bytes.Repeat([]byte("/"), length)...)
	copy(b, elfMagic)
	le.PutUint64(b[elfSegs:], elfHead)
	le.PutUint16(b[elfSegSize:], segSize)
	le.PutUint16(b[elfSegMany:], uint16(many))
	for i := range many {
		s, at, size := b[elfHead+i*segSize:], 0, len(b)
		le.PutUint32(s, []uint32{segLoad, segDynamic, segInterp}[i%3])
		if i%3 == 1 {
			at, size = dynamic, names-dynamic
		}
		le.PutUint64(s[8:], uint64(at))
		le.PutUint64(s[16:], uint64(at))
		le.PutUint64(s[32:], uint64(size))
		for j, kind := range []uint64{dynNeeded, dynStrings, dynRunpath} {
			d := b[dynamic+(3*i+j)*dynSize:]
			le.PutUint64(d, kind)
			if le.PutUint64(d[8:], 1); kind == dynStrings {
				le.PutUint64(d[8:], uint64(names-1))
			}
		}
	}
	return b
}

// manyListed is a list of as many libraries, all by the same long name and path.
func manyListed(many, length int) []byte {
	le := binary.LittleEndian
	names := listHead + many*listSize
	b := append(make([]byte, names), bytes.Repeat([]byte("/"), length)...)
	copy(b, listName)
	le.PutUint32(b[listMany:], uint32(many))
	for i := range many {
		e := b[listHead+i*listSize:]
		le.PutUint32(e[listKey:], uint32(names))
		le.PutUint32(e[listValue:], uint32(names))
	}
	return b
}

// FuzzElf: whatever a file has, reading what it needs ends, within bounds: of what is asked of
// its server, and of what is made of it.
func FuzzElf(f *testing.F) {
	head := make([]byte, elfHead+segSize)
	copy(head, elfMagic)
	head[elfSegs], head[elfSegSize], head[elfSegMany], head[elfHead] = elfHead, segSize, 1, segInterp
	f.Add(head)
	f.Add([]byte(listName))
	for _, length := range []int{10, 1000, 50000} {
		f.Add(manyNeeds(600, length))
		f.Add(manyListed(600, length))
	}
	for _, name := range []string{"/bin/true", ldCache} {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &countedFile{Reader: bytes.NewReader(b)}
		n := elfNeeds(r)
		if r.asked > 2<<20 {
			t.Errorf("%d bytes were read", r.asked)
		}
		size := len(n.interp)
		for _, s := range append(n.libs, n.dirs...) {
			size += len(s)
		}
		if size > 64<<10 || len(n.libs) > maxNeeds || len(n.dirs) > 16 {
			t.Errorf("%d libraries in %d directories, %d bytes of names", len(n.libs), len(n.dirs), size)
		}
		size = 0
		for name, places := range ldList(b) {
			size += len(name)
			for _, p := range places {
				size += len(p)
			}
			if len(places) > 16 {
				t.Errorf("%d places of one library", len(places))
			}
		}
		if size > 2*len(b) {
			t.Errorf("a list of %d bytes has %d of names", len(b), size)
		}
	})
}
