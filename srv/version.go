package srv

import (
	"fmt"
	"strings"

	"ninespace/srv/p9"
)

// version handles Tversion: whatever was before is over.
func (c *conn) version(r *req) {
	c.reset()
	rx := r.reply()
	*rx = p9.Fcall{Type: p9.Rversion, Tag: r.t.Tag}
	msize := min(r.t.Msize, c.srv.maxMsize())
	dialect, known := dialectOf(r.t.Version)
	switch {
	case r.t.Tag != p9.NoTag && c.msize != 0: // hugelgupf/p9's client begins with tag 1
		rx.Type, rx.Ename = p9.Rerror, "tag of Tversion is not NOTAG"
	case msize < p9.MinMsize:
		rx.Type, rx.Ename = p9.Rerror, fmt.Sprintf("msize %d is less than %d", r.t.Msize, p9.MinMsize)
	case !known:
		rx.Msize, rx.Version = msize, p9.VersionUnknown
		c.msize = 0
	default:
		c.msize, c.dotl = msize, dialect == p9.Version9P2000L
		rx.Msize, rx.Version = msize, dialect
	}
	dotl := c.dotl && rx.Type != p9.Rerror // a refusal is said in 9P2000
	c.append(rx, dotl)
	c.tally(p9.Tversion, rx.Type == p9.Rerror)
	r.free()
}

// dialectOf gives the dialect that a version asks for. What it has after a
// further period is an extension that we do without, version(5).
func dialectOf(version string) (string, bool) {
	base, _, _ := strings.Cut(version, ".")
	switch {
	case version == p9.Version9P2000L, strings.HasPrefix(version, p9.Version9P2000L+"."):
		return p9.Version9P2000L, true
	case base == p9.Version9P2000:
		return base, true
	}
	return "", false
}

func (s *Server) maxMsize() uint32 {
	if s.Msize == 0 {
		return p9.MaxMsize
	}
	return min(s.Msize, p9.MaxMsize)
}
