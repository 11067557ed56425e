package ns

import (
	"context"
	"fmt"
	"strconv"
)

// The environment group of a name space is what is mounted from #s/env: an attach
// of envfs, whose names new and copy N make groups, and whose root's qid path is
// the group's number.
const envServer = "#s/env"

// forkEnv gives a new group, which nobody is in yet, variables of its own wherever
// #s/env is mounted: none (RFCENVG) or a copy (RFENVG).
func (g *Group) forkEnv(clean bool) error {
	ctx, cancel := bounded(context.Background())
	defer cancel()
	g.pg.mu.RLock()
	var at []key
	for k, h := range g.pg.heads {
		if h.envs() {
			at = append(at, k)
		}
	}
	g.pg.mu.RUnlock()
	made := map[uint64]*Mount{} // by the old group's number: it may be mounted twice
	for _, k := range at {
		was := g.pg.heads[k]
		h := &Mhead{from: was.from.hold(), name: was.name}
		for _, m := range was.mount {
			c := *m
			h.mount = append(h.mount, &c)
			n := made[m.to.qid.Path]
			switch {
			case !m.env():
				c.to.hold()
			case n != nil:
				c.to, c.spec = n.to.hold(), n.spec
			default:
				c.spec = "new"
				if !clean {
					c.spec = "copy " + strconv.FormatUint(m.to.qid.Path, 10)
				}
				dev, err := g.server(ctx, envServer, c.spec)
				if err == nil {
					if c.to, err = dev.attach(ctx); err != nil {
						dev.hangup()
					}
				}
				if err != nil {
					h.mount = h.mount[:len(h.mount)-1]
					h.close()
					return fmt.Errorf("%s: %w", envServer, err)
				}
				made[m.to.qid.Path] = &c
			}
		}
		g.pg.mu.Lock()
		g.pg.set(k, h)
		g.pg.mu.Unlock()
		was.close()
	}
	return nil
}

func (m *Mount) env() bool { return m.srv && m.name == envServer && m.to.rel == "/" }

func (h *Mhead) envs() bool {
	for _, m := range h.mount {
		if m.env() {
			return true
		}
	}
	return false
}
