package srv_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// TestDescriptorLimit has a process that may have few descriptors be called by more
// than it has room for: those who are in go on, the others wait, and come in when some
// have left. It runs itself as that process.
func TestDescriptorLimit(t *testing.T) {
	if path := os.Getenv("SRV_TEST_LIMITED"); path != "" {
		serveLimited(t, path)
		return
	}
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	path := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(os.Args[0], "-test.run=^TestDescriptorLimit$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), "SRV_TEST_LIMITED="+path)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dial := func() *wire {
		var c net.Conn
		if !srvtest.Until(func() bool { c, err = net.Dial("unix", path); return err == nil }) {
			t.Fatal(err)
		}
		return &wire{T: t, c: c}
	}
	const callers = 2 * limited
	in, waiting := []*wire{}, []*wire{}
	for range limited / 4 {
		w := dial()
		w.hello(false)
		in = append(in, w)
	}
	for range callers {
		waiting = append(waiting, dial())
	}
	for range 3 { // more are there than there is room for
		for _, w := range in {
			w.hello(false)
		}
	}
	for _, w := range in {
		w.c.Close()
	}
	for _, w := range waiting { // each gets in as those before it leave
		w.hello(false)
		w.c.Close()
	}
	w := dial()
	w.hello(false)
	w.c.Close()
	stop.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &out)
	}
}

// limited is how many descriptors the process may have.
const limited = 40

// serveLimited serves until its standard input ends.
func serveLimited(t *testing.T, path string) {
	l, err := srv.Announce("unix!" + path)
	if err != nil {
		t.Fatal(err)
	}
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	r.Cur = limited
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	if err := srv.New(srv.NewDir()).Serve(ctx, l); err != nil {
		t.Error(err)
	}
}
