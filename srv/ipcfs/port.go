package ipcfs

import (
	"context"
	"errors"
	"fmt"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A port is a file to which rules send.
type port struct {
	srv.Node
	post
	name string
	held [][]byte // for the first who opens it; under post.mu
}

// errHeld says that a message waits for a client that is to be started.
var errHeld = errors.New("held")

// maxHeld is how many messages wait for a client.
const maxHeld = 64

// deliver gives a message to all who have the port open. If nobody has, it is held for
// who comes, or else an error.
func (pt *port) deliver(m *message, hold bool) error {
	if pt.post.send(m.bytes()) > 0 {
		return nil
	}
	pt.post.mu.Lock()
	defer pt.post.mu.Unlock()
	switch {
	case !hold:
		return fmt.Errorf("nobody has the port %s open: %w", pt.name, p9.ErrNotExist)
	case len(pt.held) == maxHeld:
		return fmt.Errorf("%d messages wait for a client of port %s: %w", maxHeld, pt.name, errAgain)
	}
	pt.held = append(pt.held, m.bytes())
	return errHeld
}

// Open begins to collect messages for a reader.
func (pt *port) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	b, err := pt.subscribe()
	if err != nil {
		return nil, err
	}
	pt.post.mu.Lock()
	held := pt.held
	pt.held = nil
	pt.post.mu.Unlock()
	b.fifo.mu.Lock()
	defer b.fifo.mu.Unlock()
	for _, m := range held {
		b.push(m)
	}
	return &boxHandle{p: &pt.post, b: b, name: "port " + pt.name, mode: mode}, nil
}
