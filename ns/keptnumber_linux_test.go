package ns

import (
	"testing"

	"ninespace/srv"
	"ninespace/srv/rootfs"
	"ninespace/srv/srvtest"
)

// TestKeptNumber makes files anew and again under the name of a lock, and has them replace
// another, at a server that gives the numbers of files that are gone to the next: what is kept
// is of the new ones.
func TestKeptNumber(t *testing.T) {
	root, err := rootfs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.(interface{ Close() error }).Close() })
	l := srvtest.NewLink(t, srv.New(root), 0)
	m := mountGroup(t, "mount -c -C "+l.Addr+" /n/x")
	for _, how := range []string{"mv lock f", "rm lock"} {
		if out := m.sh(t, "/n/x", "for i in $(seq 300); do echo $i >lock && chmod 600 lock && test $(cat lock) = $i && "+how+" || echo $i; done 2>&1"); out != "" {
			t.Errorf("%s: %s", how, out)
		}
	}
}
