package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A report is an entry of ndb(6) made of what is in files, most of them sysfs's.
type report struct {
	dir   string // where those are
	lines []string
	line  strings.Builder // the last one
}

// read gives a file's text, "" where there is none.
func (r *report) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(r.dir, name))
	return strings.TrimSpace(string(b))
}

// pair adds an attribute, unless it has no value.
func (r *report) pair(attr, value string) {
	if value = strings.NewReplacer(`"`, "'", "\n", " ").Replace(value); value != "" {
		fmt.Fprintf(&r.line, " %s=%s", attr, quoted(value))
	}
}

// next begins another line, where something is in this one.
func (r *report) next() {
	if r.line.Len() > 0 {
		r.lines = append(r.lines, r.line.String()[1:])
	}
	r.line.Reset()
}

// each has f add a line for each entry of a directory.
func (r *report) each(dir string, f func(name string)) {
	ents, _ := os.ReadDir(filepath.Join(r.dir, dir))
	for _, e := range ents {
		r.next()
		f(e.Name())
	}
}

// device tells whether there is hardware behind an entry of sysfs.
func (r *report) device(name string) bool {
	_, err := os.Stat(filepath.Join(r.dir, name, "device"))
	return err == nil
}

func (r *report) String() string {
	r.next()
	return strings.Join(r.lines, "\n\t") + "\n"
}

// quoted is a value as ndb has it.
func quoted(s string) string {
	if strings.ContainsAny(s, " \t#=") {
		return `"` + s + `"`
	}
	return s
}
