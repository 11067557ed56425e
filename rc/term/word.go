package term

import (
	"strings"

	"ninespace/rc/syntax"
)

// A place is where in a text something is to be completed.
type place struct {
	args   []string // the words of the command before it, with its name
	word   string   // what there is of the word: its text, without quotes
	quoted bool     // it is within quotes
	name   bool     // it is a variable's name, behind a $
	file   bool     // it is a redirection's or an assignment's
}

// command tells whether it is a command's name.
func (p *place) command() bool { return len(p.args) == 0 && !p.name && !p.file }

// find reads a text up to its end, where the cursor is. It knows as much of rc as tells
// where commands and words begin; what is a variable's value or a command's output in a
// word is left as it is written.
func find(text string, value func(name string) []string) *place {
	p := &place{}
	var word strings.Builder
	in := false // a word
	end := func() {
		if !in {
			return
		}
		w := word.String()
		word.Reset()
		in = false
		switch {
		case p.file:
			p.file = false
		case len(p.args) == 0 && opens(w):
		default:
			p.args = append(p.args, w)
		}
	}
	var outer [][]string // the words of commands around brackets
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case '\'':
			in = true
			for i++; ; i++ {
				if i >= len(text) {
					p.word, p.quoted = word.String(), true
					return p
				}
				if text[i] == '\'' {
					if i+1 < len(text) && text[i+1] == '\'' {
						i++
					} else {
						break
					}
				}
				word.WriteByte(text[i])
			}
		case ' ', '\t':
			end()
		case '\n', ';', '&':
			end()
			p.args, p.file = nil, false
		case '|':
			end()
			p.args, p.file = nil, false
			if i+1 < len(text) && text[i+1] == '[' {
				i += skip(text[i+1:], ']')
			}
		case '{', '(':
			end()
			outer = append(outer, p.args)
			if c == '{' || len(p.args) == 0 || isKeyword(p.args[0]) {
				p.args = nil
			} else {
				p.args = p.args[:len(p.args):len(p.args)]
			}
			p.file = false
		case '}', ')':
			end()
			p.file = false
			if n := len(outer); n > 0 {
				p.args, outer = outer[n-1], outer[:n-1]
			}
			if c == ')' && len(p.args) > 0 && isKeyword(p.args[0]) {
				p.args = nil // if(...) command
			}
		case '<', '>':
			end()
			for i+1 < len(text) && (text[i+1] == '<' || text[i+1] == '>') {
				i++
			}
			if i+1 < len(text) && text[i+1] == '[' {
				i += skip(text[i+1:], ']')
			}
			p.file = i+1 >= len(text) || text[i+1] != '{'
		case '#':
			if in {
				end()
			}
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				p.args, p.word = []string{"#"}, ""
				return p
			}
			i += n - 1
		case '`', '^':
			in = true
		case '=':
			if in && len(p.args) == 0 && !p.file {
				word.Reset()
				in, p.file = false, true
				continue
			}
			word.WriteByte(c)
		case '$':
			in = true
			j := i + 1
			for j < len(text) && (text[j] == '#' || text[j] == '"') {
				j++
			}
			n := j
			for n < len(text) && isName(text[n]) {
				n++
			}
			if n == len(text) {
				p.word, p.name = text[j:], true
				return p
			}
			if l := value(text[j:n]); len(l) == 1 && j == i+1 {
				word.WriteString(l[0])
			} else {
				word.WriteString(text[i:n])
			}
			i = n - 1
		default:
			in = true
			word.WriteByte(c)
		}
	}
	p.word = word.String()
	return p
}

func skip(s string, to byte) int {
	if i := strings.IndexByte(s, to); i >= 0 {
		return i + 1
	}
	return len(s)
}

func isName(c byte) bool {
	return c == '_' || c == '*' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// opens tells whether a word that is first in a command has another command behind it.
func opens(w string) bool {
	switch w {
	case "!", "@", "not", "builtin", "exec", "in":
		return true
	}
	return false
}

func isKeyword(w string) bool {
	return syntax.Keyword(w) && w != "~" && w != "fn" && w != "in" && w != "for" && w != "switch"
}

// quote gives what has to be typed behind a word for it to go on with text: rc puts
// a word and a quoted string behind it together. closed says that the quotes are closed
// again.
func quote(text string, within, closed bool) string {
	plain := text == "" || syntax.Quote(text) == text && !strings.Contains(text, "=")
	switch {
	case !within && plain:
		return text
	case within:
		text = strings.ReplaceAll(text, "'", "''")
	default:
		text = "'" + strings.ReplaceAll(text, "'", "''")
	}
	if closed {
		text += "'"
	}
	return text
}
