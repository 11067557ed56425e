package srv_test

import (
	"context"
	"strconv"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestKit holds a tree of the kit's files to what every tree is held to.
func TestKit(t *testing.T) {
	srvtest.Test(t, func() srv.File {
		numbers := srv.NewDir()
		for i := range 50 {
			numbers.Add(strconv.Itoa(i), srv.Const(strconv.Itoa(i)))
		}
		text := func(context.Context) (string, error) { return "text\n", nil }
		conversation := func(_ context.Context, n int) (*srv.Dir, error) {
			return srv.NewDir().Add("ctl", srv.Const(strconv.Itoa(n))), nil
		}
		return srv.NewDir().Add("numbers", numbers).Add("empty", srv.NewDir()).Add("const", srv.Const("const")).
			Add("text", srv.Text(0o444, text)).Add("ctl", srv.Cmds(0o666, text, nil)).Add("queue", srv.NewQueue(0o666)).
			Add("net", srv.NewClone(conversation))
	}, "queue", "net/clone")
}

// TestCmdsWait: a command that waits holds up nobody else on the connection.
func TestCmdsWait(t *testing.T) {
	begun, free := make(chan struct{}), make(chan struct{})
	root := srv.NewDir().Add("ctl", srv.Cmds(0o600, nil, map[string]func(context.Context, []string) error{
		"wait": func(ctx context.Context, _ []string) error {
			close(begun)
			select {
			case <-free:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		"go": func(context.Context, []string) error { close(free); return nil },
	}))
	f := srvtest.Mount(t, root, true)
	ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
	defer cancel()
	write := func(text string) error {
		g, err := f.Walk(ctx, "ctl")
		if err == nil {
			err = g.Open(ctx, p9.OWRITE)
		}
		if err == nil {
			_, err = g.Write(ctx, []byte(text), 0)
		}
		return err
	}
	done := make(chan error, 1)
	go func() { done <- write("wait") }()
	<-begun
	if err := write("go"); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
