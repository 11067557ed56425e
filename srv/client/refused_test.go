package client_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestAttachRefused has a server refuse an attach because it cannot reach another, and for
// want of a proof. In 9P2000.L both are one number, which does not say which it was.
func TestAttachRefused(t *testing.T) {
	srvtest.CheckGoroutines(t)
	relay := fmt.Errorf("dial tcp!backend!17019: %w", syscall.ECONNREFUSED)
	for _, v := range []struct {
		version string
		err     error
		says    []string
		not     string
	}{
		{p9.Version9P2000, relay, []string{"dial tcp!backend!17019: "}, "authentication"},
		{p9.Version9P2000, p9.ErrNoAuth, []string{"authentication failed"}, "connection"},
		{p9.Version9P2000L, relay, []string{"authentication failed", "connection refused"}, "dial"},
		{p9.Version9P2000L, p9.ErrNoAuth, []string{"authentication failed", "connection refused"}, "dial"},
		{p9.Version9P2000L, p9.ErrPerm, []string{"permission denied"}, "authentication"},
	} {
		s := &srv.Server{Attach: func(context.Context, string, string) (srv.File, error) { return nil, v.err }}
		c, err := client.New(t.Context(), srvtest.Serve(t, s), &client.Options{Version: v.version})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Attach(t.Context(), nil, "", "")
		if err == nil {
			t.Fatal("it is not refused")
		}
		for _, says := range v.says {
			if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), v.not) {
				t.Errorf("%s: %v: %v", v.version, v.err, err)
			}
		}
	}
}
