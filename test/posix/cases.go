package main

import (
	"embed"
	"strings"
)

//go:embed *.txt
var tables embed.FS

// A testCase is a name and the lines to do.
type testCase struct {
	name  string
	lines []string
}

// cases gives all cases, in their order.
func cases() (all []testCase) {
	files, _ := tables.ReadDir(".")
	for _, f := range files {
		text, _ := tables.ReadFile(f.Name())
		all = append(all, parse(string(text))...)
	}
	all = append(all, renames()...)
	return append(all, opens()...)
}

func parse(text string) (all []testCase) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, testCase{name: name})
		} else if line != "" {
			c := &all[len(all)-1]
			c.lines = append(c.lines, line)
		}
	}
	return all
}
