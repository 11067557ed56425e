package ns

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Constant trees: of what was bound with MCACHE, in a tree that is mounted so and is far away,
// what was read as a whole goes to a store on disk (store.go), and what was used is written down.
// When it is bound in a later session, the server is asked about all of that at once: attributes,
// links, listings, and by p9.SumXattr whether files have what the store has. The answers are
// under the lease, as all that is asked for ahead: the word constant says what is worth keeping
// and is not relied on.

// A constants is what a cache has for that. All is under c.mu.
type constants struct {
	disk   *store
	asked  map[string]*inquiry // by path
	seen   map[string]bool
	used   []use       // of this session, the first one first
	before []use       // of those before
	save   *time.Timer // writes that down; nil: it is written
}

// useSoon is how long after a use it is written down, with those that came meanwhile.
const useSoon = time.Second

// declare says that the file, and all in it, is constant.
func (k *kept) declare() {
	k.c.mu.Lock()
	again := k.constant
	k.constant = true
	k.c.mu.Unlock()
	if again {
		return
	}
	top := &inquiry{file: k, done: make(chan struct{})}
	close(top.done)
	select {
	case <-k.c.lease.had: // who comes next finds what is asked about
		if k.c.begins() {
			k.c.revalidate(top)
		}
	default:
		k.c.mu.Lock()
		k.hold()
		k.c.mu.Unlock()
		go func() {
			defer k.Clunk()
			if <-k.c.lease.had; k.c.begins() {
				k.c.revalidate(top)
			}
		}()
	}
}

// begins opens the server's store, unless the server is near, gives no lease, or is nobody that
// could be known again, and tells whether there is one. Without one all goes as anywhere.
func (c *cache) begins() bool {
	c.mu.Lock()
	is, far := c.constant != nil, c.far && c.server != "" && c.lease.holds()
	c.mu.Unlock()
	if is || !far {
		return is
	}
	s, err := openStore(c.server)
	if err != nil {
		return false
	}
	before := s.uses()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.constant != nil {
		s.close()
	} else {
		c.constant = &constants{disk: s, asked: map[string]*inquiry{}, seen: map[string]bool{}, before: before}
	}
	return true
}

// settleMost is how long the end of a session waits for what is to be kept.
const settleMost = time.Second

// isConstant tells whether what is read of the file is to be kept. c.mu is held.
func (k *kept) isConstant() bool {
	if k.c.constant == nil || !k.c.far {
		return false
	}
	for i := 0; k != nil && i < maxSteps; k, i = k.dir, i+1 {
		if k.constant {
			return true
		}
	}
	return false
}

// opensConstant notes that the file is opened to be read, and waits for what the server says of
// it if that was asked ahead. c.mu is held, but for while it waits.
func (k *kept) opensConstant(ctx context.Context) error {
	if !k.isConstant() || !k.st.Mode.IsRegular() {
		return nil
	}
	k.c.use(k, false)
	return k.c.awaitAnswer(ctx, k.inTree())
}

// answerMost is how long who needs a file waits for what was asked ahead about it, as a sum takes
// the server longer than an open does, and may never come.
var answerMost = 2 * time.Second

