package ns

import (
	"context"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A keptHandle is an open file of a tree that is kept.
type keptHandle struct {
	*kept
	mode   p9.Mode
	opened *client.First // what came with the opening; nil: nothing
	vers0  bool          // made up as it is read

	mu    sync.Mutex
	fid   *client.Fid // nil: not opened at the server yet
	first []byte      // what was read when it was opened
	whole bool        // that is all of it
	part  *part       // of what was coming when it was opened; nil: nothing was
	paged bool        // the kernel may have all of it
	as    uint64      // the file's turn then
	sum   *sum        // what it has is in the store by this name; nil: it is not
	here  *os.File    // that, when it was opened

	ahead  readAhead
	behind writeBehind
}

// handle makes a handle. c.mu is held.
func (k *kept) handle(g *client.Fid, mode p9.Mode) *keptHandle {
	k.opens++
	h := &keptHandle{kept: k.hold(), mode: mode, fid: g, as: k.turn}
	if mode.Writable() {
		if k.writers == nil {
			k.writers = map[*keptHandle]bool{}
		}
		k.writers[h] = true
	}
	return h
}

// Qid gives the qid that opening told.
func (h *keptHandle) Qid() p9.Qid {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.vers0:
		return p9.Qid{}
	case h.fid != nil:
		return h.fid.Qid()
	}
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	return h.st.Qid
}

func (h *keptHandle) opening() (p9.Stat, error) {
	if h.opened == nil {
		return p9.Stat{}, p9.ErrNotSup
	}
	return h.opened.Stat, h.opened.StatErr
}

// open gives the open fid.
func (h *keptHandle) open(ctx context.Context) (*client.Fid, error) {
	using(ctx, h.c.conn)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fid != nil {
		return h.fid, nil
	}
	fid, err := h.use(ctx)
	if err != nil {
		return nil, err
	}
	g, err := fid.WalkOpen(ctx, h.mode)
	if err != nil {
		return nil, err
	}
	h.fid = g
	return g, nil
}

// unopened tells whether there is no such fid.
func (h *keptHandle) unopened() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fid == nil
}

