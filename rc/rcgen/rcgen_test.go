package rcgen

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"ninespace/rc/syntax"
)

// TestProgram wants of programs that they parse as what they were made as.
func TestProgram(t *testing.T) {
	for seed := range uint64(300) {
		text := Program(seed)
		if again := Program(seed); again != text {
			t.Fatalf("%d: once\n%s\nthen\n%s", seed, text, again)
		}
		b, err := syntax.Parse("p", text)
		if err != nil {
			t.Fatalf("%d: %v in\n%s", seed, err, text)
		}
		if p := syntax.PrintList(b.Cmds); p != text {
			t.Fatalf("%d: made\n%s\nparsed\n%s", seed, text, p)
		}
		if f, err := syntax.Format("p", text); err != nil || f == "" {
			t.Fatalf("%d: %v", seed, err)
		}
	}
}

// TestOwn wants a file that a block writes to be of nobody else: what is read of it, or is
// written over it, by one side of a pipeline depends on how far the other one is.
func TestOwn(t *testing.T) {
	blocks, opens := regexp.MustCompile(`(?m)^\t*\} >(\w+)`), regexp.MustCompile(`[<>](\w+)`)
	seen := 0
	for seed := range uint64(300) {
		text := Program(seed)
		times := map[string]int{}
		for _, m := range opens.FindAllStringSubmatch(text, -1) {
			times[m[1]]++
		}
		for _, m := range blocks.FindAllStringSubmatch(text, -1) {
			if seen++; times[m[1]] != 1 {
				t.Fatalf("%d: %s is opened in %d places of\n%s", seed, m[1], times[m[1]], text)
			}
		}
	}
	if seen == 0 {
		t.Error("no block writes to a file")
	}
}

// TestEnds runs programs in 9base's rc: they end, and do the same twice.
func TestEnds(t *testing.T) {
	const rc = "/usr/lib/plan9/bin/rc"
	if _, err := exec.LookPath(rc); err != nil {
		t.Skip("Debian's 9base is not installed: no " + rc)
	}
	for seed := range uint64(6) {
		text := Program(seed)
		run := func() []byte {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, rc, "-c", text)
			cmd.Dir = t.TempDir()
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
			var out bytes.Buffer
			cmd.Stdout = &out
			if cmd.Run(); ctx.Err() != nil {
				t.Fatalf("%d does not end:\n%s", seed, text)
			}
			return out.Bytes()
		}
		if a, b := run(), run(); !bytes.Equal(a, b) {
			t.Errorf("%d: once\n%s\nthen\n%s\nof\n%s", seed, a, b, text)
		}
	}
}
