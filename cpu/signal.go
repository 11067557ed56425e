package cpu

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"ninespace/ns"
	"ninespace/srv"
)

// signals sends on what this process is signalled, until the returned func is called. What
// ends this process alone, where the command was left before, is not sent.
func (s *session) signals(ctx context.Context, tty, alone bool, in *os.File) func() {
	notes := map[os.Signal]string{syscall.SIGINT: "interrupt", syscall.SIGHUP: "hangup",
		syscall.SIGTERM: "SIGTERM", syscall.SIGQUIT: "SIGQUIT", syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2"}
	if alone {
		delete(notes, syscall.SIGHUP)
		delete(notes, syscall.SIGTERM)
	}
	ch := make(chan os.Signal, 8)
	for sig := range notes {
		signal.Notify(ch, sig)
	}
	if tty {
		signal.Notify(ch, syscall.SIGWINCH)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-ch:
				if sig == syscall.SIGWINCH {
					s.ctlf(ctx, winsize(in))
				} else {
					s.ctlf(ctx, line("note", notes[sig]))
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(ch); close(done) }
}

// exitStatus turns a wait line into an error.
func exitStatus(line string) error {
	w, err := srv.ParseWaitMsg(line)
	if err != nil {
		return err
	}
	if w.Status == "" {
		return nil
	}
	ws, err := srv.ParseStatus(w.Status)
	if err != nil {
		return err
	}
	code := ws.ExitStatus()
	if ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	return &ns.ExitError{Code: code}
}
