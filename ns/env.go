package ns

import (
	"context"
	"fmt"
	"strconv"

	"ninespace/srv"
)

// The environment of a name space is what is mounted from #s/env: an attach of envfs,
// whose names new and copy N make groups of variables, N being the qid path of such a
// group's root. It can differ between processes of one name space (RFENVG without
// RFNAMEG): to those who have one of their own the kernel shows, over /env, the
// /env of another group of the engine, which is there for nothing else.
const (
	envServer = "#s/env"
	envName   = "/env"
)

// An envHow says what variables a group begins with.
type envHow int

const (
	envShare envHow = iota // those of whom it is copied from
	envCopy
	envNew
)

func (r Rfork) env() envHow {
	switch {
	case r&RFCENVG != 0:
		return envNew
	case r&RFENVG != 0:
		return envCopy
	}
	return envShare
}

// setEnv gives a group that nobody is in yet its variables, after those of from, wherever
// #s/env is mounted.
func (g *Group) setEnv(from *Group, how envHow) error {
	ctx, cancel := bounded(context.Background())
	defer cancel()
	for k, was := range g.pg.envs() {
		if err := g.setEnvAt(ctx, k, was, from, how); err != nil {
			was.close()
			return fmt.Errorf("%s: %w", envServer, err)
		}
		was.close()
	}
	return nil
}

func (g *Group) setEnvAt(ctx context.Context, k key, was *Mhead, from *Group, how envHow) error {
	theirs := from.pg.envs()[k]
	defer theirs.close()
	h := &Mhead{from: was.from.hold(), name: was.name}
	for i, m := range was.mount {
		c := *m
		c.to = m.to.hold()
		h.mount = append(h.mount, &c)
		if !m.env() {
			continue
		}
		if theirs != nil && i < len(theirs.mount) && theirs.mount[i].env() {
			m = theirs.mount[i]
		}
		to, err := m.to.hold(), error(nil)
		switch how {
		case envShare:
			c.spec = m.spec
		case envCopy:
			c.spec = "copy " + strconv.FormatUint(m.to.qid.Path, 10)
		case envNew:
			c.spec = "new"
		}
		if how != envShare {
			to.close()
			to, err = g.attachEnv(ctx, c.spec)
		}
		if err != nil {
			h.close()
			return err
		}
		c.to.close()
		c.to = to
	}
	g.pg.mu.Lock()
	old := g.pg.set(k, h)
	g.pg.mu.Unlock()
	old.close()
	return nil
}

func (g *Group) attachEnv(ctx context.Context, aname string) (*Chan, error) {
	dev, err := g.eng.device(ctx, "#e"+aname)
	if err != nil {
		return nil, err
	}
	to, err := dev.attach(ctx)
	if err != nil {
		dev.hangup()
	}
	return to, err
}

// envs gives, held, the places with a mount of #s/env.
func (pg *Pgrp) envs() map[key]*Mhead {
	pg.mu.RLock()
	defer pg.mu.RUnlock()
	found := map[key]*Mhead{}
	for k, h := range pg.heads {
		for _, m := range h.mount {
			if m.env() {
				found[k] = h.hold()
				break
			}
		}
	}
	return found
}

// env tells a mount of variables; the server's figures may be mounted besides.
func (m *Mount) env() bool {
	return m.srv && m.name == envServer && m.to.rel == "/" && m.spec != srv.StatsName
}

// forkEnv is RFENVG or RFCENVG alone: the thread, which has a mount namespace of its own,
// stays in the group and gets other variables.
func (g *Group) forkEnv(r Rfork, pid int) error {
	envs := g.pg.envs()
	if closeHeads(envs); len(envs) == 0 {
		return nil
	}
	from := g.eng.kernel.envOf(g, pid)
	n, err := g.Fork(false)
	if err != nil {
		return err
	}
	if err = n.setEnv(from, r.env()); err == nil {
		err = g.eng.kernel.showEnv(g, n, pid)
	}
	if err != nil {
		n.Close()
	}
	return err
}
