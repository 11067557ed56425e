package ns

import (
	"context"
	"sync"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A program that serves the name space's files, to another machine perhaps, does as its clients ask.
// A number that one of them writes to a file of #s is not meant to be one of its own descriptors, and
// what those lead to is not the client's. So it says what it is, by having /#ns/serving open, and can
// make no file of #s then.

// serving has the processes that serve files, and how often each has said so.
type serving struct {
	mu  sync.Mutex
	pid map[int]int
}

func (s *serving) begin(pid int) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid == nil {
		s.pid = map[int]int{}
	}
	s.pid[pid]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pid[pid]--; s.pid[pid] == 0 {
			delete(s.pid, pid)
		}
	}
}

func (s *serving) is(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid[pid] > 0
}

// A servingFile is /#ns/serving.
type servingFile struct{ srv.Node }

type servingHandle struct{ end func() }

func (h servingHandle) Clunk() { h.end() }

func (*servingFile) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	c, err := processOf(ctx)
	if err != nil {
		return nil, err
	}
	k := c.group.eng.kernel
	if k == nil {
		return nil, p9.ErrPerm
	}
	end, err := k.serves(c)
	if err != nil {
		return nil, err
	}
	return servingHandle{end}, nil
}
