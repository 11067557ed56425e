package rc

import (
	"testing"

	"ninespace/rc/syntax"
)

// TestTaskCommand: what jobs shows of a command can be run again.
func TestTaskCommand(t *testing.T) {
	for text, want := range map[string]string{
		"{a|b;c}":                      "{ a | b; c }",
		"for(i in 1 2){a\nif(b) c\nd}": "for(i in 1 2){ a; if(b) c; d }",
		"switch(a){case b;c;case d}":   "switch(a){ case b; c; case d }",
		"a | b":                        "a | b",
	} {
		b, err := syntax.Parse("t", text+"\n")
		if err != nil {
			t.Fatal(err)
		}
		task := &task{text: func() string { return syntax.Print(b.Cmds[0]) }}
		got := task.command()
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if again, err := syntax.Parse("t", got+"\n"); err != nil || syntax.Print(again) != syntax.Print(b) {
			t.Errorf("%q: not the same again: %v", got, err)
		}
	}
}
