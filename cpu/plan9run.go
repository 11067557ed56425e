package cpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/ns"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// maxScript is how long a script may be: as long as Linux lets an argument be, which suffices.
const maxScript = 128<<10 - 1

// hangUpGrace is how long a script may take to end when its caller has gone.
const hangUpGrace = 2 * time.Second

// plan9Script is run where Plan 9's door is, ours or a Plan 9: the caller's tree is mounted,
// and before it, as it may have no such files itself, the directory fd with what the
// command has for 0, 1 and 2, with the notes for it, and where its status goes.
const plan9Script = `fn server {
	mount -nc /fd/0 /mnt/term || exit
	mount -nb /fd/0 /mnt/term fd || exit
	{
		cd $dir || exit
		rm -f /env/^(cmd dir 'fn#server')
		service=cpu exec $cmd
	} </mnt/term/fd/0 >/mnt/term/fd/1 >[2]/mnt/term/fd/2 &
	mainproc=$apid
	{ cat; echo -n hangup } </mnt/term/fd/note >/proc/$mainproc/notepg &
	noteproc=$apid
	wait $mainproc
	echo $status >/mnt/term/fd/status
	echo -n hangup >/proc/$noteproc/notepg
}
server
`

// script is that of c.
func (c *Cmd) script() string {
	var b strings.Builder
	list := func(name string, words ...string) {
		b.WriteString(name + "=(")
		for i, w := range words {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(srv.Quote(w))
		}
		b.WriteString(")\n")
	}
	for _, e := range c.Env {
		name, value, _ := strings.Cut(e, "=")
		list(srv.Quote(name), value)
	}
	list("dir", c.Dir)
	if len(c.Args) == 0 {
		list("cmd", "rc", "-li")
	} else {
		list("cmd", append([]string{"rc", "-lc", "exec $*"}, c.Args...)...)
	}
	return b.String() + plan9Script
}

// RunPlan9 is Run at a machine with Plan 9's door. There is no pseudo-terminal: what the
// command reads and writes are files served here. Of Far, Addr, User, Tree, Jump and Log
// count, and of Cmd what is not of a connection that is kept, NS and Root apart.
func (c *Cmd) RunPlan9(ctx context.Context, std [3]*os.File) error {
	conn, err := c.DialPlan9(ctx, c.Addr, c.User)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text := c.script()
	if len(text) > maxScript {
		return &ns.ExitError{Code: 126, Err: errors.New("command and environment are too long")}
	}
	if _, err := fmt.Fprintf(conn, "%7d\n%s", len(text), text); err != nil {
		return c.lost(err)
	}
	t := newStdio(std)
	defer t.signals(cancel)()
	ended := make(chan error, 1)
	go func() { ended <- (&srv.Server{Attach: c.attach(t)}).ServeConn(ctx, conn) }()
	select {
	case err = <-ended:
	case <-t.done:
		// It goes by itself, but not from a Plan 9 on which something was left behind.
		select {
		case err = <-ended:
		case <-time.After(linger):
		}
	}
	status, ok := t.status()
	switch {
	case !ok && err == nil:
		err = io.ErrUnexpectedEOF
		fallthrough
	case !ok:
		return c.lost(err)
	}
	return plan9Exit(status)
}

// attach gives the caller's tree, and the command's files.
func (c *Cmd) attach(t *stdio) func(context.Context, string, string) (srv.File, error) {
	files := srv.NewDir().Add("fd", t.dir)
	return func(_ context.Context, _, aname string) (srv.File, error) {
		switch {
		case aname == "fd":
			return files, nil
		case aname == "" && c.Tree != nil:
			return c.Tree, nil
		}
		return nil, p9.ErrNotExist
	}
}

// plan9Exit makes an error of a status of rc's.
func plan9Exit(status string) error {
	if status == "" || status == "0" {
		return nil
	}
	if n, err := strconv.ParseUint(status, 10, 8); err == nil {
		return &ns.ExitError{Code: int(n)}
	}
	if note, ok := strings.CutPrefix(status, "signal: "); ok {
		if sig, err := srv.ParseNote(strings.TrimPrefix(note, "sys: ")); err == nil {
			return &ns.ExitError{Code: 128 + int(sig)}
		}
	}
	return &ns.ExitError{Code: 1, Err: fmt.Errorf("status: %s", status)}
}

// A stdio is the directory with a command's files.
type stdio struct {
	dir  *srv.Dir
	note *srv.Queue
	done chan struct{} // closed when a status came

	mu     sync.Mutex
	text   []byte
	closed bool
}

func newStdio(std [3]*os.File) *stdio {
	t := &stdio{dir: srv.NewDir(), note: srv.NewQueue(0o444), done: make(chan struct{})}
	t.dir.Add("0", srv.Stream(0o444, input(std[0]), nil))
	for i := 1; i < 3; i++ {
		t.dir.Add(strconv.Itoa(i), srv.Stream(0o222, nil, func(_ context.Context, p []byte) (int, error) { return std[i].Write(p) }))
	}
	t.dir.Add("note", t.note)
	t.dir.Add("status", &statusFile{srv.NewNode(0o222), t})
	return t
}

// input reads a file only when it is asked to, and keeps what a read that was given up has got.
func input(f *os.File) func(context.Context, []byte) (int, error) {
	type chunk struct {
		b   []byte
		err error
	}
	turn := make(chan struct{}, 1)
	came := make(chan chunk, 1)
	asked := false
	var rest chunk
	return func(ctx context.Context, p []byte) (int, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		defer func() { <-turn }()
		if len(rest.b) == 0 && rest.err == nil {
			if !asked {
				asked = true
				go func() {
					b := make([]byte, 32<<10)
					n, err := f.Read(b)
					came <- chunk{b[:n], err}
				}()
			}
			select {
			case rest = <-came:
				asked = false
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		n := copy(p, rest.b)
		if rest.b = rest.b[n:]; n == 0 && rest.err != io.EOF {
			return 0, rest.err
		}
		return n, nil
	}
}

// A statusFile takes down what is written to it until it is closed.
type statusFile struct {
	srv.Node
	t *stdio
}

func (f *statusFile) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &statusHandle{f.t}, nil
}

type statusHandle struct{ t *stdio }

func (h *statusHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.t.mu.Lock()
	defer h.t.mu.Unlock()
	if len(h.t.text)+len(p) > 1024 {
		return 0, p9.ErrNotSup
	}
	h.t.text = append(h.t.text, p...)
	return len(p), nil
}

func (h *statusHandle) Clunk() {
	h.t.mu.Lock()
	defer h.t.mu.Unlock()
	if !h.t.closed {
		h.t.closed = true
		close(h.t.done)
	}
}

// status gives what the command's was. A connection that is lost closes the file too: what was
// closed with nothing in it tells of no status, for an empty one is a line as well.
func (t *stdio) status() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text)), t.closed && len(t.text) > 0
}

// signals has the far side told what this process is signalled, until the returned func is
// called. A hangup is one there too, and soon the end here.
func (t *stdio) signals(cancel func()) func() {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-ch:
				if sig == syscall.SIGINT {
					t.note.Put([]byte("interrupt"))
					continue
				}
				t.note.Put([]byte("hangup"))
				time.AfterFunc(hangUpGrace, cancel)
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(ch); close(done) }
}
