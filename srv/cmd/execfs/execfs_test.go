package execfs

import (
	"os"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	var pid string
	srvtest.Command(t, Main, nil, func(root *client.Fid) {
		ctl, err := root.Walk(t.Context(), "clone")
		if err == nil {
			err = ctl.Open(t.Context(), p9.ORDWR)
		}
		if err == nil {
			_, err = ctl.Write(t.Context(), []byte("killonclose\nexec sleep 1000"), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		st, err := root.Walk(t.Context(), "0", "status")
		if err == nil {
			err = st.Open(t.Context(), p9.OREAD)
		}
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 1000)
		n, err := st.Read(t.Context(), p, 0)
		f := strings.Fields(string(p[:n]))
		if err != nil || len(f) < 4 || f[1] != "running" {
			t.Fatalf("%q, %v", p[:n], err)
		}
		pid = f[3]
	})
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Error("the command is still there")
	}
}
