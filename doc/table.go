package doc

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// A Command is one of nine's.
type Command struct {
	Name string
	Main func(ctx context.Context, std [3]*os.File, args []string) error
	Man  string // the source of its manual page
}

// A Table is all commands. Its functions are called when somebody asks, as the table
// itself has commands, man for one, that read it.
type Table struct {
	Commands func() []Command                  // those in Go
	Scripts  func() []string                   // the names of those in rc; nil: there are none
	Script   func(name string) (Command, bool) // one of these
	Man      string                            // the source of nine's own page
}

// Lookup finds a command by its name.
func (t Table) Lookup(name string) (Command, bool) {
	for _, c := range t.Commands() {
		if c.Name == name {
			return c, true
		}
	}
	if t.Script == nil {
		return Command{}, false
	}
	return t.Script(name)
}

// All gives the commands in order of their names.
func (t Table) All() []Command {
	all := t.Commands()
	if t.Scripts != nil {
		for _, name := range t.Scripts() {
			if c, ok := t.Script(name); ok {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b Command) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// List writes a line for each command.
func (t Table) List(w io.Writer) error {
	var b strings.Builder
	for _, c := range t.All() {
		fmt.Fprintf(&b, "%-12s%s\n", c.Name, c.Does())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
