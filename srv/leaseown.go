package srv

import (
	"context"
	"time"
)

// Changes by holders themselves, of which what watches the files tells as well.

// An ownChange is that a holder has changed a file itself, of which Watch's side will
// say that somebody has. Where that cannot say who (Change), it is not sure that it was only
// the holder: so it is told of it too, but once, when it has left the file alone for a while.
type ownChange struct {
	by        *holder
	first, at time.Time
	pending   bool // somebody has changed it
}

// How long a holder leaves a file alone before it is told, and when it is told even so.
const (
	ownSettles = 200 * time.Millisecond
	ownMost    = 3 * time.Second
)

// Settle returns when all holders have heeded all that was changed before it was called, by
// others too: what they look at then is as it is now. ctx ends the waiting.
func (l *Leases) Settle(ctx context.Context) {
	if l == nil || l.n.Load() == 0 {
		return
	}
	l.notice()
	var ds []debtor
	l.mu.Lock()
	for h := range l.all {
		ds = append(ds, l.due(h)...)
	}
	l.mu.Unlock()
	l.await(ctx, ds)
}

// settleOf is Settle for one holder, nil for none: it has got a lock, and what was done under the
// one before may not have come by a Server.
func (l *Leases) settleOf(ctx context.Context, h *holder) {
	if h == nil || l == nil || l.Notice == nil {
		return
	}
	l.notice()
	l.mu.Lock()
	ds := l.due(h)
	l.mu.Unlock()
	l.await(ctx, ds)
}

// due tells a holder what others may have done beside its own changes, and gives it as debtor of
// all that it is to heed. l.mu is held.
func (l *Leases) due(h *holder) []debtor {
	for p, o := range l.own {
		if o.pending && o.by == h {
			h.lose(p)
			o.pending = false
		}
	}
	if h.queued == h.heeded {
		return nil
	}
	return []debtor{{h, h.queued}}
}

// notice has Change called for what was done until now.
func (l *Leases) notice() {
	if l.Notice != nil {
		l.Notice()
	}
}

// owns notes that a holder has changed files itself.
func (l *Leases) owns(h *holder, paths []uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.own) == 0 {
		time.AfterFunc(ownSettles, l.settle)
	}
	for _, p := range paths {
		o := l.own[p]
		if o == nil || o.by != h {
			if o != nil && o.pending {
				o.by.lose(p)
			}
			o = &ownChange{by: h, first: now}
			l.own[p] = o
		}
		o.at = now
	}
}

// settle tells those who have left files alone.
func (l *Leases) settle() {
	l.notice() // what they did is known to be theirs while it is in own
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for p, o := range l.own {
		if now.Sub(o.at) < ownSettles && !(o.pending && now.Sub(o.first) >= ownMost) && !o.by.gone {
			continue
		}
		delete(l.own, p)
		if o.pending {
			o.by.lose(p)
		}
	}
	if len(l.own) > 0 {
		time.AfterFunc(ownSettles, l.settle)
	}
}
