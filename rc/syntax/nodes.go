package syntax

// nodes is where the nodes of the common kinds come from: by the slab, since a
// script has many small ones. Lists grow on a stack, as deep as brackets nest,
// and are then copied to their length.
type nodes struct {
	lit    slab[Lit]
	vars   slab[Var]
	conc   slab[Conc]
	simple slab[Simple]
	block  slab[Block]

	words []Word
	cmds  []Cmd
	parts []Part

	wordRoom []Word
	cmdRoom  []Cmd
	partRoom []Part
}

// drop forgets the lists that were being made.
func (n *nodes) drop() { n.words, n.cmds, n.parts = n.words[:0], n.cmds[:0], n.parts[:0] }

// A slab gives zero values, the first few one by one.
type slab[T any] struct {
	free []T
	n    int
}

func (s *slab[T]) get() *T {
	if len(s.free) == 0 {
		s.n = min(2*s.n+1, 128)
		s.free = make([]T, s.n)
	}
	x := &s.free[0]
	s.free = s.free[1:]
	return x
}

// take takes off the stack what is above base and gives it as a list in room, or
// of its own if it is long.
func take[T any](stack *[]T, base int, room *[]T) []T {
	s := (*stack)[base:]
	n := len(s)
	if n == 0 {
		return nil
	}
	const long = 64
	if n > long {
		list := append([]T(nil), s...)
		clear(s)
		*stack = (*stack)[:base]
		return list
	}
	if cap(*room)-len(*room) < n {
		*room = make([]T, 0, min(2*cap(*room)+n, 256))
	}
	at := len(*room)
	*room = append(*room, s...)
	clear(s)
	*stack = (*stack)[:base]
	return (*room)[at:len(*room):len(*room)]
}
