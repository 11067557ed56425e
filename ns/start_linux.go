package ns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Start starts a command as Command makes it, and returns when its process has become
// the program: what goes wrong before that is the error, an *ExitError with the status that
// the process would have had, and not a line on its standard error.
func (s *Session) Start(ctx context.Context, cmd *exec.Cmd, sources ...Source) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	report := add(cmd, w)
	if err := s.Command(cmd, sources...); err != nil {
		w.Close()
		return err
	}
	cmd.Args = slices.Insert(cmd.Args, 2, "-r", report)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return bare(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	said, _ := io.ReadAll(r) // to the end, which exec makes
	if stop(); len(said) == 0 && ctx.Err() == nil {
		return nil
	}
	cmd.Process.Kill()
	cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n, text, _ := strings.Cut(string(said), " ")
	code, err := strconv.Atoi(n)
	if err != nil {
		code = 1
	}
	return &ExitError{Code: code, Err: errors.New(text)}
}

// Report tells Start, by the descriptor that it gave, why Enter has not become the program.
func Report(to *os.File, err error) {
	code := 1
	var exit *ExitError
	if errors.As(err, &exit) {
		code = exit.Code
	}
	fmt.Fprintf(to, "%d %v", code, err)
}
