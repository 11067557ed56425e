package devfs

import (
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.Command(t, Main, []string{"-y", t.TempDir()}, func(root *client.Fid) {
		if _, err := root.Walk(t.Context(), "hwmon"); err != nil {
			t.Error(err)
		}
		if _, err := root.Walk(t.Context(), "sdloop0"); err == nil {
			t.Error("a disk, though sysfs is empty")
		}
	})
}
