package srv

import "time"

// SetGrace sets how long a Door's requests may go on after a signal.
func SetGrace(d time.Duration) { grace = d }

// SetStalled sets after what time a server that is short of memory cuts off a
// client that takes nothing.
func (s *Server) SetStalled(d time.Duration) { s.state().stalled = d }

// Writes gives, for each connection whose client keeps it waiting, when it last
// took something: a clock's time.
func (s *Server) Writes() (l []int64) {
	st := s.state()
	st.mu.Lock()
	defer st.mu.Unlock()
	for c := range st.conns {
		if since := c.out.since.Load(); since != 0 {
			l = append(l, since)
		}
	}
	return l
}

// Waiting gives how many bytes of replies wait for clients.
func (s *Server) Waiting() int64 { return s.state().mem.Load() }

// StatsDir is what the attach name stats gives.
func (s *Server) StatsDir(name string) File { return s.statsDir(name) }

// Clock gives the time that Writes is in.
func Clock() int64 { return clock() }

// SetWalked sets how many files all fids may have been walked through.
func (s *Server) SetWalked(n int64) { s.state().limits[walked] = n }

// Draining tells how many connections know that they are to end.
func (s *Server) Draining() (n int) {
	st := s.state()
	st.mu.Lock()
	defer st.mu.Unlock()
	for c := range st.conns {
		c.mu.Lock()
		if c.draining {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

// How many sums may be made at once: of a connection, and of all.
const (
	MaxSums = maxSums
	AllSums = allSums
)
