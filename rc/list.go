package rc

import (
	"ninespace/rc/syntax"
)

// index gives the elements of a list that subscripts name: n, n-m or n-, from 1.
func (sh *shell) index(w *syntax.Index) ([]string, error) {
	subs, err := sh.words(w.Subs, false)
	if err != nil {
		return nil, err
	}
	name, err := sh.name(w.Name)
	if err != nil {
		return nil, err
	}
	list := sh.lookup(name)
	if len(subs) == 1 {
		from, to := span(subs[0], len(list))
		return list[from:to:to], nil
	}
	var out []string
	for _, s := range subs {
		from, to := span(s, len(list))
		out = append(out, list[from:to]...)
	}
	return out, nil
}

// span gives the part of a list of n that a subscript names; an empty one for one
// that names none.
func span(s string, n int) (from, to int) {
	from, i := digits(s, 0)
	to = from
	if i < len(s) && s[i] == '-' {
		if i++; i == len(s) {
			to = n
		} else {
			to, _ = digits(s, i)
		}
	}
	if from < 1 || from > n || to < from {
		return 0, 0
	}
	return from - 1, min(to, n)
}

func digits(s string, i int) (n, end int) {
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > 1<<40 {
			n = 1 << 40
		}
	}
	return n, i
}

// conc concatenates lists from left to right: pair by pair, or one with each.
func (sh *shell) conc(w *syntax.Conc, eval func(syntax.Word) ([]string, error)) ([]string, error) {
	var few [8][]string
	lists := few[:0]
	if n := len(w.Parts); n > len(few) {
		lists = make([][]string, 0, n)
	}
	lists = lists[:len(w.Parts)]
	single, size := true, 0
	for i := len(w.Parts) - 1; i >= 0; i-- {
		l, err := eval(w.Parts[i].Word)
		if err != nil {
			return nil, err
		}
		if lists[i] = l; len(l) != 1 {
			single = false
		} else {
			size += len(l[0])
		}
	}
	if single {
		if len(lists) == 2 {
			return []string{lists[0][0] + lists[1][0]}, nil
		}
		b := make([]byte, 0, size)
		for _, l := range lists {
			b = append(b, l[0]...)
		}
		return []string{string(b)}, nil
	}
	left := lists[0]
	for _, right := range lists[1:] {
		n := max(len(left), len(right))
		switch {
		case n == 0:
			continue
		case len(left) == 0 || len(right) == 0:
			return nil, sh.fail("null list in concatenation")
		case len(left) != len(right) && len(left) != 1 && len(right) != 1:
			return nil, sh.fail("mismatched list lengths in concatenation")
		}
		out := make([]string, n)
		for i := range out {
			out[i] = left[min(i, len(left)-1)] + right[min(i, len(right)-1)]
		}
		left = out
	}
	return left, nil
}
