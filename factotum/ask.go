package factotum

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// An asker is confirm or needkey: a file at which somebody answers questions.
type asker struct {
	srv.Node
	name string

	mu        sync.Mutex
	open      bool
	last      int
	questions []*question
	wake      chan struct{} // closed, and made anew, at each question
}

// A question waits for an answer.
type question struct {
	tag    int
	text   string
	read   bool
	answer chan Attrs // of one; closed when nobody is there to answer
}

var errNobody = errors.New("nobody answers")

func newAsker(name string) *asker {
	return &asker{Node: srv.NewNode(fs.ModeExclusive | 0o600), name: name, wake: make(chan struct{})}
}

// ask waits for the answer; errNobody says that there is nobody to give it.
func (a *asker) ask(ctx context.Context, about Attrs) (Attrs, error) {
	a.mu.Lock()
	if !a.open {
		a.mu.Unlock()
		return nil, errNobody
	}
	if srv.Nonblock(ctx) {
		a.mu.Unlock()
		return nil, srv.ErrAgain
	}
	a.last++
	q := &question{tag: a.last, text: fmt.Sprintf("%s tag=%d %s", a.name, a.last, about), answer: make(chan Attrs, 1)}
	a.questions = append(a.questions, q)
	close(a.wake)
	a.wake = make(chan struct{})
	a.mu.Unlock()
	select {
	case ans, ok := <-q.answer:
		if !ok {
			return nil, errNobody
		}
		return ans, nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.questions = slices.DeleteFunc(a.questions, func(o *question) bool { return o == q })
	return nil, ctx.Err()
}

// Open begins to answer.
func (a *asker) Open(context.Context, p9.Mode) (srv.Handle, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open {
		return nil, p9.ErrExclOpen
	}
	a.open = true
	return &askHandle{a}, nil
}

type askHandle struct{ a *asker }

// Read gives the next question.
func (h *askHandle) Read(ctx context.Context, p []byte, _ int64) (int, error) {
	a := h.a
	for {
		a.mu.Lock()
		if ctx.Err() != nil {
			a.mu.Unlock()
			return 0, ctx.Err()
		}
		for _, q := range a.questions {
			if q.read {
				continue
			}
			defer a.mu.Unlock()
			if len(p) < len(q.text) {
				return 0, invalid(fmt.Sprintf("read of %d bytes: a question has %d", len(p), len(q.text)))
			}
			q.read = true
			return copy(p, q.text), nil
		}
		wake := a.wake
		a.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Write answers one.
func (h *askHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	ans, err := ParseAttrs(strings.TrimRight(string(p), "\n"))
	if err != nil {
		return 0, invalid(err.Error())
	}
	tag, err := strconv.Atoi(ans.Get("tag"))
	if err != nil {
		return 0, invalid("answer without tag=")
	}
	a := h.a
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.questions, func(q *question) bool { return q.tag == tag })
	if i < 0 {
		return 0, invalid(fmt.Sprintf("tag %d: no such question", tag))
	}
	a.questions[i].answer <- ans
	a.questions = slices.Delete(a.questions, i, i+1)
	return len(p), nil
}

// Clunk leaves the questions without an answer.
func (h *askHandle) Clunk() {
	a := h.a
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.questions {
		close(q.answer)
	}
	a.questions, a.open = nil, false
}
