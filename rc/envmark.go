package rc

import (
	"strconv"
	"strings"
)

// markName is the variable that tells a program which state of the directory its
// environment is that of. With a + there is more in the directory than could be given.
const markName = "RCENV"

// An envMark is what markName says of a directory:
//
//	number.time[+]/name[//file/file/]
type envMark struct {
	dir    string
	ino    uint64
	seen   int64
	more   bool
	theirs string // the files that are newer all the same: /file/file/
}

// mark gives a program's.
func (g *envGroup) mark(more bool) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := markName + "=" + strconv.FormatUint(g.ino, 10) + "." + strconv.FormatInt(g.seen, 10)
	if more {
		s += "+"
	}
	s += g.dir
	if len(g.theirs) > 0 {
		s += "/"
		for name := range g.theirs {
			s += "/" + name
		}
		s += "/"
	}
	return s
}

// parseMark reads one: the zero envMark if it is none.
func parseMark(s string) envMark {
	s, theirs, more := strings.Cut(s, "//")
	if more {
		theirs = "/" + theirs
	}
	s, dir, ok := strings.Cut(s, "/")
	s, more = strings.CutSuffix(s, "+")
	ino, seen, _ := strings.Cut(s, ".")
	n, err1 := strconv.ParseUint(ino, 10, 64)
	t, err2 := strconv.ParseInt(seen, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return envMark{}
	}
	return envMark{"/" + dir, n, t, more, theirs}
}
