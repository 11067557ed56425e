package aan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A Server has the sessions of those who come. Its zero value is ready.
type Server struct {
	Config
	Max int // sessions that one identity may have at a time; default 64

	mu       sync.Mutex
	sessions map[[idSize]byte]*session
	count    map[string]int
	gone     [][idSize]byte // sessions that ended, oldest first; none of them may begin again
}

type session struct {
	*Conn // nil: it has ended
	who   string
	what  string
}

const (
	defaultMax = 64
	maxGone    = 16 << 10
)

// Accept takes a link from a client that who identifies and that wants what. It gives the session that begins
// with it, or nil if the link is one more of a session that was given before. The error
// says why the link was refused; then it is closed. Accept reads the client's hello, which
// takes as long as the client likes up to ten seconds, so call it on a goroutine.
func (s *Server) Accept(ctx context.Context, link net.Conn, who, what string) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { link.SetDeadline(time.Unix(1, 0)); link.Close() })
	c, err := s.accept(link, who, what)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		link.Close()
		if c != nil {
			c.end(err)
		}
		return nil, fmt.Errorf("aan: %w", err)
	}
	return c, nil
}

func (s *Server) accept(link net.Conn, who, what string) (*Conn, error) {
	link.SetReadDeadline(time.Now().Add(helloLimit))
	h, err := readHello(link)
	if err != nil {
		return nil, err
	}
	var id [idSize]byte
	if _, err := io.ReadFull(link, id[:]); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	link.SetReadDeadline(time.Time{})
	c, fresh, err := s.find(id, h.word == begun, who, what)
	if err != nil {
		refuse(link, err)
		return nil, err
	}
	c.linking.Lock()
	defer c.linking.Unlock()
	c.mu.Lock()
	if c.link != nil {
		c.drop(c.link, errors.New("the other end dialled anew"))
	}
	c.mu.Unlock()
	if !c.idle() { // ended meanwhile
		refuse(link, ErrGone)
		return nil, ErrGone
	}
	c.mu.Lock()
	answer := c.hello(statusOK)
	c.answered, c.every = true, h.every
	c.mu.Unlock()
	if err = answer.send(link, nil); err == nil {
		err = c.attach(link, h.received, false)
	}
	switch {
	case fresh && err == nil:
		return c, nil
	case fresh: // nobody has it yet, and the client may begin it again
		s.forget(id)
		return c, err
	case errors.Is(err, errProto):
		c.end(err)
	}
	return nil, err
}

func refuse(link net.Conn, why error) {
	h := hello{word: statusGone, every: minEvery}
	if why == errFull {
		h.word = statusFull
	}
	h.send(link, nil)
}

// find gives the session that a hello names, or a new one if it has not begun.
func (s *Server) find(id [idSize]byte, begun bool, who, what string) (c *Conn, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[id]; x != nil {
		if x.who != who || x.what != what || x.Conn == nil {
			return nil, false, ErrGone // which says nothing of another's
		}
		return x.Conn, false, nil
	}
	if begun {
		return nil, false, ErrGone
	}
	most := s.Max
	if most <= 0 {
		most = defaultMax
	}
	if s.count[who] >= most {
		return nil, false, errFull
	}
	if s.sessions == nil {
		s.sessions, s.count = map[[idSize]byte]*session{}, map[string]int{}
	}
	c = newConn(s.Config)
	c.id = id
	c.ended = func() { s.left(id) }
	s.sessions[id] = &session{c, who, what}
	s.count[who]++
	return c, true, nil
}

// left notes that a session has ended. It is called with the session's lock held; find's
// caller has none of a session.
func (s *Server) left(id [idSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[id]
	if x == nil || x.Conn == nil {
		return
	}
	x.Conn = nil
	if s.count[x.who]--; s.count[x.who] == 0 {
		delete(s.count, x.who)
	}
	if s.gone = append(s.gone, id); len(s.gone) > maxGone {
		delete(s.sessions, s.gone[0])
		s.gone = s.gone[1:]
	}
}

// forget makes as if a session had never been.
func (s *Server) forget(id [idSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.sessions[id]; x != nil && x.Conn != nil {
		if s.count[x.who]--; s.count[x.who] == 0 {
			delete(s.count, x.who)
		}
		delete(s.sessions, id)
	}
}

// Sessions tells how many sessions there are, with a link or without.
func (s *Server) Sessions() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.count {
		n += k
	}
	return n
}

// Close ends all sessions at once.
func (s *Server) Close() error {
	s.mu.Lock()
	var all []*Conn
	for _, x := range s.sessions {
		if x.Conn != nil {
			all = append(all, x.Conn)
		}
	}
	s.mu.Unlock()
	for _, c := range all {
		c.Abort(net.ErrClosed)
	}
	return nil
}
