package top

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pad and right make a text so many columns wide, cutting it where it is longer.
func pad(s string, width int) string {
	n := utf8.RuneCountInString(s)
	if n >= width {
		return string([]rune(s)[:max(0, width-1)]) + " "
	}
	return s + strings.Repeat(" ", width-n)
}

func right(s string, width int) string {
	return strings.Repeat(" ", max(1, width-utf8.RuneCountInString(s))) + s
}

// graph draws the last values, the newest at the right, as columns of eighths of most.
func graph(values []float64, width int, most float64) string {
	if len(values) > width {
		values = values[len(values)-width:]
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, max(0, int(8*v/most)))])
	}
	return b.String()
}

// level is the style of what should not come near 1.
func level(v, high float64) style {
	if v >= high {
		return warn
	}
	return plain
}

// count is a number in at most five columns.
func count(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	case v < 99999.5:
		return fmt.Sprintf("%.0f", v)
	}
	return scaled(v, 1000, "kMGT")
}

// size is a number of bytes, in at most five columns.
func size(v float64) string {
	if v < 1023.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return scaled(v, 1024, "KMGT")
}

func scaled(v, unit float64, letters string) string {
	i := -1
	for i < len(letters)-1 && v >= unit*.9995 {
		v /= unit
		i++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f%c", v, letters[i])
	}
	return fmt.Sprintf("%.0f%c", v, letters[i])
}

func (r row) width() (n int) {
	for _, s := range r {
		n += utf8.RuneCountInString(s.text)
	}
	return n
}

// String is the row without styles.
func (r row) String() string {
	var b strings.Builder
	for _, s := range r {
		b.WriteString(s.text)
	}
	return strings.TrimRight(b.String(), " ")
}

// styled is the row for a terminal, cut at its width. Colours are those that the terminal's
// owner chose for their numbers.
func (r row) styled(width int, colour bool) string {
	codes := map[style]string{dim: "2", bold: "1", accent: "36", warn: "1;33"}
	if !colour {
		codes = map[style]string{dim: "2", bold: "1", warn: "1"}
	}
	var b strings.Builder
	for _, s := range r {
		text := []rune(s.text)
		text = text[:min(len(text), width)]
		width -= len(text)
		if code := codes[s.style]; code != "" {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[m", code, string(text))
		} else {
			b.WriteString(string(text))
		}
	}
	return b.String()
}
