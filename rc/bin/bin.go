// Package bin has the commands of ninespace that are scripts of rc. Each is a file of
// this directory, of 30 lines or so, and begins with its manual page:
//
//	#!/mnt/bin/rc
//	# name - what it does
//	#
//	#	name argument ...
//	#
//	# What it does at length.
//	#
//	#	an example
//
// In a name space they are files of /mnt/bin, on a host words after nine.
package bin

import (
	"embed"
	"slices"
	"strings"
)

//go:embed [0-9a-z]*
var files embed.FS

// Names gives the names of the scripts, in order.
func Names() []string {
	ents, _ := files.ReadDir(".")
	var names []string
	for _, e := range ents {
		if !isGo(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// Text gives a script.
func Text(name string) (text string, ok bool) {
	b, err := files.ReadFile(name)
	return string(b), err == nil && !isGo(name)
}

// All gives the scripts by their names.
func All() map[string]string {
	all := map[string]string{}
	for _, name := range Names() {
		all[name], _ = Text(name)
	}
	return all
}

func isGo(name string) bool { return strings.HasSuffix(name, ".go") }

// Man gives the manual page of a script in the form that those of other commands have
// in their doc.go.
func Man(script string) string {
	var head []string
	for line := range strings.Lines(script) {
		line, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		if !strings.HasPrefix(line, "!") {
			head = append(head, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), " "))
		}
	}
	// name - does, "", "\tsynopsis" ..., "", text, and what is indented at its end.
	sections := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES"}
	var b strings.Builder
	b.WriteString("/*\n")
	section := func() {
		b.WriteString("# " + sections[0] + "\n\n")
		sections = sections[1:]
	}
	section()
	for i, line := range head {
		if len(sections) == 3 && strings.HasPrefix(line, "\t") ||
			len(sections) == 2 && line != "" && line[0] != '\t' ||
			len(sections) == 1 && strings.HasPrefix(line, "\t") && !slices.ContainsFunc(head[i:], isText) {
			section()
		}
		if len(sections) == 2 && line != "" {
			line = "\tnine " + line[1:]
		}
		b.WriteString(line + "\n")
	}
	return b.String() + "*/\n"
}

func isText(line string) bool { return line != "" && line[0] != '\t' }
