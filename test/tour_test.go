package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A step is a line that the tour has typed, and what it shows behind it.
type step struct{ types, shows string }

// steps takes them out of a section of README.md: what follows "$ " in indented lines is
// typed, the lines below are what it prints, in which ... is anything, lines too.
func steps(t *testing.T, heading string) (all []step) {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(b), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no section %q", heading)
	}
	body, _, _ = strings.Cut(body, "\n## ")
	for line := range strings.Lines(body) {
		line, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, step{types: typed})
		} else if len(all) > 0 {
			all[len(all)-1].shows += line
		}
	}
	return all
}

// prompt is the shell's, with the status of the command before: one that no
// output has by chance.
var prompt = regexp.MustCompile(`<tour (\d+)>`)

// TestTour types the tour of README.md into a shell and holds what it prints to what
// the tour shows.
func TestTour(t *testing.T) {
	if ok, _ := condition("fuse"); !ok {
		t.Skip("no /dev/fuse that may be mounted")
	}
	if _, err := os.Stat("../nine"); err != nil {
		t.Cleanup(func() { os.Remove("../nine") })
	}
	home := tempDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	sh := exec.CommandContext(ctx, "/bin/sh", "-i")
	sh.Dir = ".."
	sh.Env = append(os.Environ(), "PS1=<tour $?>", "PS2=", "SHELL=/bin/sh", "ENV=", "HOME="+home, "TMPDIR="+home, "TERM=dumb", "LC_ALL=C", "SSH_AUTH_SOCK=")
	sh.Env = slices.DeleteFunc(sh.Env, func(v string) bool { return strings.HasPrefix(v, "NAMESPACE=") || strings.HasPrefix(v, "cpu=") })
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // which are below another home
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		sh.Env = append(sh.Env, name+"="+strings.TrimSpace(string(out)))
	}
	tty, err := pty.StartWithSize(sh, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		tty.Close()
		sh.Process.Signal(syscall.SIGHUP)
		sh.Wait()
	}()
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		for {
			p := make([]byte, 4096)
			n, err := tty.Read(p)
			if err != nil {
				return
			}
			lines <- p[:n]
		}
	}()
	var said bytes.Buffer
	// until reads what the shell says until it is as it should be.
	until := func(ok func(text string) bool) string {
		limit := time.After(20 * time.Second)
		if !prompt.MatchString(said.String()) {
			limit = time.After(2 * time.Minute) // a build, say
		}
		for !ok(said.String()) {
			select {
			case b, open := <-lines:
				if !open {
					return said.String()
				}
				said.Write(bytes.ReplaceAll(b, []byte("\r"), nil))
			case <-limit:
				return said.String()
			}
		}
		return said.String()
	}
	until(prompt.MatchString)
	for i, s := range steps(t, "A tour of five minutes") {
		said.Reset()
		begun := time.Now()
		fmt.Fprint(tty, s.types)
		want := wanted(s)
		text := until(func(text string) bool {
			m := prompt.FindStringSubmatch(text)
			return m != nil && (want == nil || want.MatchString(prompt.ReplaceAllString(text, "")))
		})
		m := prompt.FindStringSubmatch(text)
		text = strings.TrimPrefix(prompt.ReplaceAllString(text, ""), s.types)
		t.Logf("%v: $ %s%s", time.Since(begun).Round(time.Millisecond), s.types, text)
		switch {
		case m == nil:
			t.Fatalf("step %d: %sdoes not end: %s", i, s.types, text)
		case want != nil && !want.MatchString(s.types+text):
			t.Errorf("%sprints %q, README.md shows %q", s.types, text, s.shows)
		case m[1] != "0" && s.shows == "":
			t.Errorf("%sends with %s: %s", s.types, m[1], text)
		}
	}
	fmt.Fprintln(tty, "exit")
	if err := sh.Wait(); err != nil {
		t.Errorf("the shell: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "ns.*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// wanted is what has to be said behind what is typed, nil where nothing is shown. Blanks
// are not compared, as columns are set by how long names are.
func wanted(s step) *regexp.Regexp {
	if s.shows == "" {
		return nil
	}
	var parts []string
	for _, text := range strings.Split(strings.TrimSpace(s.shows), "...") {
		var words []string
		for _, w := range strings.Fields(text) {
			words = append(words, regexp.QuoteMeta(w))
		}
		parts = append(parts, strings.Join(words, `\s+`))
	}
	return regexp.MustCompile(`(?s)^` + regexp.QuoteMeta(s.types) + `\s*` + strings.Join(parts, `.*`) + `\s*$`)
}
