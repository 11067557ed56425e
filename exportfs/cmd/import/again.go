package imp

import (
	"context"
	"errors"
	"time"

	"ninespace/exportfs"
	"ninespace/ns"
)

// mostAgain is the longest that a host which was lost is not tried.
const mostAgain = 10 * time.Second

// lost tries the host that was lost until it answers, and mounts what was mounted of it again, for
// as long as there is the name space and nobody else has taken the name. Who has unmounted it
// meanwhile has it no more: then nobody uses the connection, and it ends as any other.
func (o *options) lost(ctx context.Context, name string) error {
	for wait := mostAgain / 64; ns.Inside() && !posted(name); wait = min(2*wait, mostAgain) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		there := false
		err := o.serve(ctx, name, idle, func() error {
			there = true
			go o.remount()
			return nil
		})
		switch {
		case there && !errors.Is(err, exportfs.ErrLost):
			return err
		case there:
			wait = mostAgain / 64
		}
	}
	return nil
}

// remount puts the connection in the place of the one that was lost.
func (o *options) remount() error {
	if err := ns.Do(ns.Op{Verb: "unmount", New: o.op.New, Old: o.op.Old}); err != nil {
		return err
	}
	return ns.Do(o.op)
}