func (h *keptHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	if n, ok := h.readFirst(p, off); ok {
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	if n, ok, err := h.readPart(ctx, p, off); ok {
		return n, err
	}
	if n, ok := h.readStored(p, off); ok {
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	fid, err := h.open(ctx)
	if err != nil {
		return 0, err
	}
	if err := h.settleFrom(ctx, off); err != nil {
		return 0, err
	}
	h.assure(ctx)
	if !h.steady(fid) {
		return fid.Read(ctx, p, off)
	}
	if n, ok, err := h.ahead.read(ctx, h, fid, p, off); ok {
		return n, err
	}
	return fid.Read(ctx, p, off)
}

// readFirst reads what came with the opening, as long as the file is not known to have changed.
func (h *keptHandle) readFirst(p []byte, off int64) (int, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first == nil {
		return 0, false
	}
	h.c.mu.Lock()
	same := h.turn == h.as
	h.c.mu.Unlock()
	if !same {
		h.first = nil
		return 0, false
	}
	if off >= int64(len(h.first)) {
		return 0, h.whole
	}
	return copy(p, h.first[off:]), true
}

func (h *keptHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	fid, err := h.open(ctx)
	if err != nil {
		return 0, err
	}
	alone := h.steady(fid) && h.mode&p9.OAPPEND == 0
	if err := h.settleBut(ctx, alone, h); err != nil {
		return 0, err
	}
	if alone {
		return h.behind.write(ctx, h.kept, fid, p, off)
	}
	h.c.drop(h.kept)
	n, err := fid.Write(ctx, p, off)
	h.c.drop(h.kept) // what was asked for meanwhile may be of before
	return n, err
}

// steady tells whether the bytes of the file stay where they are, so that they can be
// asked for ahead and sent in any order.
func (h *keptHandle) steady(fid *client.Fid) bool {
	q := fid.Qid()
	return !h.vers0 && q.Vers != 0 && q.Type&^p9.QTTMP == 0
}

// settle waits for what was written behind to the file, by whichever handle.
func (k *kept) settle(ctx context.Context) error { return k.settleBut(ctx, false, nil) }

// settleBut does so, by all but one handle if but is set.
func (k *kept) settleBut(ctx context.Context, but bool, one *keptHandle) error {
	k.c.mu.Lock()
	var hs []*keptHandle
	for h := range k.writers {
		if !but || h != one {
			hs = append(hs, h)
		}
	}
	k.c.mu.Unlock()
	for _, h := range hs {
		if err := h.behind.calm(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settleFrom does so with what was written at an offset or behind it: what is read there is not
// before what was written, nor is the end of the file.
func (k *kept) settleFrom(ctx context.Context, off int64) error {
	k.c.mu.Lock()
	hs := slices.Collect(maps.Keys(k.writers))
	k.c.mu.Unlock()
	for _, h := range hs {
		if err := h.behind.calmFrom(ctx, off); err != nil {
			return err
		}
	}
	return nil
}

// Flush waits for what was written behind, and tells whether all went well. For what was
// changed in memory the kernel takes any of the file's handles.
func (h *keptHandle) Flush(ctx context.Context) error {
	if err := h.settle(ctx); err != nil {
		return err
	}
	return h.behind.failed()
}

// Stat gives the attributes of the file that is open.
func (h *keptHandle) Stat(ctx context.Context) (p9.Stat, error) {
	if err := h.settle(ctx); err != nil {
		return p9.Stat{}, err
	}
	h.mu.Lock()
	fid := h.fid
	h.mu.Unlock()
	h.c.mu.Lock()
	st, ok := h.st, h.c.good(h.at) && !h.vers0
	h.c.mu.Unlock()
	if ok {
		return st, nil
	}
	if fid == nil {
		return h.kept.Stat(ctx)
	}
	t := h.c.begin()
	st, err := fid.Stat(ctx)
	if err == nil && st.Qid.Path == h.path {
		h.c.mu.Lock()
		h.take(&st, t)
		h.look(t)
		h.c.mu.Unlock()
	}
	return st, err
}

func (h *keptHandle) Wstat(ctx context.Context, w p9.Wstat) error {
	fid, err := h.open(ctx)
	if err != nil {
		return err
	}
	return h.wstat(ctx, fid, w)
}

func (h *keptHandle) Sync(ctx context.Context, dataOnly bool) error {
	fid, err := h.open(ctx)
	if err != nil {
		return err
	}
	if err := h.Flush(ctx); err != nil {
		return err
	}
	return fid.Sync(ctx, dataOnly)
}

// Lock takes a lock or lets it go. What was written is with the server before others
// can have it, and who gets it does not go by what he knew before.
func (h *keptHandle) Lock(ctx context.Context, l p9.Flock) (uint8, error) {
	if l.Type == p9.LockUnlock && h.unopened() { // or it may be opened after its end
		return p9.LockSuccess, nil
	}
	fid, err := h.open(ctx)
	if err != nil {
		return 0, err
	}
	if err := h.settle(ctx); err != nil {
		return 0, err
	}
	status, err := fid.Lock(ctx, l)
	if err == nil && status == p9.LockSuccess && l.Type != p9.LockUnlock {
		h.c.drop(h.kept)
		h.c.doubt()
	}
	return status, err
}

func (h *keptHandle) Getlock(ctx context.Context, l p9.Flock) (p9.Flock, error) {
	fid, err := h.open(ctx)
	if err != nil {
		return l, err
	}
	return fid.Getlock(ctx, l)
}

// Clunk closes the file. One that is only read, and whose bytes stay where they are,
// nobody waits for.
func (h *keptHandle) Clunk() {
	h.ahead.drop()
	h.mu.Lock()
	fid := h.fid
	h.unstore()
	h.mu.Unlock()
	if h.behind.busy() { // who closed it did not want to wait
		go func() {
			h.behind.calm(context.Background())
			h.end(fid)
		}()
		return
	}
	h.end(fid)
}

func (h *keptHandle) end(fid *client.Fid) {
	h.c.mu.Lock()
	delete(h.writers, h)
	h.opens--
	h.c.mu.Unlock()
	switch {
	case fid == nil:
	case h.mode.Writable() || h.mode&p9.ORCLOSE != 0 || fid.Qid().Vers == 0:
		fid.Clunk(gone)
	default:
		fid.Drop()
	}
	h.kept.Clunk()
}
