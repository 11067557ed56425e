package doc

import "strings"

// Does gives the line that says what the command does.
func (c Command) Does() string {
	_, does, _ := strings.Cut(c.Section("NAME"), " - ")
	does, _, _ = strings.Cut(does, "\n")
	return does
}

// Plain gives the command's manual page, of the source of a Go file: its package comment
// without the marks of the comment and of the headings.
func (c Command) Plain() string {
	var b strings.Builder
	for line := range strings.Lines(c.Man) {
		if strings.HasPrefix(line, "package ") {
			break
		}
		if strings.HasPrefix(line, "//go:") {
			continue
		}
		for _, mark := range []string{"/*", "*/", "//", " ", "# "} {
			line = strings.TrimPrefix(line, mark)
		}
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// Section gives what the command's page has below the heading, a line of capitals, up to
// the next one.
func (c Command) Section(heading string) string {
	_, body, _ := strings.Cut("\n"+c.Plain(), "\n"+heading+"\n")
	var b strings.Builder
	for line := range strings.Lines(body) {
		if isHeading(line) {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return strings.TrimSpace(b.String())
}

// isHeading tells whether a line of a page is one of capitals.
func isHeading(line string) bool {
	return line != "\n" && strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \n") == ""
}
