package sshkey

import "strings"

// Match matches a name against a pattern with * and ?, as ssh_config(5) has it.
func Match(pattern, name string) bool {
	for len(pattern) > 0 {
		switch {
		case pattern[0] == '*':
			for strings.HasPrefix(pattern, "*") {
				pattern = pattern[1:]
			}
			if pattern == "" {
				return true
			}
			for i := range len(name) + 1 {
				if Match(pattern, name[i:]) {
					return true
				}
			}
			return false
		case name == "", pattern[0] != '?' && pattern[0] != name[0]:
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return name == ""
}
