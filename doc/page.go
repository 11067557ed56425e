package doc

import "strings"

// Does gives the line that says what the command does.
func (c Command) Does() string {
	_, does, _ := strings.Cut(c.Section("NAME"), " - ")
	does, _, _ = strings.Cut(does, "\n")
	return does
}

// lines gives the lines of the command's manual page, of the source of a Go file: its
// package comment without the marks of the comment and of the headings. They are parts of
// the source: a usage is asked for at every mistake, and copies nothing.
func (c Command) lines(yield func(string) bool) {
	for line := range strings.Lines(c.Man) {
		if strings.HasPrefix(line, "package ") {
			return
		}
		if strings.HasPrefix(line, "//go:") {
			continue
		}
		for _, mark := range [...]string{"/*", "*/", "//", " ", "# "} {
			line = strings.TrimPrefix(line, mark)
		}
		if !yield(line) {
			return
		}
	}
}

// Plain gives the command's manual page.
func (c Command) Plain() string {
	var b strings.Builder
	c.lines(func(line string) bool {
		b.WriteString(line)
		return true
	})
	return strings.TrimSpace(b.String()) + "\n"
}

// Section gives what the command's page has below the heading, a line of capitals, up to
// the next one.
func (c Command) Section(heading string) string {
	var b strings.Builder
	in := false
	c.lines(func(line string) bool {
		switch {
		case !in:
			in = strings.TrimSuffix(line, "\n") == heading
		case isHeading(line):
			return false
		default:
			b.WriteString(strings.TrimPrefix(line, "\t"))
		}
		return true
	})
	return strings.TrimSpace(b.String())
}

// isHeading tells whether a line of a page is one of capitals.
func isHeading(line string) bool {
	return line != "\n" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \n") == ""
}
