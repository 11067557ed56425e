package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// nineOut runs nine and gives what it printed.
func nineOut(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("nine %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// names are nine's commands, and nine.
func names(t *testing.T) []string {
	all := []string{"nine"}
	for line := range strings.Lines(nineOut(t, "man")) {
		all = append(all, strings.Fields(line)[0])
	}
	return all
}

// TestRoff has groff read each page, which may not complain, and wants of what man(1)
// would show the words of the plain page in their order.
func TestRoff(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff: Debian's man-db is not installed")
	}
	fields := func(s string) []string {
		s = regexp.MustCompile(`\x1b\[[0-9;]*m|.\x08`).ReplaceAllString(s, "")
		s = regexp.MustCompile(`\bnine-([a-z0-9]+)\(1\)`).ReplaceAllString(s, "$1") // in SEE ALSO
		return strings.Fields(strings.ReplaceAll(s, "−", "-"))
	}
	for _, name := range names(t) {
		cmd := exec.Command("groff", "-k", "-man", "-ww", "-Tutf8", "-rLL=200n", "-rHY=0")
		cmd.Stdin = strings.NewReader(nineOut(t, "man", "-r", name))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("%s: groff: %v\n%s", name, err, &stderr)
			continue
		}
		got, want := fields(string(out)), fields(nineOut(t, "man", name))
		got = got[max(0, slices.Index(got, "SYNOPSIS")):]
		want = want[slices.Index(want, "SYNOPSIS"):]
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("%s: word %d is not there as it is in the plain page: %q", name, i, want[max(0, i-3):i+1])
				break
			}
		}
	}
}

// TestSynopsis: a long usage is broken at 80 columns, between words.
func TestSynopsis(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff: Debian's man-db is not installed")
	}
	for _, name := range []string{"cpu", "exportfs", "netboot"} {
		cmd := exec.Command("groff", "-k", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-rLL=80n")
		cmd.Stdin = strings.NewReader(nineOut(t, "man", "-r", name))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, usage, _ := strings.Cut(string(out), "SYNOPSIS\n")
		usage, _, found := strings.Cut(usage, "\nDESCRIPTION\n")
		lines := strings.Split(strings.TrimSpace(usage), "\n")
		if !found || len(lines) < 2 {
			t.Errorf("%s: %d lines", name, len(lines))
		}
		for _, l := range lines {
			if len(l) > 80 || strings.HasSuffix(l, "-") {
				t.Errorf("%s: %s", name, l)
			}
		}
	}
}

// TestMandoc has the other formatter of manual pages read each, too. It misses the date that
// only a release has.
func TestMandoc(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("no mandoc: Debian's mandoc is not installed")
	}
	for _, name := range names(t) {
		cmd := exec.Command("mandoc", "-Tlint", "-Wwarning")
		cmd.Stdin = strings.NewReader(nineOut(t, "man", "-r", name))
		out, _ := cmd.Output() // whose status is that there was something
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "missing date") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// TestSeeAlso wants what a page refers to by a word to be there.
func TestSeeAlso(t *testing.T) {
	known := names(t)
	reference := regexp.MustCompile(`\bnine-([a-z0-9]+)\(1\)`)
	seen := 0
	for _, name := range known {
		page := regexp.MustCompile(`\\f[BR]|\\`).ReplaceAllString(nineOut(t, "man", "-r", name), "")
		for _, m := range reference.FindAllStringSubmatch(page, -1) {
			seen++
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: %s is no command", name, m[0])
			}
		}
	}
	if seen < len(known) {
		t.Errorf("%d references in %d pages", seen, len(known))
	}
}

// TestPager wants a page on a terminal to go through $PAGER, with its headings struck
// twice, and elsewhere to be plain.
func TestPager(t *testing.T) {
	page := func(env ...string) string {
		ptm, pts, err := pty.Open()
		if err != nil {
			t.Skip("no pseudo-terminal: ", err)
		}
		defer ptm.Close()
		cmd := exec.Command(binary(t), "man", "bind")
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = pts, pts, pts
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pts.Close()
		out, _ := io.ReadAll(ptm) // EIO is the end
		if err := cmd.Wait(); err != nil {
			t.Errorf("nine man: %v\n%s", err, out)
		}
		return string(out)
	}
	if out := page("PAGER=sed 's/^/P /'"); !strings.Contains(out, "P N\bNA\bAM\bME\bE\r\n") {
		t.Errorf("not by $PAGER: %q", out)
	}
	if out := page("PAGER=", "PATH="); !strings.Contains(out, "\r\nNAME\r\n") {
		t.Errorf("without a pager: %q", out)
	}
}

// TestHelp wants each command that a topic speaks of to be there.
func TestHelp(t *testing.T) {
	known := names(t)
	for line := range strings.Lines(nineOut(t, "help")) {
		topic := strings.Fields(line)[0]
		text := nineOut(t, "help", topic)
		for _, m := range regexp.MustCompile(`\bnine ([a-z0-9]+) `).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("help %s: nine %s: no such command", topic, m[1])
			}
		}
		_, more, _ := strings.Cut(text, "\nMore: nine man ")
		pages, _, _ := strings.Cut(more, ";")
		for _, name := range strings.FieldsFunc(pages, func(r rune) bool { return strings.ContainsRune(", \n", r) }) {
			if !slices.Contains(known, name) {
				t.Errorf("help %s: nine man %s: no such page", topic, name)
			}
		}
		for line := range strings.Lines(text) {
			if len(line) > 90 {
				t.Errorf("help %s: a long line: %s", topic, line)
			}
		}
	}
}
