package factotum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"ninespace/factotum"
)

// An askpass is a program that asks a person on a display, as ssh(1) has it under
// SSH_ASKPASS.
type askpass struct {
	prog string
	one  chan struct{} // a question at a time
}

// newAskpass gives the program to ask by, nil without one: $SSH_ASKPASS or
// /usr/bin/ssh-askpass, where there is a display or $SSH_ASKPASS_REQUIRE says force or
// prefer, and does not say never.
func newAskpass() *askpass {
	prog, require := os.Getenv("SSH_ASKPASS"), os.Getenv("SSH_ASKPASS_REQUIRE")
	if prog == "" {
		prog = "/usr/bin/ssh-askpass"
	}
	display := os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" || require == "force" || require == "prefer"
	if require == "never" || !display {
		return nil
	}
	if _, err := exec.LookPath(prog); err != nil {
		return nil
	}
	return &askpass{prog, make(chan struct{}, 1)}
}

var errDenied = errors.New("not answered")

// ask gives the answer, which is the caller's to wipe.
func (a *askpass) ask(ctx context.Context, question string, env ...string) ([]byte, error) {
	select {
	case a.one <- struct{}{}:
		defer func() { <-a.one }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	cmd := exec.CommandContext(ctx, a.prog, question)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		clear(out)
		return nil, errDenied
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return line, nil
}

// confirm is Config.Confirm.
func (a *askpass) confirm(ctx context.Context, key factotum.Attrs) (bool, error) {
	line, err := a.ask(ctx, fmt.Sprintf("Allow use of the key %s?", key.Without("pub", "restrict", "confirm")), "SSH_ASKPASS_PROMPT=confirm")
	if errors.Is(err, errDenied) {
		return false, nil
	}
	return err == nil && (len(line) == 0 || strings.EqualFold(string(line), "yes")), err
}

// needKey is Config.NeedKey.
func (a *askpass) needKey(ctx context.Context, template factotum.Attrs) (factotum.Attrs, error) {
	key := template
	for _, at := range template {
		if !at.Query {
			continue
		}
		line, err := a.ask(ctx, fmt.Sprintf("%s of the key %s", at.Name, template))
		if err != nil {
			return nil, err
		}
		key = key.With(factotum.Attr{Name: at.Name, Value: string(line)})
		clear(line)
	}
	return key, nil
}
