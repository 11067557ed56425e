package ns

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// What a program of ELF needs to run, elf(5), of 64 bits and with the least byte first, as all
// are that Linux runs nowadays, but for few.

// A needs is that.
type needs struct {
	interp string   // the path of what loads it; "": none
	libs   []string // the names of libraries
	dirs   []string // where they are first looked for
}

const elfMagic = "\x7fELF\x02\x01"

// Of the file: how long its head is, and what is where in it; of segments and of dynamic
// entries: how long they are, and which count.
const (
	elfHead    = 64
	elfSegs    = 32
	elfSegSize = 54
	elfSegMany = 56
	segSize    = 56
	segLoad    = 1
	segDynamic = 2
	segInterp  = 3
	dynSize    = 16
	dynNeeded  = 1
	dynStrings = 5
	dynRunpath = 29
)

// What is read and made of a file is bounded, as another may have made it up: the tables, and
// what there is of names in it; a name, as Linux has it for a path; all the names that a program
// needs; the directories in which it looks for libraries.
const (
	tableMost = 64 << 10
	namesMost = 1 << 20
	pathMost  = 4096
	needsMost = 16 << 10
	dirsMost  = 16
)

// A segment is a piece of the file.
type segment struct {
	kind            uint32
	off, addr, size uint64
}

// elfNeeds reads what a program needs; of what is none, or is damaged, as much as there is.
func elfNeeds(r io.ReaderAt) (n needs) {
	le := binary.LittleEndian
	head := elfPart(r, 0, elfHead)
	if !bytes.HasPrefix(head, []byte(elfMagic)) || le.Uint16(head[elfSegSize:]) != segSize {
		return n
	}
	table := elfPart(r, le.Uint64(head[elfSegs:]), segSize*uint64(le.Uint16(head[elfSegMany:])))
	var segs []segment
	var interp, dynamic segment
	for ; len(table) >= segSize; table = table[segSize:] {
		s := segment{le.Uint32(table), le.Uint64(table[8:]), le.Uint64(table[16:]), le.Uint64(table[32:])}
		switch segs = append(segs, s); s.kind {
		case segInterp:
			interp = s
		case segDynamic:
			dynamic = s
		}
	}
	n.interp = elfString(elfPart(r, interp.off, interp.size), 0)
	var libs, dirs []uint64
	var strs uint64
	for d := elfPart(r, dynamic.off, dynamic.size); len(d) >= dynSize; d = d[dynSize:] {
		switch v := le.Uint64(d[8:]); le.Uint64(d) {
		case dynNeeded:
			libs = append(libs, v)
		case dynRunpath:
			dirs = append(dirs, v)
		case dynStrings:
			strs = v
		}
	}
	if len(libs) == 0 {
		return n
	}
	names, room := elfAt(r, segs, strs), needsMost
	for _, at := range dirs[:min(len(dirs), 1)] {
		n.dirs = strings.SplitN(elfString(names, at), ":", dirsMost+1)
		n.dirs = n.dirs[:min(len(n.dirs), dirsMost)]
		room -= len(elfString(names, at))
	}
	for _, at := range libs[:min(len(libs), maxNeeds)] {
		name := elfString(names, at)
		if room -= len(name); room < 0 {
			break
		}
		if name != "" {
			n.libs = append(n.libs, name)
		}
	}
	return n
}

// elfPart reads a part of the file; nil if it is not there, or too long.
func elfPart(r io.ReaderAt, off, size uint64) []byte {
	if size > tableMost || off > 1<<62 {
		return nil
	}
	b := make([]byte, size)
	if n, _ := r.ReadAt(b, int64(off)); n < len(b) {
		return nil
	}
	return b
}

// elfAt reads what is loaded at an address, to the end of the first segment that has it, or
// as much of it as may be read.
func elfAt(r io.ReaderAt, segs []segment, addr uint64) []byte {
	for _, s := range segs {
		if s.kind == segLoad && addr >= s.addr && addr-s.addr < s.size && s.off < 1<<62 {
			b := make([]byte, min(s.size-(addr-s.addr), namesMost))
			n, _ := r.ReadAt(b, int64(s.off+addr-s.addr))
			return b[:n]
		}
	}
	return nil
}

// elfString gives the string at a place, "" for none, or for what no path is as long as.
func elfString(b []byte, at uint64) string {
	if at >= uint64(len(b)) {
		return ""
	}
	b = b[at:]
	s, _, ok := bytes.Cut(b[:min(len(b), pathMost)], []byte{0})
	if !ok {
		return ""
	}
	return string(s)
}

// Of ld.so's list of libraries: its name, how long its head and an entry are, and where there is
// how many entries there are, the places of a name and a path, and what processors they are for
// beyond what each of the kind can do.
const (
	listName   = "glibc-ld.so.cache1.1"
	listHead   = 48
	listMany   = 20
	listSize   = 24
	listKey    = 4
	listValue  = 8
	listOnlyBy = 16
	listMost   = 1 << 20 // bytes
	placesMost = 8       // of one library
)

// ldList gives of ld.so's list, /etc/ld.so.cache, the paths of each library. No two of the paths
// are the same one, and a name is the end of its path, so in all they are no longer than twice
// the list: where they are, the rest is left out.
func ldList(b []byte) map[string][]string {
	if i := bytes.Index(b, []byte(listName)); i >= 0 { // behind an older one, in old systems
		b = b[i:]
	}
	if len(b) < listHead || len(b) > listMost || !bytes.HasPrefix(b, []byte(listName)) {
		return nil
	}
	le := binary.LittleEndian
	list := map[string][]string{}
	room := 2 * len(b)
	n := min(int(le.Uint32(b[listMany:])), (len(b)-listHead)/listSize)
	for i := range n {
		e := b[listHead+i*listSize:]
		if le.Uint64(e[listOnlyBy:]) != 0 {
			continue
		}
		name, path := elfString(b, uint64(le.Uint32(e[listKey:]))), elfString(b, uint64(le.Uint32(e[listValue:])))
		if room -= len(name) + len(path); room < 0 {
			break
		}
		if name != "" && path != "" && len(list[name]) < placesMost {
			list[name] = append(list[name], path)
		}
	}
	return list
}
