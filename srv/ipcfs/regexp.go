package ipcfs

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// compile makes a regular expression of Plan 9's regexp(6), the leftmost longest match
// of which counts: no {n} and no classes by name, a backslash makes any character
// an ordinary one, ^ and $ are the ends of lines, and [^...] is never a newline.
func compile(s string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("(?m)")
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '[':
			n, err := class(&b, s[i:])
			if err != nil {
				return nil, err
			}
			i += n
		case '*', '+', '?':
			// Several of them are one; Go would have the second mean something else.
			op := c
			for ; i < len(s) && strings.IndexByte("*+?", s[i]) >= 0; i++ {
				if s[i] != op {
					op = '*'
				}
			}
			b.WriteByte(op)
		case '(':
			if i++; i < len(s) && s[i] == '?' {
				return nil, invalid("regular expression " + s + ": nothing before ?")
			}
			b.WriteByte(c)
		case ')', '|', '.', '^', '$':
			b.WriteByte(c)
			i++
		case '\\':
			if i++; i == len(s) {
				return nil, invalid("regular expression " + s + ": nothing behind \\")
			}
			fallthrough
		default:
			_, n := utf8.DecodeRuneInString(s[i:])
			b.WriteString(regexp.QuoteMeta(s[i : i+n]))
			i += n
		}
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, invalid("regular expression " + s + ": " + err.Error())
	}
	re.Longest()
	return re, nil
}

// class translates a [class] at the start of s and tells how long it is.
func class(b *strings.Builder, s string) (int, error) {
	b.WriteByte('[')
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		b.WriteString(`^\n`)
		i++
	}
	for first := i; i < len(s); {
		switch c := s[i]; {
		case c == ']' && i > first:
			b.WriteByte(']')
			return i + 1, nil
		case c == '-' && i > first && i+1 < len(s) && s[i+1] != ']':
			b.WriteByte('-') // a range
			i++
		default:
			if c == '\\' && i+1 < len(s) {
				i++
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			if lit := s[i : i+n]; strings.Contains(`[]\^-`, lit) {
				b.WriteString(`\` + lit)
			} else {
				b.WriteString(lit)
			}
			i += n
		}
	}
	return 0, invalid("regular expression: no ] for " + s)
}

// whole gives the submatches, as pairs of offsets, of a match of all of text.
func whole(re *regexp.Regexp, text string) []int {
	// The longest match from the start is the whole, if that matches at all.
	if m := re.FindStringSubmatchIndex(text); m != nil && m[0] == 0 && m[1] == len(text) {
		return m
	}
	return nil
}

// aroundMost is how far before and behind a click a match can reach, in bytes: each
// place before it is tried.
const aroundMost = 1 << 10

// around gives those of the leftmost longest match that has the offset click within it or
// at an end.
func around(re *regexp.Regexp, text string, click int) []int {
	text = text[:min(len(text), click+aroundMost)]
	for at := max(0, click-aroundMost); at <= click; {
		m := re.FindStringSubmatchIndex(text[at:])
		if m == nil || at+m[0] > click {
			return nil
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += at
			}
		}
		if m[1] >= click {
			return m
		}
		_, n := utf8.DecodeRuneInString(text[m[0]:])
		at = m[0] + max(n, 1)
	}
	return nil
}
