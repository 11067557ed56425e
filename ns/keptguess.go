package ns

import (
	"path"
	"time"
)

// Guessing: who enters the directories of a directory one after the other, as find, ls -R and
// git do, or opens its files so, as tar, grep and make, is likely to go on. What comes next is
// asked for before (keptfetch.go): listings of directories with attributes, and small files.
// All of it is under the lease, and so as good as what was asked for when it was needed.
//
// When a directory is entered, these listings are asked for:
//
//	in turn   of the directories beside it that come next, if it came next itself
//	below     of its first directories, if that was so twice
//	few       of all its directories, if they are few and the server is far away
//
// When a file is opened to be read, these files are:
//
//	in turn   those beside it that come next and have the same ending, if it came next itself
//	cousins   the first ones of the next directories, if it is the first in its own and in
//	          two directories beside that one files were read in turn
//	few       all those beside it, if they are few and small and the server is far away
//
// What comes next is for a row to say (keptrow.go).

const (
	belowDirs   = 4                    // directories below
	cousinDirs  = 4                    // directories that cousins are in
	cousinFiles = 8                    // of each
	fewDirs     = 4                    // directories that are few
	fewFiles    = 128                  // files that are few
	fewBytes    = 256 << 10            // and small, in all
	farAway     = 3 * time.Millisecond // a round trip to a server that is
)

// Kinds of entries.
const (
	dirs = iota
	regular
	kinds
)

// A guess is how the entries of a directory are used, as it was listed at some time.
type guess struct {
	of   time.Duration
	rows [kinds]*row
	all  [kinds]bool // all of them were asked for, if they were few
	read int         // directories in it of which files were read in turn
}

// enters notes that a directory is entered. c.mu is held.
func (k *kept) enters() {
	k.few(dirs)
	if k.inside || k.dir == nil {
		return
	}
	r := k.dir.row(dirs)
	if r == nil {
		return
	}
	k.inside = true
	k.dir.fetchDirs(r.used(k.name))
	if r.runs < 2 {
		return
	}
	if r := k.row(dirs); r != nil {
		k.fetchDirs(r.first(belowDirs))
	}
}

// opensInTurn notes that a file is opened to be read. c.mu is held.
func (k *kept) opensInTurn() {
	d := k.dir
	if d == nil {
		return
	}
	r := d.row(regular)
	if r == nil {
		return
	}
	d.few(regular)
	begins := r.last == ""
	next := r.used(k.name)
	if up := d.dir; up != nil && up.guess != nil {
		if r.runs == 1 {
			up.guess.read++
		}
		if begins && up.guess.read >= 2 {
			up.cousins(d.name)
		}
	}
	for _, name := range next {
		if path.Ext(name) == path.Ext(k.name) {
			d.fetchFiles([]string{name})
		}
	}
}

// cousins asks for the first files of the directories that come after one. c.mu is held.
func (k *kept) cousins(name string) {
	r := k.row(dirs)
	if r == nil {
		return
	}
	for _, name := range r.behind(name, cousinDirs) {
		d := k.names[name].k
		if d == nil {
			continue
		}
		if r := d.row(regular); r != nil {
			d.fetchFiles(r.first(cousinFiles))
		}
	}
}

// few asks for all entries of a kind, once for a listing, where they are few. c.mu is held.
func (k *kept) few(kind int) {
	if !k.c.far {
		return
	}
	r := k.row(kind)
	if r == nil || k.guess.all[kind] {
		return
	}
	k.guess.all[kind] = true
	switch names := r.ways[0].names; {
	case kind == dirs && len(names) <= fewDirs:
		k.fetchDirs(names)
	case kind == regular && len(names) <= fewFiles && k.small(names):
		k.fetchFiles(names)
	}
}

// small tells whether files are known to be small in all. c.mu is held.
func (k *kept) small(names []string) bool {
	size := uint64(0)
	for _, name := range names {
		f := k.names[name].k
		if f == nil {
			return false
		}
		if size += f.st.Length; size > fewBytes {
			return false
		}
	}
	return true
}

// row gives how the entries of a kind are used. nil: the directory's listing is not known
// for sure, or it is too long. c.mu is held.
func (k *kept) row(kind int) *row {
	if !k.c.bound(k.listed) || len(k.names) > loadMost {
		return nil
	}
	if k.guess == nil || k.guess.of != k.listed.at {
		k.guess = &guess{of: k.listed.at}
	}
	if k.guess.rows[kind] == nil {
		var names []string
		for _, e := range k.entries() {
			if kind == dirs && e.Mode.IsDir() || kind == regular && e.Mode.IsRegular() {
				names = append(names, e.Name)
			}
		}
		k.guess.rows[kind] = newRow(names)
	}
	return k.guess.rows[kind]
}
