package factotum

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"time"
)

// pass asks the other agent.
func (s *agentConn) pass(m []byte) ([]byte, error) {
	errNone := errors.New("no such key, and no other agent")
	if s.a.upstream == "" {
		return nil, errNone
	}
	if s.up == nil {
		var d net.Dialer
		c, err := d.DialContext(s.ctx, "unix", s.a.upstream)
		if err != nil {
			return nil, fmt.Errorf("other agent: %w", err)
		}
		s.up = c
		context.AfterFunc(s.ctx, func() { c.Close() })
	}
	err := writeAgent(s.up, m)
	var out []byte
	if err == nil {
		out, err = readAgent(s.up)
	}
	if err != nil {
		s.up.Close()
		s.up = nil
		return nil, fmt.Errorf("other agent: %w", err)
	}
	return out, nil
}

func (a *Agent) isLocked() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.locked != nil
}

// lock hides all keys, until unlocked with the same passphrase. Each wrong one makes
// the next wait longer.
func (a *Agent) lock(ctx context.Context, pass []byte, lock bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	hash := func() [32]byte { return sha256.Sum256(append(a.salt[:], pass...)) }
	switch {
	case lock && a.locked != nil:
		return errors.New("it is locked already")
	case lock:
		rand.Read(a.salt[:])
		h := hash()
		a.locked, a.tries = &h, 0
		return nil
	case a.locked == nil:
		return errors.New("it is not locked")
	}
	if a.tries > 0 {
		select {
		case <-time.After(unlockDelay * time.Duration(min(a.tries, 100))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h := hash()
	if subtle.ConstantTimeCompare(h[:], a.locked[:]) != 1 {
		a.tries++
		return errors.New("wrong passphrase")
	}
	a.locked = nil
	return nil
}
