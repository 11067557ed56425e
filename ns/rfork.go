package ns

import (
	"fmt"
	"strings"

	"ninespace/srv/p9"
)

// Rfork is a set of the flags of Plan 9's fork(2) that are about groups.
type Rfork uint8

// What a process may do to its group, by the letters that rc has for it.
const (
	RFNAMEG  Rfork = 1 << iota // n: a copy of the name space
	RFCNAMEG                   // N: a clean one
	RFNOMNT                    // m: mount no more
	RFENVG                     // e: a copy of the environment
	RFCENVG                    // E: an empty one
)

const rforkLetters = "nNmeE" // by bit

// ParseRfork reads letters of rfork's.
func ParseRfork(letters string) (Rfork, error) {
	var r Rfork
	for _, c := range letters {
		i := strings.IndexRune(rforkLetters, c)
		if i < 0 {
			return 0, fmt.Errorf("rfork %s: unknown flag %c", letters, c)
		}
		r |= 1 << i
	}
	for _, both := range []Rfork{RFNAMEG | RFCNAMEG, RFENVG | RFCENVG} {
		if r&both == both {
			return 0, fmt.Errorf("rfork %s: a copy and a clean one", letters)
		}
	}
	return r, nil
}

// String gives the letters.
func (r Rfork) String() string {
	s := ""
	for i, c := range rforkLetters {
		if r&(1<<i) != 0 {
			s += string(c)
		}
	}
	return s
}

// rfork is the ctl message by which a thread that has unshared its mount
// namespace gets a new group (RFNAMEG, RFCNAMEG) or other variables in /env (RFENVG,
// RFCENVG), and by which its group, the new one or else its own, mounts no more.
func (g *Group) rfork(letters string, pid int) error {
	r, err := ParseRfork(letters)
	if err != nil {
		return err
	}
	n := g
	g.change.Lock()
	defer g.change.Unlock()
	if r&(RFNAMEG|RFCNAMEG) != 0 {
		if g.eng.kernel == nil {
			return p9.ErrNotSup
		}
		if n, err = g.Fork(r&RFCNAMEG != 0); err == nil {
			if err = n.setEnv(g.eng.kernel.envOf(g, pid), r.env()); err == nil {
				err = g.eng.kernel.fork(g, n, pid)
			}
			if err != nil {
				n.Close()
			}
		}
		if err != nil {
			return fmt.Errorf("rfork %s: %w", r, err)
		}
	}
	if r&(RFNAMEG|RFCNAMEG) == 0 && r.env() != envShare && g.eng.kernel != nil {
		if err := g.forkEnv(r, pid); err != nil {
			return fmt.Errorf("rfork %s: %w", r, err)
		}
	}
	if r&RFNOMNT != 0 {
		n.pg.Deny()
	}
	return nil
}
