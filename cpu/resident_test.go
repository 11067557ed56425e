package cpu

import (
	"net"
	"testing"

	"github.com/hashicorp/yamux"

	"ninespace/exportfs/door"
	"ninespace/srv"
	"ninespace/srv/execfs"
	"ninespace/srv/srvtest"
)

// TestResidentBusy: a command that runs has a connection be kept only if it was left. One
// that is just ending as the far side is asked for the last time had it kept for ever.
func TestResidentBusy(t *testing.T) {
	srvtest.CheckGoroutines(t)
	fs := execfs.New(execfs.Config{KillOnClose: true})
	defer fs.Close()
	x, y := srvtest.Pair(t)
	near, err := (&door.Conn{ReadWriteCloser: x}).Dialled().Mux()
	if err != nil {
		t.Fatal(err)
	}
	far, err := (&door.Conn{ReadWriteCloser: y}).Mux()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() {
		served <- door.Serve(far, func(c net.Conn) { srv.New(fs).ServeConn(t.Context(), c) })
	}()
	defer func() {
		for _, m := range []*yamux.Session{near, far} {
			m.Close()
		}
		<-served
	}()
	r := &Resident{mux: near}
	if r.busy(t.Context()) {
		t.Error("nothing runs")
	}
	stream, err := near.Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSession(t.Context(), stream, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.conn.Close()
	if err := s.ctlf(t.Context(), "exec sleep 1000\n"); err != nil {
		t.Fatal(err)
	}
	if r.busy(t.Context()) {
		t.Error("a command that runs was left")
	}
	if err := s.ctlf(t.Context(), "detach\n"); err != nil {
		t.Fatal(err)
	}
	if !r.busy(t.Context()) {
		t.Error("one that was left is not there")
	}
	if err := s.ctlf(t.Context(), "attach\n"); err != nil {
		t.Fatal(err)
	}
}
