package vm

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"ninespace/exportfs/door"
	"ninespace/srv"
)

// post waits for the node's cpud and has who comes to the posted socket speak to it.
func (v *vm) post(ctx context.Context) error {
	begun := time.Now()
	for {
		// A whole session: the node can do its work.
		c, err := v.dial.Dial(ctx, v.addr, door.Want{Service: door.CPU, User: "root"})
		if err == nil {
			c.Close()
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l, err := door.Post(v.Name)
	if err != nil {
		return err
	}
	fmt.Fprintf(v.Console, "vm: %s: ready after %.1f s\n", v.Name, time.Since(begun).Seconds())
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		raw, err := srv.Accept(ctx, l, func(err error) { fmt.Fprintf(v.Console, "vm: %s: %v\n", v.Name, err) })
		if err != nil || ctx.Err() != nil {
			return err
		}
		wg.Go(func() { v.relay(ctx, l, raw) })
	}
}

// relay has one caller speak to the node, as root if it does not say as whom.
func (v *vm) relay(ctx context.Context, l *door.Listener, raw net.Conn) {
	c, err := l.Admit(ctx, raw)
	if err != nil {
		return
	}
	defer c.Close()
	w := c.Want
	if w.User == "" {
		w.User = "root"
	}
	far, err := v.dial.Dial(ctx, v.addr, w)
	if err != nil {
		c.Refuse(err)
		return
	}
	defer far.Close()
	if c.Accept() != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	done := make(chan struct{})
	go func() {
		io.Copy(far, c)
		far.Close()
		close(done)
	}()
	io.Copy(c, far)
	c.Close()
	<-done
}
