// Package typed types what README.md tells people to type, and holds what is printed to what it
// shows.
package typed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
)

// A Step is a line to type, with its newline, and what is shown below it.
type Step struct{ Types, Shows string }

// Steps takes them out of a section of a text: what follows "$ " in indented lines is typed, and
// what follows "> " below, the lines below these are what it prints, in which ... is anything,
// lines too.
func Steps(text, heading string) ([]Step, error) {
	_, body, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		return nil, fmt.Errorf("no section %q", heading)
	}
	body, _, _ = strings.Cut(body, "\n## ")
	var all []Step
	above := false
	for line := range strings.Lines(body) {
		line, ok := strings.CutPrefix(line, "    ")
		if !ok {
			above = false // a line that is not below one that is typed is no output
			continue
		}
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, Step{Types: typed})
			above = true
		} else if len(all) == 0 || !above {
			continue
		} else if last := &all[len(all)-1]; last.Shows == "" && (line == ">\n" || strings.HasPrefix(line, "> ")) {
			last.Types += strings.TrimPrefix(line[1:], " ")
		} else {
			last.Shows += line
		}
	}
	return all, nil
}

// Env is what the shell, a POSIX one, has to have in its environment: a prompt that tells
// the status of the command before, and that no output has by chance.
var Env = []string{"PS1=<typed $?>", "PS2=", "ENV=", "TERM=dumb", "LC_ALL=C"}

var prompt = regexp.MustCompile(`<typed (\d+)>`)

// A Shell is an interactive one at a terminal.
type Shell struct {
	Limit time.Duration // for a step that does not end; what is printed wrong is waited for less

	cmd  *exec.Cmd
	tty  *os.File
	said bytes.Buffer
	more chan []byte
}

// patience is how long output may come behind the prompt, from the background.
const patience = 20 * time.Second

// Start starts a shell.
func Start(cmd *exec.Cmd) (*Shell, error) {
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, err
	}
	s := &Shell{Limit: 2 * time.Minute, cmd: cmd, tty: tty, more: make(chan []byte)}
	go func() {
		defer close(s.more)
		for {
			p := make([]byte, 4096)
			n, err := tty.Read(p)
			if err != nil {
				return
			}
			s.more <- p[:n]
		}
	}()
	s.until(prompt.MatchString)
	return s, nil
}

// until reads what the shell says until it is as it should be, or does not become so.
func (s *Shell) until(ok func(text string) bool) {
	begun := time.Now()
	for !ok(s.said.String()) {
		limit := s.Limit
		if prompt.MatchString(s.said.String()) {
			limit = patience
		}
		select {
		case b, open := <-s.more:
			if !open {
				return
			}
			s.said.Write(bytes.ReplaceAll(b, []byte("\r"), nil))
		case <-time.After(time.Until(begun.Add(limit))):
			return
		}
	}
}

// ErrEnded is Type's error where no prompt comes any more.
var ErrEnded = errors.New("does not end, or the shell has")

// Type types a step. It gives what is printed, and an error where that is not what the step
// shows or, where that is nothing, or anything, the status is not 0.
func (s *Shell) Type(step Step) (string, error) {
	s.said.Reset()
	fmt.Fprint(s.tty, step.Types)
	want := step.pattern()
	s.until(func(text string) bool {
		return prompt.MatchString(text) && (want == nil || want.MatchString(prompt.ReplaceAllString(text, "")))
	})
	m := prompt.FindStringSubmatch(s.said.String())
	text := prompt.ReplaceAllString(s.said.String(), "")
	printed := strings.TrimPrefix(text, step.Types)
	switch {
	case m == nil:
		return printed, fmt.Errorf("%s: %w", strings.TrimSpace(step.Types), ErrEnded)
	case want != nil && !want.MatchString(text):
		return printed, fmt.Errorf("%s: prints\n%swhere this is shown:\n%s", strings.TrimSpace(step.Types), printed, step.Shows)
	case m[1] != "0" && strings.Trim(step.Shows, ". \n") == "":
		return printed, fmt.Errorf("%s: status %s, prints\n%s", strings.TrimSpace(step.Types), m[1], printed)
	}
	return printed, nil
}

// Close ends the shell, by force if need be.
func (s *Shell) Close() error {
	fmt.Fprintln(s.tty, "exit 0")
	kill := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	go func() {
		for range s.more {
		}
	}()
	err := s.cmd.Wait()
	kill.Stop()
	s.tty.Close()
	return err
}

// pattern is what has to be said from what is typed on, nil where nothing is shown. Blanks
// are not compared, as columns are set by how long names are.
func (s Step) pattern() *regexp.Regexp {
	if s.Shows == "" {
		return nil
	}
	var parts []string
	for _, text := range strings.Split(strings.TrimSpace(s.Shows), "...") {
		var words []string
		for _, w := range strings.Fields(text) {
			words = append(words, regexp.QuoteMeta(w))
		}
		parts = append(parts, strings.Join(words, `\s+`))
	}
	return regexp.MustCompile(`(?s)^` + regexp.QuoteMeta(s.Types) + `\s*` + strings.Join(parts, `.*`) + `\s*$`)
}
