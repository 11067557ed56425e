package ns

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"time"

	"ninespace/srv/p9"
)

// Guessing: who enters the directories of a directory one after the other, as find, ls -R and
// git do, or opens its files so, as tar, grep and make, is likely to go on. What comes next is
// asked for before, more of it the longer that is true: listings with attributes, and
// small files. All of it is under the lease, and so as good as what was asked for when it was
// needed.

const (
	guessMost      = 32                   // listings or files that are asked for beyond the last one used
	guessUnder     = 128                  // requests under way
	guessFirst     = 8                    // files of a directory, where those of others were read in turn ...
	guessDirsAhead = 4                    // ... and of so many directories
	guessLapses    = 3                    // of a directory that changes all the time the listing is not asked for
	guessSmall     = 256 << 10            // a directory whose files are not longer in all is read as a whole when it is far away ...
	guessFew       = 4                    // ... and so are its directories' listings, where there are no more
	guessLong      = 64 << 10             // bytes of a file, at most
	guessGap       = 8                    // entries that who goes in turn leaves out
	guessFar       = 3 * time.Millisecond // what a round trip takes to a server that is far away
	guessBytes     = 8 << 20              // of files that nobody has opened yet
)

// Which entries of a directory are gone through.
const (
	guessDirs = iota
	guessFiles
)

// enters notes that a directory is entered, and asks for those that come next. c.mu is held.
func (k *kept) enters() {
	k.guessAll(guessDirs)
	if k.inside || k.dir == nil {
		return
	}
	r := k.dir.row(guessDirs)
	if r == nil {
		return
	}
	k.inside = true
	for _, name := range r.after(k.name) {
		k.c.guessDir(k.dir.names[name].k)
	}
	if r.runs < 2 {
		return
	}
	if in := k.row(guessDirs); in != nil { // who goes in turn enters them first
		for _, name := range in.ways[0].names[:min(4, len(in.ways[0].names))] {
			k.c.guessDir(k.names[name].k)
		}
	}
}

// guessDir asks for a directory's listing. c.mu is held.
func (c *cache) guessDir(k *kept) {
	if k == nil || k.coming != nil || c.good(k.listed) || c.guesses >= guessUnder || k.st.Qid.Vers == 0 {
		return
	}
	c.guessing(k, func(ctx context.Context) { k.load(ctx, false) })
}

// took learns from how long a round trip took. c.mu is not held.
func (c *cache) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trip == 0 || d < c.trip {
		c.trip = d
		c.far = d > guessFar
	}
}

// guessing does what asks for a file ahead. c.mu is held.
func (c *cache) guessing(k *kept, ask func(context.Context)) {
	came := make(chan struct{})
	k.coming = came
	k.hold()
	c.guesses++
	go func() {
		ask(context.Background())
		c.mu.Lock()
		c.guesses--
		k.coming = nil
		c.mu.Unlock()
		close(came)
		k.Clunk()
	}()
}

// opensInTurn notes that a file is opened to be read, and asks for those that come next. c.mu is
// held.
func (k *kept) opensInTurn() {
	if k.dir == nil {
		return
	}
	r := k.dir.row(guessFiles)
	if r == nil {
		return
	}
	k.dir.guessAll(guessFiles)
	first := r.last == ""
	next := r.after(k.name)
	if up := k.dir.dir; up != nil && up.guess != nil {
		if r.runs == 1 {
			up.guess.read++
		}
		if first && up.guess.read >= 2 {
			up.guessNext(k.dir.name)
		}
	}
	for _, name := range next {
		if path.Ext(name) == path.Ext(k.name) {
			k.c.guessFile(k.dir.names[name].k)
		}
	}
}

// guessNext asks for files of the directories that come after one in which somebody has begun
// to read, as he did in others. c.mu is held.
func (k *kept) guessNext(name string) {
	r := k.row(guessDirs)
	if r == nil {
		return
	}
	w := &r.ways[r.by]
	at, is := w.place[name]
	if !is {
		return
	}
	for _, name := range w.names[at+1 : min(at+1+guessDirsAhead, len(w.names))] {
		d := k.names[name].k
		if d == nil {
			continue
		}
		if in := d.row(guessFiles); in != nil {
			names := in.ways[0].names
			for _, name := range names[:min(guessFirst, len(names))] {
				k.c.guessFile(d.names[name].k)
			}
		}
	}
}

// guessAll asks for all entries of a kind, where that is little for a server that is far
// away. c.mu is held.
func (k *kept) guessAll(kind int) {
	if !k.c.far {
		return
	}
	r := k.row(kind)
	if r == nil || k.guess.all[kind] {
		return
	}
	k.guess.all[kind] = true
	names := r.ways[0].names
	if kind == guessDirs {
		if len(names) <= guessFew {
			for _, name := range names {
				k.c.guessDir(k.names[name].k)
			}
		}
		return
	}
	size := uint64(0)
	for _, name := range names {
		if f := k.names[name].k; f == nil || len(names) > guessUnder {
			return
		} else if size += f.st.Length; size > guessSmall {
			return
		}
	}
	for _, name := range names {
		k.c.guessFile(k.names[name].k)
	}
}

// guessFile asks for what a small file has. c.mu is held.
func (c *cache) guessFile(k *kept) {
	if k == nil || k.coming != nil || !c.good(k.at) || !k.at.leased || k.read || k.seen == k.st.Qid.Vers+1 || k.opens > 0 ||
		c.guesses >= guessUnder || k.st.Qid.Vers == 0 || k.st.Qid.Type != 0 || !k.st.Mode.IsRegular() || k.st.Length == 0 || k.st.Length > guessLong {
		return
	}
	buf := make([]byte, k.st.Length)
	c.guessing(k, func(ctx context.Context) {
		t := c.begin()
		from, names, of := k.way()
		defer of.Clunk()
		g, first, err := from.WalkOpenStat(ctx, p9.OREAD, buf, names...)
		if err != nil {
			return
		}
		g.Drop()
		c.mu.Lock()
		defer c.mu.Unlock()
		if first.StatErr != nil || first.ReadErr != nil || first.Stat.Qid.Path != k.path || first.Stat.Mode.Type() != fs.FileMode(0) ||
			first.Stat.Length != uint64(len(buf)) || first.N != len(buf) || !t.leased || !t.holds(k) || k.never {
			return
		}
		k.take(&first.Stat, t)
		k.read, k.data = true, buf
		c.ahead += len(buf)
		if len(c.guessed) == cap(c.guessed) { // of most the bytes have been given, and need no place
			c.guessed = slices.DeleteFunc(c.guessed, func(k *kept) bool { return k.data == nil })
			c.guessed = slices.Grow(c.guessed, len(c.guessed)+1)
		}
		c.guessed = append(c.guessed, k)
		for c.ahead > guessBytes && len(c.guessed) > 0 {
			c.guessed[0].let()
			c.guessed = c.guessed[1:]
		}
	})
}

// let lets go what was read of the file before it was opened, and gives it. c.mu is held.
func (k *kept) let() []byte {
	b := k.data
	k.data = nil
	k.c.ahead -= len(b)
	return b
}

// ahead gives what is closed when what is asked for ahead has come; nil: nothing is.
func (k *kept) ahead() chan struct{} {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	return k.coming
}

// await waits for what is asked for ahead. c.mu is held, but for while it waits.
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