// awaitAnswer waits for what the server was asked ahead about a file, if it was. c.mu is held, but
// for while it waits.
func (c *cache) awaitAnswer(ctx context.Context, path string) error {
	if c.constant == nil {
		return nil
	}
	a := c.constant.asked[path]
	if a == nil {
		return nil
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-a.done:
		return nil
	default:
	}
	limit := time.NewTimer(max(0, answerMost-time.Since(a.at)))
	defer limit.Stop()
	select {
	case <-a.done:
	case <-limit.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// awaitName does so for a name in the directory, and tells whether it was asked about. c.mu is
// not held.
func (k *kept) awaitName(ctx context.Context, name string) (asked bool, err error) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	if k.c.constant == nil {
		return false, nil
	}
	path := strings.TrimPrefix(k.placeNow()+"/"+name, "/")
	return k.c.constant.asked[path] != nil, k.c.awaitAnswer(ctx, path)
}

// inTree is the file's path in the server's tree, without a slash before it. c.mu is held.
func (k *kept) inTree() string { return strings.TrimPrefix(k.placeNow(), "/") }

// keepConstant keeps what a file has that came as a whole, if it is constant. c.mu is held.
func (k *kept) keepConstant(b []byte) {
	if k.isConstant() {
		k.c.use(k, false) // though only guessed at, perhaps
		k.c.constant.disk.put(b)
	}
}

// storeBlocks does so when all of its blocks have come.
func (k *kept) storeBlocks(disk *store, bs []*block, all []byte) {
	defer disk.end()
	for _, b := range bs {
		if <-b.done; b.err != nil {
			return
		}
	}
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.keepConstant(all)
}

// use notes that a file is used, or a directory listed. c.mu is held.
func (c *cache) use(k *kept, list bool) {
	s := c.constant
	u := use{path: k.inTree(), list: list}
	if s.seen[u.path] || len(s.seen) >= usesMost || !fs.ValidPath(u.path) {
		return
	}
	if k.st.Mode.IsRegular() {
		if u.size = k.st.Length; u.size > aheadWhole { // it never comes as a whole
			return
		}
	}
	s.seen[u.path] = true
	s.used = append(s.used, u)
	if s.save == nil {
		s.save = time.AfterFunc(useSoon, c.saveUses)
	}
}

// usesList notes that the directory's listing is used, or would be. c.mu is held.
func (k *kept) usesList() {
	if k.isConstant() {
		k.c.use(k, true)
	}
}

// saveUses writes down what was used.
func (c *cache) saveUses() {
	c.mu.Lock()
	if c.constant.save != nil {
		c.constant.save.Stop()
		c.constant.save = nil
	}
	used := slices.Clone(c.constant.used)
	c.mu.Unlock()
	c.constant.disk.setUses(used, c.constant.before)
}

// settleStore has what was used written down, and, as far as there is time for it, what is to be
// kept.
func (c *cache) settleStore(limit time.Duration) {
	c.mu.Lock()
	s := c.constant
	unsaved := s != nil && s.save != nil
	c.mu.Unlock()
	if unsaved {
		c.saveUses()
	}
	if s != nil {
		s.disk.wait(limit)
	}
}

// endStore lets go of the store.
func (c *cache) endStore() {
	c.settleStore(settleMost)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.constant != nil {
		c.constant.disk.close()
	}
}

// settle has what the trees of the engine's streams have kept written down, but of a stream on
// which an attach waits, maybe for ever.
func (e *Engine) settle() {
	for _, s := range e.streams {
		select {
		case s.turn <- struct{}{}:
		default:
			continue
		}
		devs := slices.Collect(maps.Values(s.kept))
		<-s.turn
		for _, d := range devs {
			if k, ok := d.root.(*kept); ok {
				k.c.settleStore(settleMost)
			}
		}
	}
}

// readStored reads what the store has of the file, as long as that is not known to have changed.
func (h *keptHandle) readStored(p []byte, off int64) (int, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sum == nil {
		return 0, false
	}
	h.c.mu.Lock()
	same, length := h.turn == h.as, h.st.Length
	h.c.mu.Unlock()
	if same && h.here == nil {
		h.here = h.c.constant.disk.open(*h.sum, length)
	}
	if !same || h.here == nil {
		h.unstore()
		return 0, false
	}
	n, err := h.here.ReadAt(p, off)
	if err != nil && err != io.EOF {
		h.unstore()
		return 0, false
	}
	return n, true
}

// unstore has it read from the server from now on. h.mu is held.
func (h *keptHandle) unstore() {
	h.sum = nil
	if h.here != nil {
		h.here.Close()
		h.here = nil
	}
}
