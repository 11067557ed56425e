package ipcfs

import (
	"slices"
	"strings"
)

// A text is an argument: pieces, of which some are variables that the message gives a
// value.
type text []piece

type piece struct{ lit, variable string }

// cutWord takes the first word off a line; a quoted stretch is part of a word.
func cutWord(s string) (word, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && (s[i] == ' ' || s[i] == '\t'):
			return s[:i], strings.TrimLeft(s[i:], " \t")
		}
	}
	return s, ""
}

// assignment takes apart name=value.
func assignment(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
	return name, value, ok && name != "" && strings.Trim(name, letters) == "" && !slices.Contains(builtins, name)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// builtins are the variables that the message gives their values, beside $0 to $9.
var builtins = []string{"attr", "data", "dir", "dst", "file", "ndata", "src", "type", "wdir"}

// expand takes quotes off and puts variables of the rules in. Those of the message
// stay.
func (p *ruleParser) expand(s string) (text, error) {
	var t text
	lit := func(s string) {
		if n := len(t); n > 0 && t[n-1].variable == "" {
			t[n-1].lit += s
			return
		}
		t = append(t, piece{lit: s})
	}
	for i := 0; i < len(s); {
		switch s[i] {
		case '\'':
			i++
			for {
				j := strings.IndexByte(s[i:], '\'')
				if j < 0 {
					return nil, invalid("unclosed quote in " + s)
				}
				lit(s[i : i+j])
				if i += j + 1; i >= len(s) || s[i] != '\'' {
					break
				}
				lit("'")
				i++
			}
		case '$':
			j := i + 1
			for j < len(s) && strings.IndexByte(letters, s[j]) >= 0 {
				j++
			}
			name := s[i+1 : j]
			if len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
				name = name[:1]
			}
			i += 1 + len(name)
			switch {
			case name == "":
				lit("$")
			case len(name) == 1 && name[0] >= '0' && name[0] <= '9' || slices.Contains(builtins, name):
				t = append(t, piece{variable: name})
			default:
				lit(p.vars[name])
			}
		default:
			j := strings.IndexAny(s[i:], "'$")
			if j < 0 {
				j = len(s) - i
			}
			lit(s[i : i+j])
			i += j
		}
	}
	return t, nil
}

// constant gives what a text is without the message's variables.
func (t text) constant() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.lit)
	}
	return b.String()
}
