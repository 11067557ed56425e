package envfs

import (
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		if _, err := root.WalkCreate(t.Context(), "x", 0o666, 1); err != nil {
			t.Error(err)
		}
	})
}
