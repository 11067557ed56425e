package ns

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A ctlFile is a group's ctl: each handle keeps the error of its last write.
type ctlFile struct{ srv.Node }

type ctlHandle struct {
	mu   sync.Mutex
	text string
	late *ctlJob // the last write's, which goes on
}

func (*ctlFile) Open(context.Context, p9.Mode) (srv.Handle, error) { return &ctlHandle{}, nil }

// A ctlJob is what was written, with a mount in it, being done. Where the server asks for a proof,
// factotum may have to ask a person for the key, and Linux lets nobody else write to the file
// meanwhile: then the write ends with EINPROGRESS, and the next read of the handle is the answer.
// Closing the handle gives the job up.
type ctlJob struct {
	cancel func()
	late   *time.Timer   // runs while a key is waited for
	done   chan struct{} // closed with err set
	err    error
}

// keyTime is how long a write waits for a key.
const keyTime = 2 * time.Second

type jobKey struct{}

// keyWaited tells who waits for a mount that it waits for a key from now on, or no more. The
// server's time does not count: it is bounded, and no person's.
func keyWaited(ctx context.Context, waits bool) {
	j, ok := ctx.Value(jobKey{}).(*ctlJob)
	switch {
	case !ok:
	case waits:
		j.late.Reset(keyTime)
	default:
		j.late.Stop()
	}
}

func startCtl(ctx context.Context, do func(context.Context) error) *ctlJob {
	j := &ctlJob{late: time.NewTimer(keyTime), done: make(chan struct{})}
	j.late.Stop()
	ctx, j.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ctx = context.WithValue(ctx, jobKey{}, j)
	go func() {
		defer close(j.done)
		defer j.cancel()
		j.err = do(ctx)
	}()
	return j
}

// wait gives the outcome, or EINPROGRESS.
func (j *ctlJob) wait(ctx context.Context) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		j.cancel()
		<-j.done
		return j.err
	case <-j.late.C:
		return syscall.EINPROGRESS
	}
}

func (h *ctlHandle) Write(ctx context.Context, p []byte, _ int64) (int, error) {
	h.Clunk()
	do, mounts, err := ctlParse(ctx, string(p))
	var j *ctlJob
	switch {
	case err != nil:
	case mounts:
		j = startCtl(ctx, do)
		err = j.wait(ctx)
	default: // it costs less where it is asked for
		err = do(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.late = nil; err == syscall.EINPROGRESS {
		h.late = j
	}
	if h.answer(err) != nil {
		return 0, err
	}
	return len(p), nil
}

// answer keeps an error's text. h.mu is locked.
func (h *ctlHandle) answer(err error) error {
	h.text = ""
	if err != nil {
		h.text = err.Error()
	}
	return err
}

// Read gives the answer to a write that went on, an error or an end of file. Otherwise it gives
// the rest of the error: who has done several writes does not know at which offset the last one's
// begins.
func (h *ctlHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	j := h.late
	h.mu.Unlock()
	if j != nil {
		select {
		case <-j.done:
		case <-ctx.Done():
			return 0, p9.ErrInterrupted
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if j != nil && h.late == j {
		if h.late = nil; h.answer(j.err) != nil {
			return 0, j.err
		}
	}
	if len(h.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.text)
	h.text = h.text[n:]
	return n, nil
}

// Clunk gives up what goes on.
func (h *ctlHandle) Clunk() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.late != nil {
		h.late.cancel()
	}
}

// ctlParse gives what does as is written to a ctl file, in one line or several, and tells whether
// there is a mount in it. It takes that from the engine's user alone, as whom it mounts, and proves
// with his keys that it may; who has become somebody else since the file was opened is no more he.
func ctlParse(ctx context.Context, text string) (do func(context.Context) error, mounts bool, err error) {
	c := callerOf(ctx)
	if c == nil {
		return nil, false, p9.ErrPerm
	}
	if int(c.uid) != os.Geteuid() {
		return nil, false, notYours()
	}
	if flags, ok := strings.CutPrefix(text, "rfork "); ok {
		return func(context.Context) error { return c.group.rfork(strings.TrimSuffix(flags, "\n"), c.pid) }, false, nil
	}
	noFiles := func(string) string { return "" }
	ops, err := Parse(strings.NewReader(text), "ctl", noFiles, func(string) (io.ReadCloser, error) { return nil, os.ErrPermission })
	if err != nil {
		return nil, false, err
	}
	mounts = slices.ContainsFunc(ops, func(o Op) bool { return o.Verb == "mount" })
	return func(ctx context.Context) error { return c.group.applyAll(ctx, ops, c.pid) }, mounts, nil
}

// applyAll does lines one after the other, until one fails.
func (g *Group) applyAll(ctx context.Context, ops []Op, pid int) error {
	for _, op := range ops {
		if err := g.Apply(ctx, op, pid); err != nil {
			if len(ops) > 1 { // those before it are done
				err = fmt.Errorf("%s: %w", op.Place, err)
			}
			return err
		}
	}
	return nil
}
