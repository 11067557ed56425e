package srv

import (
	"fmt"
	"strings"

	"ninespace/srv/p9"
)

// version handles Tversion: whatever was before is over, the version that was agreed
// on too, unless the server is to stop and refuses for that.
func (c *conn) version(r *req) {
	rx := r.reply()
	*rx = p9.Fcall{Type: p9.Rversion, Tag: r.t.Tag}
	down, first := c.srv.st.down.Load(), c.msize == 0
	if !down {
		c.reset()
		c.msize, c.dotl = 0, false
		c.attached.Store(false)
	}
	msize := min(r.t.Msize, c.srv.maxMsize())
	dialect, answer := dialectOf(r.t.Version)
	switch {
	case down: // what runs goes on
		rx.Type, rx.Ename = p9.Rerror, ErrShutdown.Ename
	case r.t.Tag != p9.NoTag && !first: // hugelgupf/p9's client begins with tag 1
		rx.Type, rx.Ename = p9.Rerror, "tag of Tversion is not NOTAG"
	case msize < p9.MinMsize:
		rx.Type, rx.Ename = p9.Rerror, fmt.Sprintf("msize %d is less than %d", r.t.Msize, p9.MinMsize)
	case dialect == "":
		rx.Msize, rx.Version = msize, answer
	default:
		c.msize, c.dotl = msize, dialect == p9.Version9P2000L
		rx.Msize, rx.Version = msize, answer
	}
	dotl := c.dotl && rx.Type != p9.Rerror // a refusal is said in 9P2000
	c.append(rx, dotl)
	c.tally(p9.Tversion, rx.Type == p9.Rerror)
	r.done()
}

// dialectOf gives the dialect that a version asks for, "" for one that we don't
// speak, and the version that is the answer. An extension that we do not have is
// left out of that, version(5).
func dialectOf(version string) (dialect, answer string) {
	base, _, _ := strings.Cut(version, ".")
	switch {
	case base != p9.Version9P2000:
		return "", p9.VersionUnknown
	case version == p9.Version9P2000L, strings.HasPrefix(version, p9.Version9P2000L+"."):
		base = p9.Version9P2000L
	}
	if version == base+p9.InOrder {
		return base, version
	}
	return base, base
}

func (s *Server) maxMsize() uint32 {
	if s.Msize == 0 {
		return p9.MaxMsize
	}
	return min(s.Msize, p9.MaxMsize)
}
