package execfs

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestServe(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	std := [3]*os.File{null, null, null}
	for _, bad := range [][]string{{"-x"}, {"word"}} {
		if err := Main(t.Context(), std, bad); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	sock := filepath.Join(t.TempDir(), "sock")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Main(ctx, std, []string{"-l", "unix!" + sock}) }()
	if !srvtest.Until(func() bool {
		c, err := net.Dial("unix", sock)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("nobody listens")
	}
	c, err := client.Dial(t.Context(), "unix!"+sock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
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
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat("/proc/" + f[3]); err == nil {
		t.Error("the command is still there")
	}
	if _, err := os.Lstat(sock); err == nil {
		t.Error("the socket is still there")
	}
}
