package syntax

import "strings"

// Quote writes a string as a word of rc that is it and no pattern, quoted if it has
// to be:
//
//	a 'b c' 'it''s' ''
//
// A word that is first in its command is a keyword still.
func Quote(s string) string {
	for i := range len(s) {
		if class[s[i]]&(isWord|isMeta) != isWord || s[i] == '\\' {
			return "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
	}
	if s == "" {
		return "''"
	}
	return s
}

// Keyword tells whether a first word is no command's name unless it is quoted.
func Keyword(s string) bool {
	switch s {
	case "for", "in", "while", "if", "not", "switch", "fn", "~", "!", "@":
		return true
	}
	return false
}
