package doc

import (
	_ "embed"
	"strings"
)

// A Topic is a page about what takes several commands.
type Topic struct{ Name, Does, Text string }

// topics is the pages, each below a line "# name - what it is about".
//
//go:embed topics.txt
var topics string

// Topics gives all of them, in their order.
func Topics() (all []Topic) {
	for page := range strings.SplitSeq("\n"+strings.TrimSpace(topics), "\n# ") {
		head, body, _ := strings.Cut(page, "\n")
		if name, does, ok := strings.Cut(head, " - "); ok {
			all = append(all, Topic{name, does, head + "\n" + body + "\n"})
		}
	}
	return all
}
