package p9file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"math"
	"sync"

	hp9 "github.com/hugelgupf/p9/p9"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Open opens the directory for List; the fid stays with the directory, as of a
// p9.File that was opened others cannot be walked to.
func (d *dir) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	l := newListing(d.node, mode)
	if err := d.t.read(l.open); err != nil {
		l.Clunk()
		return nil, err
	}
	return l, nil
}

// A listing is an open directory. It keeps what it was told of the entries; a
// cookie is the number of entries before.
type listing struct {
	d    *node
	mode p9.Mode

	mu   sync.Mutex
	n    *node // the open copy; nil: to be opened
	ents []p9.Dirent
	next uint64 // Readdir's offset
	end  bool
}

func newListing(d *node, mode p9.Mode) *listing {
	d.ref()
	return &listing{d: d, mode: mode}
}

// Clunk closes the directory.
func (l *listing) Clunk() {
	l.close()
	l.d.unref()
}

func (l *listing) close() {
	if l.n != nil {
		l.n.unref()
		l.n = nil
	}
}

// open opens a copy, at its start. t.mu is held.
func (l *listing) open() error {
	f, err := l.d.clone()
	if err != nil {
		return err
	}
	if _, _, err := f.Open(flagsOf(l.mode)); err != nil {
		f.Close()
		return err
	}
	l.close()
	dir, at, _ := l.d.where()
	l.n = l.d.t.join(&node{f: f, mode: l.d.mode, open: true}, dir, at)
	l.ents, l.next, l.end = nil, 0, false
	return nil
}

// List gives the entries in the order in which the tree does.
func (l *listing) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for i := cookie; ; i++ {
			e, err := l.entry(i, i == 0)
			if err == io.EOF || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// entry gives the entry after i others. first says that a listing begins.
func (l *listing) entry(i uint64, first bool) (p9.Dirent, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first && (l.next != 0 || l.end) || l.n == nil {
		if err := l.d.t.read(l.open); err != nil {
			return p9.Dirent{}, err
		}
	}
	for i >= uint64(len(l.ents)) {
		if l.end {
			return p9.Dirent{}, io.EOF
		}
		if err := l.d.t.read(l.fill); err != nil {
			return p9.Dirent{}, err
		}
	}
	return l.ents[i], nil
}

// Readdir's count is a number of entries by its documentation, and of bytes for
// hugelgupf's client, whose messages this must fit.
const batch = 32 << 10

// fill asks for further entries. t.mu is held.
func (l *listing) fill() error {
	if !l.d.here() {
		return p9.ErrNotExist
	}
	ents, err := readdir(l.n, l.next, batch)
	if err == nil && l.next == 0 && len(ents) >= batch {
		// A long directory, and not by way of a client. localfs is lost when it is
		// asked to go on: all at once, then.
		if err = l.open(); err == nil {
			ents, err = readdir(l.n, 0, math.MaxUint32)
			l.end = true
		}
	}
	if err != nil {
		return err
	}
	kept := l.ents
	for _, e := range ents {
		if kept, err = l.add(kept, e); err != nil {
			return err
		}
	}
	l.ents = kept
	if len(ents) == 0 || ents[len(ents)-1].Offset == l.next {
		l.end = true
	} else {
		l.next = ents[len(ents)-1].Offset
	}
	return nil
}

func readdir(n *node, off uint64, count uint32) (hp9.Dirents, error) {
	ents, err := n.f.Readdir(off, count)
	if err == io.EOF {
		err = nil
	}
	return ents, err
}

// add appends an entry to those that are kept.
func (l *listing) add(kept []p9.Dirent, e hp9.Dirent) ([]p9.Dirent, error) {
	if srv.CheckName(e.Name) != nil { // "." and ".." of a tree that gives them
		return kept, nil
	}
	mode := p9.FileMode(uint32(e.QID.Type)<<24) & (fs.ModeDir | fs.ModeSymlink)
	switch {
	case e.Type != e.QID.Type: // not as localfs has it, but as Linux's client does
		mode = p9.ModeOfDtype(uint8(e.Type))
	case e.QID.Type&hp9.TypeAppendOnly != 0:
		n, err := l.d.look(e.Name)
		if errors.Is(ours(err), fs.ErrNotExist) {
			return kept, nil // gone since
		}
		if err != nil {
			return kept, err
		}
		n.f.Close()
		mode = n.mode
	}
	if mode&special == 0 {
		mode |= p9.FileMode(uint32(e.QID.Type)<<24) & onlyQid
	}
	return append(kept, p9.Dirent{Qid: qidOf(e.QID, mode), Cookie: uint64(len(kept)) + 1, Mode: mode & fs.ModeType, Name: e.Name}), nil
}
