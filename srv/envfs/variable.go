package envfs

import (
	"context"
	"io"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A variable is one file. The bytes of value up to its length are never changed:
// what is written over them goes to a copy, what is appended goes behind them. So a
// reader's value is a slice of the moment, and costs nothing.
//
// Lock order: group.mu, variable.mu.
type variable struct {
	g    *group
	id   uint64 // its place in the group's order, and its cookie
	path uint64

	mu    sync.Mutex
	name  string // written with group.mu held as well
	gone  bool
	vers  uint32
	mtime time.Time
	made  time.Time
	value []byte
}

// Inline marks that no method blocks.
func (v *variable) Inline() {}

func (v *variable) qid() p9.Qid {
	v.mu.Lock()
	defer v.mu.Unlock()
	return p9.Qid{Path: v.path, Vers: v.vers}
}

// Stat tells the attributes.
func (v *variable) Stat(context.Context) (p9.Stat, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st := p9.Stat{Qid: p9.Qid{Path: v.path, Vers: v.vers}, Mode: 0o666, Length: uint64(len(v.value)), Unlinked: v.gone,
		Atime: v.mtime, Mtime: v.mtime, Ctime: v.mtime, Btime: v.made}
	v.g.stat(&st)
	return st, nil
}

// Wstat sets the length. Times it accepts and leaves as they are.
func (v *variable) Wstat(_ context.Context, w p9.Wstat) error {
	if w.Valid&^(p9.WLength|p9.WAtime|p9.WMtime|p9.WAtimeNow|p9.WMtimeNow) != 0 {
		return p9.ErrWstat
	}
	if w.Valid&p9.WLength == 0 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	n, have := w.Length, uint64(len(v.value))
	if n > math.MaxInt64 {
		return p9.ErrorOfText("File too large")
	}
	if err := v.charge(int64(n) - int64(have)); err != nil {
		return err
	}
	if n < have {
		v.value = slices.Clone(v.value[:n]) // the rest is no longer counted
	} else {
		v.value = append(v.value, make([]byte, n-have)...)
	}
	v.changed()
	return nil
}

// charge is for a change of the length. What is removed is on nobody's account, and
// has the limit for itself.
func (v *variable) charge(n int64) error {
	if !v.gone {
		return v.g.charge(n)
	}
	if n > v.g.fs.limit-int64(len(v.value)) {
		return syscall.ENOSPC
	}
	return nil
}

func (v *variable) changed() {
	if v.vers++; v.vers == 0 { // 0 would say not to cache
		v.vers = 1
	}
	v.mtime = time.Now()
	if !v.gone {
		v.g.changed()
	}
}

// remove ends the variable's account with its group, whose lock is held.
func (v *variable) remove() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.charge(-varCost - int64(len(v.name)) - int64(len(v.value)))
	v.gone = true
}

// Open takes the value as it is now for a reader.
func (v *variable) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if mode&p9.OTRUNC != 0 && len(v.value) > 0 {
		v.charge(-int64(len(v.value)))
		v.value = nil
		v.changed()
	}
	if mode.Writable() {
		return &writer{v, mode}, nil
	}
	return &reader{value: v.value}, nil
}

// A reader is a variable open for reading: its value at that moment.
type reader struct{ value []byte }

// Inline marks that reading never blocks.
func (r *reader) Inline() {}

// Read gives the bytes at an offset.
func (r *reader) Read(_ context.Context, p []byte, off int64) (int, error) {
	if off >= int64(len(r.value)) {
		return 0, io.EOF
	}
	return copy(p, r.value[off:]), nil
}

// A writer is a variable open for writing, or for both: then it reads what has been
// written.
type writer struct {
	v    *variable
	mode p9.Mode
}

// Inline marks that nothing blocks.
func (w *writer) Inline() {}

// Read gives the bytes at an offset, as they are now.
func (w *writer) Read(ctx context.Context, p []byte, off int64) (int, error) {
	w.v.mu.Lock()
	now := reader{w.v.value}
	w.v.mu.Unlock()
	return now.Read(ctx, p, off)
}

// Write puts bytes at an offset or at the end.
func (w *writer) Write(_ context.Context, p []byte, off int64) (int, error) {
	v := w.v
	v.mu.Lock()
	defer v.mu.Unlock()
	have := int64(len(v.value))
	if w.mode&p9.OAPPEND != 0 {
		off = have
	}
	if off > math.MaxInt64-int64(len(p)) {
		return 0, p9.ErrorOfText("File too large")
	}
	end := off + int64(len(p))
	if end > have {
		if err := v.charge(end - have); err != nil {
			return 0, err
		}
	}
	switch {
	case off == have:
		v.value = append(v.value, p...)
	case off > have:
		v.value = append(append(v.value, make([]byte, off-have)...), p...)
	default: // readers have what is written over
		value := append(make([]byte, 0, max(end, have)), v.value[:off]...)
		value = append(value, p...)
		if end < have {
			value = append(value, v.value[end:]...)
		}
		v.value = value
	}
	v.changed()
	return len(p), nil
}

// Sync has nothing to do: there is no more stable place.
func (w *writer) Sync(context.Context, bool) error { return nil }
