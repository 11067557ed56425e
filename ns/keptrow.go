package ns

import (
	"slices"
	"time"
)

// A guess is how a directory's entries are used.
type guess struct {
	of   time.Time // the listing that it is of
	rows [2]row    // directories, files
	read int       // directories in it of which files were read in turn
	all  [2]bool   // all directories, all files were asked for
}

// A row is entries that may be used in turn.
type row struct {
	ways  [2]course // by name, and as the directory has them
	last  string    // the latest that was used
	runs  int       // how many were used in turn
	by    int       // which of ways
	asked int       // place up to which it was asked for
}

type course struct {
	names []string
	place map[string]int
}

func newCourse(names []string) course {
	w := course{names, make(map[string]int, len(names))}
	for i, n := range names {
		w.place[n] = i
	}
	return w
}

// after gives the names that are likely to be used after one is, but for those that were
// given before.
func (r *row) after(name string) []string {
	last := r.last
	if r.last = name; last == "" || last == name {
		return nil
	}
	for i := range r.ways {
		n := (r.by + i) % 2
		w := &r.ways[n]
		j, is := w.place[last]
		k, and := w.place[name]
		if !is || !and || k <= j || k-j > guessGap {
			continue
		}
		if n != r.by {
			r.by, r.runs, r.asked = n, 0, 0
		}
		r.runs++
		window := min(1<<min(r.runs, 10), guessMost)
		from, to := max(k+1, r.asked), min(k+1+window, len(w.names))
		if from >= to || from > k+1+window/2 { // some at a time
			return nil
		}
		r.asked = to
		return w.names[from:to]
	}
	r.runs, r.asked = 0, 0
	return nil
}

// row gives how the entries of a kind are used. nil: the directory's listing is not known.
// c.mu is held.
func (k *kept) row(kind int) *row {
	if k.listed.at.IsZero() || !k.listed.leased || !k.c.good(k.listed) || len(k.names) > loadMost {
		return nil
	}
	if k.guess == nil || k.guess.of != k.listed.at {
		k.guess = &guess{of: k.listed.at}
	}
	r := &k.guess.rows[kind]
	if r.ways[0].place == nil {
		var names []string
		for _, e := range k.entries() {
			if kind == guessDirs && e.Mode.IsDir() || kind == guessFiles && e.Mode.IsRegular() {
				names = append(names, e.Name)
			}
		}
		sorted := slices.Sorted(slices.Values(names))
		r.ways = [2]course{newCourse(sorted), newCourse(names)}
	}
	return r
}
