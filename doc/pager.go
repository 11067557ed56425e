package doc

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// Show prints text, on a terminal by a pager and with the headings in bold.
func Show(std [3]*os.File, text string) error {
	if !term.IsTerminal(int(std[1].Fd())) {
		_, err := io.WriteString(std[1], text)
		return err
	}
	if pager := os.Getenv("PAGER"); pager != "" {
		return Exec(std, bold(text), "/bin/sh", "-c", pager)
	}
	for _, pager := range [][]string{{"less", "-R"}, {"more"}} {
		if path, err := exec.LookPath(pager[0]); err == nil {
			return Exec(std, bold(text), path, pager[1:]...)
		}
	}
	_, err := io.WriteString(std[1], text)
	return err
}

// bold has each heading struck twice, which pagers show as bold and terminals as it is.
func bold(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !isHeading(line) {
			b.WriteString(line)
			continue
		}
		for _, r := range strings.TrimSuffix(line, "\n") {
			if r != ' ' {
				b.WriteRune(r)
				b.WriteByte('\b')
			}
			b.WriteRune(r)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Exec runs a program of the user's, which has text for its input if there is any. Its
// status, unless it is 0, is ours; an interrupt is its own affair.
func Exec(std [3]*os.File, text, path string, args ...string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(c)
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	if text != "" {
		cmd.Stdin = strings.NewReader(text)
	}
	err := cmd.Run()
	if errors.Is(err, syscall.EPIPE) { // it has seen enough
		return nil
	}
	return err
}
