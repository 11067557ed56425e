package doc

import (
	"fmt"
	"strings"
)

// Roff gives the command's page in the language of man(7). Its name there is
// nine-name, so that it hides no other system's page.
func (c Command) Roff() string {
	name := c.Name
	if name != "nine" {
		name = "nine-" + name
	}
	var b strings.Builder
	b.WriteString(".TH " + roffText(strings.ToUpper(name)) + " 1 \"\" ninespace ninespace\n")
	text := c.Plain()
	_, text, _ = strings.Cut(text, "NAME\n") // what is before is for go doc
	b.WriteString(".SH NAME\n" + roffText(name) + " \\- " + roffText(c.Does()) + "\n")
	inName, blank, indented := true, false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		code := strings.HasPrefix(line, "\t")
		if indented && !code && line != "" {
			b.WriteString(".EE\n.RE\n")
			indented = false
		}
		switch {
		case line == "":
			blank = true
			continue
		case isHeading(line):
			inName = false
			b.WriteString(".SH " + line + "\n")
			blank = false
			continue
		case inName:
			continue
		case code && !indented:
			b.WriteString(".PP\n.RS 4\n.EX\n")
			indented = true
		case blank && code:
			b.WriteString("\n")
		case blank:
			b.WriteString(".PP\n")
		}
		blank = false
		b.WriteString(roffText(strings.TrimPrefix(line, "\t")) + "\n")
	}
	if indented {
		b.WriteString(".EE\n.RE\n")
	}
	return b.String()
}

// roffText gives a line as roff reads it: each character as it is, none an instruction.
func roffText(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	for _, r := range line {
		if r > '~' {
			line = strings.ReplaceAll(line, string(r), fmt.Sprintf(`\[u%04X]`, r))
		}
	}
	return line
}
