package srv_test

import (
	"context"
	"strconv"
	"testing"

	"ninespace/srv"
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
