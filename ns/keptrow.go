package ns

import "slices"

// A row is the entries of a directory, those that are directories or those that are files,
// as somebody goes through them, and says which come next. It knows nothing of the server.
type row struct {
	ways  [2]course // by name, and as the directory has them
	by    int       // the order that they are used in
	runs  int       // how many were used in turn
	last  string    // the latest that was used
	given int       // place in the order up to which next has given them
}

// A course is names, and the place of each.
type course struct {
	names []string
	place map[string]int
}

func newCourse(names []string) course {
	o := course{names, make(map[string]int, len(names))}
	for i, n := range names {
		o.place[n] = i
	}
	return o
}

func newRow(names []string) *row {
	return &row{ways: [2]course{newCourse(slices.Sorted(slices.Values(names))), newCourse(names)}}
}

// Limits of rows.
const (
	rowMost = 32 // entries that are given beyond the last one used
	rowGap  = 8  // who leaves out no more than so many is still going in turn
)

// used notes that an entry is used and gives those that are likely to be next, of the 2 behind
// it when it is the second one in turn, of 4 at the third, and so on, those that were not given
// before.
func (r *row) used(name string) []string {
	last := r.last
	if r.last = name; last == "" || last == name {
		return nil
	}
	by, at, ok := r.follows(last, name)
	if !ok || by != r.by {
		r.runs, r.given = 0, 0
	}
	if !ok {
		return nil
	}
	r.by = by
	r.runs++
	ahead := min(1<<min(r.runs, 10), rowMost)
	names := r.ways[by].names
	from, to := max(at+1, r.given), min(at+1+ahead, len(names))
	if from >= to || from > at+1+ahead/2 { // half of the last ones are still to be used
		return nil
	}
	r.given = to
	return names[from:to]
}

// follows tells in which order, that of before if it is one of them, an entry comes soon
// after another, and its place there.
func (r *row) follows(last, name string) (by, at int, ok bool) {
	for i := range r.ways {
		by := (r.by + i) % len(r.ways)
		was, is := r.ways[by].place[last]
		at, and := r.ways[by].place[name]
		if is && and && at > was && at-was <= rowGap {
			return by, at, true
		}
	}
	return 0, 0, false
}

// first gives the first n entries by name, or as many as there are.
func (r *row) first(n int) []string { return r.ways[0].names[:min(n, len(r.ways[0].names))] }

// behind gives n entries that come after one.
func (r *row) behind(name string, n int) []string {
	o := &r.ways[r.by]
	at, is := o.place[name]
	if !is {
		return nil
	}
	return o.names[at+1 : min(at+1+n, len(o.names))]
}
