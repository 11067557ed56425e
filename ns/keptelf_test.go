package ns

import (
	"bytes"
	"debug/elf"
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

// FuzzElf: whatever a file has, reading what it needs ends, within bounds.
func FuzzElf(f *testing.F) {
	head := make([]byte, elfHead+segSize)
	copy(head, elfMagic)
	head[elfSegs], head[elfSegSize], head[elfSegMany], head[elfHead] = elfHead, segSize, 1, segInterp
	f.Add(head)
	f.Add([]byte(listName))
	if b, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := elfNeeds(bytes.NewReader(b))
		for _, s := range append(n.libs, n.interp) {
			if len(s) > len(b) {
				t.Errorf("a name of %d bytes", len(s))
			}
		}
		ldList(b)
	})
}
