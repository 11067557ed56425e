package netfs

import (
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		if _, err := root.Walk(t.Context(), "tcp", "clone"); err != nil {
			t.Error(err)
		}
	})
}
