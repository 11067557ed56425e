package rc

import (
	"slices"
	"strings"

	"ninespace/rc/syntax"
)

// glob appends to list the files that a pattern matches, sorted; if there are none, the
// pattern without its marks.
func (sh *shell) glob(list []string, pattern string) []string {
	from := len(list)
	list = sh.globIn(list, "", pattern)
	if len(list) == from {
		return append(list, syntax.Unmark(pattern))
	}
	slices.Sort(list[from:])
	return list
}

// globIn appends the names that begin with prefix, which is of no pattern and
// ends in a slash if it is a directory's, and go on as the pattern says.
func (sh *shell) globIn(list []string, prefix, pattern string) []string {
	// What has no pattern in it need not be there yet, nor readable.
	for {
		elem, rest, more := strings.Cut(pattern, "/")
		if syntax.Live(elem) {
			break
		}
		prefix += syntax.Unmark(elem)
		if !more {
			if _, err := sh.stat(prefix); err != nil {
				return list
			}
			return append(list, prefix)
		}
		prefix += "/"
		pattern = rest
	}
	elem, rest, more := strings.Cut(pattern, "/")
	dir := prefix
	if dir == "" {
		dir = "."
	}
	names, err := sh.readDir(dir)
	if err != nil {
		return list
	}
	for _, name := range names {
		if !syntax.MatchesName(elem, name) {
			continue
		}
		if more {
			list = sh.globIn(list, prefix+name+"/", rest)
		} else {
			list = append(list, prefix+name)
		}
	}
	return list
}
