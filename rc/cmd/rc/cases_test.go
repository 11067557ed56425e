package rc

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A kase is a record of testdata/rc-cases.txt, whose head tells its format.
type kase struct {
	name   string
	script script
	want   string
	status int
	loose  bool
}

// TestCases runs scripts whose true outputs are known: those that are loose may
// differ, and it says which do.
func TestCases(t *testing.T) {
	rc := shell(t)
	for i, c := range cases(t, "../../testdata/rc-cases.txt") {
		if race && i%4 != 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.script.run(t, rc)
			if got.stdout == c.want && got.status == c.status {
				return
			}
			report := t.Errorf
			if c.loose {
				report = t.Logf
			}
			report("%s\ngot %q, status %d\nwant %q, status %d\nstderr %s", c.script.text, got.stdout, got.status, c.want, c.status, got.stderr)
		})
	}
}

func cases(t *testing.T, name string) []kase {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []kase
	var c kase
	newline := true
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "|"):
			c.script.text += line[1:] + "\n"
		case strings.HasPrefix(line, ">"):
			c.want += line[1:] + "\n"
		case key == "case":
			c, newline = kase{name: value}, true
		case key == "nonl":
			newline = false
		case key == "mode":
			c.script.mode = value
		case key == "flags":
			c.script.flags = strings.Fields(value)
		case key == "args":
			c.script.args = strings.Split(value, ",")
		case key == "env":
			c.script.env = []string{strings.ReplaceAll(value, "^A", "\x01")}
		case key == "stdin":
			c.script.stdin = value + "\n"
		case key == "loose", key == "flaky":
			c.loose = true
		case key == "status":
			if c.status, err = strconv.Atoi(value); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if c.script.mode == "file" {
				c.script.mode = ""
			}
			if !newline {
				c.want = strings.TrimSuffix(c.want, "\n")
			}
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		t.Fatal("no cases")
	}
	return all
}
