package imp

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"ninespace/exportfs"
	"ninespace/exportfs/door"
	"ninespace/ns"
	"ninespace/srv/p9"
)

// mostAgain is the longest that a host which was lost is not tried.
const mostAgain = 10 * time.Second

// lost tries the host that was lost until it answers, and mounts what was mounted of it again, for
// as long as there is the name space and nobody else has taken the name. Who has unmounted it
// meanwhile has it no more: then nobody uses the connection, and it ends as any other. A host
// that is another one now, or does not take the key any more, is not tried again.
func (o *options) lost(ctx context.Context, name string) error {
	free := false // the lost one is unmounted
	for wait := mostAgain / 64; ns.Inside() && !posted(name); wait = min(2*wait, mostAgain) {
		if !rest(ctx, wait) {
			return nil
		}
		there := make(chan struct{})
		mounted := make(chan struct{})
		serving, end := context.WithCancel(ctx)
		err := o.serve(serving, name, idle, func() error {
			close(there)
			go func() {
				defer close(mounted)
				o.remount(serving, name, &free)
			}()
			return nil
		})
		end()
		select {
		case <-there:
			<-mounted
			if !errors.Is(err, exportfs.ErrLost) {
				return err
			}
			wait = mostAgain / 64
		default:
			if door.Final(err) {
				return err
			}
		}
	}
	return nil
}

// rest waits, unless ctx ends.
func rest(ctx context.Context, wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// remount puts the connection in the place of the one that was lost, however often it takes
// while the connection lasts, which is in use meanwhile. Where that was the only one in the
// place the new one takes it at once: in between others would write into what is beneath.
// free tells that the lost one is out of the way already.
func (o *options) remount(ctx context.Context, name string, free *bool) {
	if use, err := net.Dial("unix", filepath.Join(p9.Namespace(), name)); err == nil {
		defer use.Close()
	}
	for wait := mostAgain / 64; ns.Inside(); wait = min(2*wait, mostAgain) {
		if !*free && !o.alone(name) {
			err := ns.Do(ctx, ns.Op{Verb: "unmount", New: o.op.New, Old: o.op.Old})
			if errors.Is(err, syscall.EINVAL) { // somebody has unmounted it
				return
			}
			*free = err == nil
		}
		if *free || o.alone(name) {
			if ns.Do(ctx, o.op) == nil {
				*free = false
				return
			}
		}
		if !rest(ctx, wait) {
			return
		}
	}
}

// alone tells whether a mount in its place replaces what was lost and nothing else.
func (o *options) alone(name string) bool {
	text, err := ns.Text(0)
	if err != nil {
		return false
	}
	ops, err := ns.ParseText(text, "ns")
	return err == nil && only(ops, "#s/"+name, o.op)
}

// only tells whether op is a mount that replaces what is there, and that is the server alone.
func only(ops []ns.Op, server string, op ns.Op) bool {
	found := 0
	for _, m := range ops {
		if m.Old == op.Old && m.Verb != "cd" {
			if m.Verb != "mount" || m.New != server {
				return false
			}
			found++
		}
	}
	return found == 1 && op.Flag&(ns.MBEFORE|ns.MAFTER) == 0
}
