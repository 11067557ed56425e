package rcfmt

import (
	"fmt"
	"slices"
	"strings"
)

// unified gives the difference of two texts in the form of diff -u.
func unified(name, a, b string) string {
	const around = 3 // lines that are the same
	es := edits(lines(a), lines(b))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", name, name)
	changed := func(e edit) bool { return e.op != ' ' }
	for i := 0; i < len(es); {
		first := slices.IndexFunc(es[i:], changed)
		if first < 0 {
			break
		}
		from := max(i+first-around, i)
		last := i + first
		for n := last; n < len(es) && n-last <= 2*around; n++ {
			if changed(es[n]) {
				last = n
			}
		}
		i = min(last+1+around, len(es))
		hunk(&out, es[from:i])
	}
	return out.String()
}

func hunk(out *strings.Builder, es []edit) {
	na, nb := 0, 0
	for _, e := range es {
		if e.op != '+' {
			na++
		}
		if e.op != '-' {
			nb++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(es[0].a, na), span(es[0].b, nb))
	for _, e := range es {
		out.WriteByte(e.op)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span writes n lines behind the first at; none are told by the line before them.
func span(at, n int) string {
	if n > 0 {
		at++
	}
	return fmt.Sprintf("%d,%d", at, n)
}

func lines(s string) []string {
	l := strings.SplitAfter(s, "\n")
	if l[len(l)-1] == "" {
		l = l[:len(l)-1]
	}
	return l
}

// An edit is a line that stays, goes or comes, and how many of either text are
// before it.
type edit struct {
	op   byte // ' ', '-' or '+'
	line string
	a, b int
}

// edits finds the fewest edits that make b of a (E. W. Myers, An O(ND) Difference
// Algorithm and Its Variations, 1986). If that takes more than a thousand it takes
// all lines for changed that are not at an end.
func edits(a, b []string) []edit {
	const most = 1000
	var es []edit
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		es = append(es, edit{' ', a[head], head, head})
		head++
	}
	na, nb := len(a), len(b)
	for na > head && nb > head && a[na-1] == b[nb-1] {
		na--
		nb--
	}
	es = append(es, middle(a[:na], b[:nb], head, most)...)
	for i := range len(a) - na {
		es = append(es, edit{' ', a[na+i], na + i, nb + i})
	}
	return es
}

func middle(a, b []string, head, most int) []edit {
	// far[d][k+d] is how much of a is used by d edits, k more of them - than +.
	n, m := len(a)-head, len(b)-head
	var far [][]int
	for d := 0; d <= most; d++ {
		now := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := 0
			if d > 0 {
				x = step(far[d-1], d, k)
			}
			for x < n && x-k < m && x-k >= 0 && a[head+x] == b[head+x-k] {
				x++
			}
			now[k+d] = x
			if x >= n && x-k >= m {
				return trace(a, b, head, far, d, k)
			}
		}
		far = append(far, now)
	}
	var es []edit
	for i := range n {
		es = append(es, edit{'-', a[head+i], head + i, head})
	}
	for i := range m {
		es = append(es, edit{'+', b[head+i], head + n, head + i})
	}
	return es
}

// step gives how much of a is used after the dth edit that leads to k.
func step(before []int, d, k int) int {
	if goesBy(before, d, k) == '+' {
		return before[k+1+d-1]
	}
	return before[k-1+d-1] + 1
}

// goesBy tells by which edit that is.
func goesBy(before []int, d, k int) byte {
	if k == -d || k != d && before[k-1+d-1] < before[k+1+d-1] {
		return '+'
	}
	return '-'
}

func trace(a, b []string, head int, far [][]int, d, k int) (es []edit) {
	x := len(a) - head
	for ; ; d-- {
		from, op := 0, byte(' ')
		if d > 0 {
			op = goesBy(far[d-1], d, k)
			from = step(far[d-1], d, k)
		}
		for ; x > from; x-- {
			es = append(es, edit{' ', a[head+x-1], head + x - 1, head + x - 1 - k})
		}
		switch op {
		case '+':
			es = append(es, edit{op, b[head+x-k-1], head + x, head + x - k - 1})
			k++
		case '-':
			x--
			k--
			es = append(es, edit{op, a[head+x], head + x, head + x - k})
		default:
			slices.Reverse(es)
			return es
		}
	}
}
