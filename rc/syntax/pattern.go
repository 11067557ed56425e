package syntax

import (
	"strings"
	"unicode/utf8"
)

// A pattern is a text with a Mark before each *, ? and [ that is live, which is
// one that was not quoted, and before each Mark that is meant. So it remains
// one when it is concatenated with another pattern.
//
//	*       any text
//	?       any character
//	[a-z_]  one of these
//	[~a-z]  none of these
//
// Ranges may be written either way round. A class without ] never matches.

// Mark stands before what is live in a pattern.
const Mark = '\x01'

// Literal makes a pattern of a text: what is in it means itself.
func Literal(s string) string {
	if strings.IndexByte(s, Mark) < 0 {
		return s
	}
	return strings.ReplaceAll(s, string(Mark), string(Mark)+string(Mark))
}

// Unmark gives the text that a pattern was written as.
func Unmark(pattern string) string {
	i := strings.IndexByte(pattern, Mark)
	if i < 0 {
		return pattern
	}
	b := append(make([]byte, 0, len(pattern)), pattern[:i]...)
	for ; i < len(pattern); i++ {
		if pattern[i] == Mark && i+1 < len(pattern) {
			i++
		}
		b = append(b, pattern[i])
	}
	return string(b)
}

// Live tells whether a pattern has anything that is live in it.
func Live(pattern string) bool {
	for {
		i := strings.IndexByte(pattern, Mark)
		if i < 0 || i+1 == len(pattern) {
			return false
		}
		if pattern[i+1] != Mark {
			return true
		}
		pattern = pattern[i+2:]
	}
}

// MatchesName is Matches for an entry of a directory: . and .. are matched by patterns
// only that begin with a dot.
func MatchesName(pattern, name string) bool {
	if (name == "." || name == "..") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	return Matches(pattern, name)
}

// Matches tells whether a pattern matches the whole of s. Characters are UTF-8; a
// byte that is none is one of its own. It takes no longer than the product of the
// lengths.
func Matches(pattern, s string) bool {
	// Where a star is met again only the last one needs to be tried with more: what
	// is before it matches as early as it can.
	star, rest := "", ""
	starred := false
	for {
		var ok bool
		var p, t string
		switch {
		case pattern == "" && s == "":
			return true
		case pattern == "":
		case pattern[0] != Mark || len(pattern) == 1:
			if ok = s != "" && s[0] == pattern[0]; ok {
				p, t = pattern[1:], s[1:]
			}
		case pattern[1] == '*':
			pattern = pattern[2:]
			if pattern == "" {
				return true
			}
			star, rest, starred = pattern, s, true
			continue
		case pattern[1] == '?':
			if ok = s != ""; ok {
				_, n := utf8.DecodeRuneInString(s)
				p, t = pattern[2:], s[n:]
			}
		case pattern[1] == '[':
			r, n := utf8.DecodeRuneInString(s)
			if p, ok = matchClass(pattern[2:], r, n); ok {
				t = s[n:]
			}
		default:
			if ok = s != "" && s[0] == pattern[1]; ok {
				p, t = pattern[2:], s[1:]
			}
		}
		if ok {
			pattern, s = p, t
			continue
		}
		if !starred || rest == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(rest)
		rest = rest[n:]
		pattern, s = star, rest
	}
}

// matchClass tells whether r, a rune of n bytes, is in the class that pattern
// goes on with, and gives what comes behind that.
func matchClass(pattern string, r rune, n int) (string, bool) {
	if n == 0 {
		return "", false
	}
	pattern, not := strings.CutPrefix(pattern, "~")
	hit := false
	next := func() (r rune) {
		if pattern != "" && pattern[0] == Mark {
			pattern = pattern[1:]
		}
		r, n := utf8.DecodeRuneInString(pattern)
		pattern = pattern[n:]
		return r
	}
	for pattern != "" {
		if pattern[0] == ']' {
			return pattern[1:], hit != not
		}
		lo := next()
		hi := lo
		if strings.HasPrefix(pattern, "-") {
			if pattern = pattern[1:]; pattern == "" {
				break
			}
			hi = next()
		}
		if lo <= r && r <= hi || hi <= r && r <= lo {
			hit = true
		}
	}
	return "", false
}
