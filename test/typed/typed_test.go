package typed

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const text = "# x\n\n## One\n\n    $ a\n    out\n    more\n\n    alone\n\ntext\n\n    $ b <<x\n    > 1\n    >\n    > x\n    1\n    > 2\n\n## Two\n\n    $ c\n"

func TestSteps(t *testing.T) {
	got, err := Steps(text, "One")
	if err != nil || len(got) != 2 || got[0] != (Step{"a\n", "out\nmore\n"}) || got[1] != (Step{"b <<x\n1\n\nx\n", "1\n> 2\n"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Steps(text, "Three"); err == nil {
		t.Error("a section that is not there")
	}
}

func TestShell(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-i")
	cmd.Env = append(os.Environ(), Env...)
	sh, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	sh.Limit = time.Minute
	for _, c := range []struct {
		step Step
		err  string
	}{
		{Step{"true\n", ""}, ""},
		{Step{"false\n", ""}, "status 1"},
		{Step{"echo a; false\n", "...\n"}, "status 1"},
		{Step{"echo a b c; false\n", "a ... c\n"}, ""},
		{Step{"echo one; echo two; echo three\n", "one\n...\nthree\n"}, ""},
		{Step{"set +m\n", ""}, ""}, // or the shell tells of a job that has ended before it prompts
		{Step{"(until test -n \"$x\"; do x=1; done; echo late) &\n", "late\n"}, ""},
	} {
		printed, err := sh.Type(c.step)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, %v", c.step, printed, err)
		}
	}
	if err := sh.Close(); err != nil {
		t.Error(err)
	}
}
