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
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"%s\" ninespace\n", roffText(strings.ToUpper(name)), date, strings.TrimSpace("ninespace "+version))
	text := c.Plain()
	_, text, _ = strings.Cut(text, "NAME\n") // what is before is for go doc
	b.WriteString(".SH NAME\n" + roffText(name) + " \\- " + roffText(c.Does()) + "\n")
	heading, first, blank, indented := "NAME", false, false, false
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
			heading = line
			b.WriteString(".SH " + line + "\n")
			first, blank = true, false
			continue
		case heading == "NAME":
			continue
		case blank && code && indented:
			b.WriteString("\n")
		case (blank || code && !indented) && !first:
			b.WriteString(".PP\n")
		}
		if code && heading == "SYNOPSIS" {
			b.WriteString(c.synopsis(line[1:]))
			first, blank = true, false
			continue
		}
		if code && !indented {
			b.WriteString(".RS 4\n.EX\n")
			indented = true
		}
		first, blank = false, false
		if heading == "SEE ALSO" {
			line = seeAlso(line)
		} else {
			line = roffText(strings.TrimPrefix(line, "\t"))
		}
		b.WriteString(line + "\n")
	}
	if indented {
		b.WriteString(".EE\n.RE\n")
	}
	return b.String()
}

// synopsis gives a line of usage, which is broken where there is no room, but not in brackets.
// One that is indented goes on with the line before.
func (c Command) synopsis(line string) string {
	depth, begin := 0, ".HP 4\n"
	if more := strings.TrimLeft(line, " \t"); more != line {
		line, begin = more, ""
	}
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ' ' && depth > 0:
			return '\x00'
		}
		return r
	}, line)
	line = strings.NewReplacer(" ", ` \%`, "\x00", `\~\%`).Replace(roffText(line)) // no word is broken
	if rest, ok := strings.CutPrefix(line, "nine "+c.Name); ok {
		line = `\fBnine ` + c.Name + `\fR` + rest
	}
	return begin + ".ad l\n" + line + "\n.ad b\n"
}

// seeAlso gives a line of references: those that are a word, of which commas and semicolons
// part the next, are commands of nine, whose pages are called nine-WORD here.
func seeAlso(line string) string {
	var b strings.Builder
	for line != "" {
		n := strings.IndexAny(line, ",;") + 1
		if n == 0 {
			n = len(line)
		}
		text := roffText(line[:n])
		if word := strings.Trim(line[:n], " ,;"); isCommand(word) {
			text = strings.Replace(text, word, `\fBnine\-`+word+`\fR(1)`, 1)
		}
		b.WriteString(text)
		line = line[n:]
	}
	return b.String()
}

func isCommand(word string) bool {
	return word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
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
