package ns

import (
	"iter"
	"slices"
)

// Spans are parts of a file, by offset, that do not touch each other, in their order.
type spans []span

// A span is from an offset to another, which is not in it.
type span struct{ from, to int64 }

// maxSpans is how many are remembered.
const maxSpans = 64

// reach tells whether an offset is in one of them, or at its end.
func (s spans) reach(off int64) bool {
	return slices.ContainsFunc(s, func(x span) bool { return x.from <= off && off <= x.to })
}

// add adds one, and those that it touches become one with it. Of too many the first is forgotten.
func (s *spans) add(from, to int64) {
	i := 0
	for i < len(*s) && (*s)[i].to < from {
		i++
	}
	j := i
	for ; j < len(*s) && (*s)[j].from <= to; j++ {
		from, to = min(from, (*s)[j].from), max(to, (*s)[j].to)
	}
	*s = slices.Replace(*s, i, j, span{from, to})
	if len(*s) > maxSpans {
		*s = slices.Delete(*s, 0, 1)
	}
}

// gaps gives what is in none of them, from an offset to another.
func (s spans) gaps(from, to int64) iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for _, x := range s {
			if x.from > from && from < to && !yield(from, min(x.from, to)) {
				return
			}
			from = max(from, x.to)
		}
		if from < to {
			yield(from, to)
		}
	}
}
