package ns

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// What is asked for ahead, and what comes of it: a listing is the directory's as any, and what
// a file has is kept for who opens it first.

const (
	fetchUnder  = 128      // requests under way
	fetchFile   = 64 << 10 // bytes of a file, at most
	fetchBytes  = 16 << 20 // of files that nobody has opened yet
	fetchLapses = 3        // of a directory that changes all the time the listing is not asked for
)

// fetchDirs asks for the listings of directories in this one. c.mu is held.
func (k *kept) fetchDirs(names []string) {
	for _, name := range names {
		k.c.fetchDir(k.names[name].k)
	}
}

// fetchDir asks for a directory's listing. c.mu is held.
func (c *cache) fetchDir(k *kept) {
	if k == nil || k.coming != nil || c.good(k.listed) || c.fetches >= fetchUnder || k.st.Qid.Vers == 0 {
		return
	}
	c.fetch(k, func(ctx context.Context) { k.load(ctx, false) })
}

// fetchFiles asks for what small files in this directory have. c.mu is held.
func (k *kept) fetchFiles(names []string) {
	for _, name := range names {
		if f := k.names[name].k; f != nil && f.worthFetching(fetchFile) {
			buf := make([]byte, f.st.Length)
			k.c.fetch(f, func(ctx context.Context) { f.fetchData(ctx, buf) })
		}
	}
}

// worthFetching tells whether what a file has is not known here, and is fetchable. c.mu is held.
func (k *kept) worthFetching(most uint64) bool {
	return !k.read && k.seen != k.st.Qid.Vers+1 && k.opens == 0 && k.fetchable(most)
}

// fetchable tells whether what a file has is to be believed when it comes, and is no more than
// most. c.mu is held.
func (k *kept) fetchable(most uint64) bool {
	st := &k.st
	return k.coming == nil && k.c.fetches < fetchUnder &&
		k.c.bound(k.at) && st.Qid.Vers != 0 && st.Qid.Type == 0 &&
		st.Mode.IsRegular() && st.Length > 0 && st.Length <= most
}

// fetch does what asks for a file ahead, and gives what is closed when all of it has come. c.mu
// is held.
func (c *cache) fetch(k *kept, ask func(context.Context)) (came chan struct{}) {
	came = make(chan struct{})
	coming := make(chan struct{})
	k.coming = coming
	k.hold()
	c.fetches++
	go func() {
		ask(context.Background())
		c.mu.Lock()
		if c.fetches--; k.coming == coming {
			k.arrived()
		}
		c.mu.Unlock()
		close(came)
		k.Clunk()
	}()
	return came
}

// arrived has who waits for the file, as it is asked for ahead, go on. c.mu is held.
func (k *kept) arrived() {
	if k.coming != nil {
		close(k.coming)
		k.coming = nil
	}
}

// fetchData reads all of a file, of which that is as much as there is room for, and keeps it
// if the file is still the one that was known, which it tells. c.mu is not held.
func (k *kept) fetchData(ctx context.Context, buf []byte) bool {
	c := k.c
	t := c.begin()
	from, names, of := k.way()
	defer of.Clunk()
	g, first, err := from.WalkOpenStat(ctx, p9.OREAD, buf, names...)
	if err != nil {
		return false
	}
	var p *part
	if first.N > 0 && first.N < len(buf) && first.ReadErr == nil { // more than one message brings
		if p = k.arrives(g, &first, buf, t); p != nil {
			p.rest(&first)
		}
	}
	g.Drop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p != nil && k.part == p {
		k.part = nil
	}
	if !k.isThis(&first, len(buf)) || first.N < len(buf) || first.ReadErr != nil || !k.stays(t) {
		return false
	}
	k.take(&first.Stat, t)
	k.read = true
	if p == nil || !p.taken {
		c.put(k, buf)
	}
	k.keepConstant(buf)
	return true
}

// isThis tells whether an opening has brought this file, which has n bytes.
func (k *kept) isThis(o *client.First, n int) bool {
	return o.StatErr == nil && o.Stat.Qid.Path == k.path && o.Stat.Mode.Type() == fs.FileMode(0) && o.Stat.Length == uint64(n)
}

// stays tells whether the file has not changed since a request, and the server is bound to tell
// when it does. c.mu is held.
func (k *kept) stays(t ticket) bool { return t.leased && t.holds(k) && !k.never }

// put keeps what was read of a file, and lets go of the oldest where that is too much. c.mu is
// held.
func (c *cache) put(k *kept, data []byte) {
	k.data = data
	c.ahead += len(data)
	if len(c.fetched) == cap(c.fetched) { // of most the bytes have been given, and need no place
		c.fetched = slices.DeleteFunc(c.fetched, func(k *kept) bool { return k.data == nil })
		c.fetched = slices.Grow(c.fetched, len(c.fetched)+1)
	}
	c.fetched = append(c.fetched, k)
	for c.ahead > fetchBytes && len(c.fetched) > 0 {
		c.fetched[0].let()
		c.fetched = c.fetched[1:]
	}
}

// let lets go what was read of the file before it was opened, and gives it. c.mu is held.
func (k *kept) let() []byte {
	b := k.data
	k.data = nil
	k.c.ahead -= len(b)
	return b
}

// ahead gives what is closed when what is asked for ahead is there; nil: nothing is.
func (k *kept) ahead() chan struct{} {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.coming
}

// await waits for what is asked for ahead, of a long file for its beginning. c.mu is held, but for while it waits.
func (k *kept) await(ctx context.Context) error {
	came := k.coming
	if came == nil {
		return nil
	}
	k.c.mu.Unlock()
	defer k.c.mu.Lock()
	select {
	case <-came:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// took learns from how long a round trip took. c.mu is not held.
func (c *cache) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trip == 0 || d < c.trip {
		c.trip = d
		c.far = d > farAway
	}
}
