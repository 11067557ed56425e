package netfs

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// as gives the tree as a user has it who attached by name.
func (x tree) as(name string) tree {
	x.Helper()
	root, err := x.Root.Conn().Attach(x.Context(), nil, name, "")
	if err != nil {
		x.Fatal(err)
	}
	x.Root = root
	return x
}

// TestOthers has somebody else use what root serves: his own conversations, and no rights of
// root's.
func TestOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: others are refused")
	}
	each(t, Config{}, func(x tree) {
		n := x.as("nobody")
		c := n.clone("tcp")
		for _, bad := range []string{"announce 127.0.0.1!80", "bind 127.0.0.1!1023", "connect 127.0.0.1!9 1000", "connect 127.0.0.1!9!r"} {
			if err := c.cmd(bad); !is(err, p9.ErrPerm) {
				x.Errorf("%s: %v", bad, err)
			}
		}
		for proto, bad := range map[string]string{"unix": "announce /tmp/nobodys", "vsock": "announce *!80", "tls": "ca /etc/hostname"} {
			if err := n.clone(proto).cmd(bad); !is(err, p9.ErrPerm) {
				x.Errorf("%s: %v", bad, err)
			}
		}
		c.must("announce 127.0.0.1!0")
		st, err := c.ctl.Stat(x.Context())
		if err != nil || st.Uid != "nobody" && st.Nuid != 65534 {
			x.Errorf("owner %s, %d: %v", st.Uid, st.Nuid, err)
		}
		mine := x.clone("tcp")
		for _, file := range []string{"ctl", "data", "listen", "err"} {
			if _, err := srvtest.Open(x.Context(), n.Root, mine.dir+"/"+file, p9.OREAD); !is(err, p9.ErrPerm) {
				x.Errorf("%s of another's: %v", file, err)
			}
		}
		for _, file := range []string{"iproute", "arp", "ipifc/1/ctl", "ndb"} {
			if _, err := srvtest.Open(x.Context(), n.Root, file, p9.OWRITE); !is(err, p9.ErrPerm) {
				x.Errorf("%s: %v", file, err)
			}
		}
		if got := (talk{n, mine.dir, nil}).file("status"); !strings.HasPrefix(got, closed) {
			x.Error(got)
		}
		pushed := n.clone("tls")
		pushed.must("name x")
		if err := pushed.cmd("push " + mine.dir); !is(err, p9.ErrPerm) {
			x.Errorf("push of another's: %v", err)
		}
	})
}

// TestAttach sees who is let in, by whom it is served.
func TestAttach(t *testing.T) {
	f := New(Config{})
	defer f.Close()
	other := srv.WithUser(context.Background(), srv.NewUser("nobody", p9.NoUid))
	if _, err := f.attach(other, "", 1000); !errors.Is(err, syscall.EACCES) {
		t.Errorf("a user's network for another: %v", err)
	}
	if _, err := f.attach(other, "", 0); err != nil {
		t.Errorf("root's for another: %v", err)
	}
	self := srv.WithUser(context.Background(), srv.NewUser("", uint32(os.Getuid())))
	if _, err := f.attach(self, "/", 1000); err != nil {
		t.Errorf("one's own: %v", err)
	}
	if _, err := f.attach(self, "x", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("by another name: %v", err)
	}
}

// deaf is an address on which connects wait for ever: nobody accepts, and there is no
// room to wait.
func (x tree) deaf() string {
	x.Helper()
	s, err := tcpSocket.announced(nil, "127.0.0.1!0")
	if err == nil {
		err = unix.Listen(s.fd, 0)
	}
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(s.close)
	addr := s.text(false)
	far, _, err := parseFar(addr)
	if err != nil {
		x.Fatal(err)
	}
	for range 8 {
		c, err := tcpSocket.open(unix.AF_INET)
		if err != nil {
			x.Fatal(err)
		}
		x.Cleanup(c.close)
		unix.Connect(c.fd, sockaddr(far, unix.AF_INET))
	}
	return addr
}

// TestGiveUp has what waits end: a connect by a flush and by a hangup, a listen and a read by
// a hangup and by the server's end.
func TestGiveUp(t *testing.T) {
	each(t, Config{}, func(x tree) {
		addr := x.deaf()
		c := x.clone("tcp")
		connect := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := c.ctl.Write(ctx, []byte("connect "+addr), 0)
				done <- err
			}()
			if !srvtest.Until(func() bool { return c.file("status") == "Connecting qin 0 qout 0" }) {
				x.Fatal(c.file("status"))
			}
			return done
		}
		ctx, cancel := context.WithCancel(x.Context())
		done := connect(ctx)
		cancel()
		if err := <-done; err == nil {
			x.Error("a connect that was flushed succeeded")
		}
		if !srvtest.Until(func() bool { return c.file("status") == "Closed qin 0 qout 0" }) {
			x.Error(c.file("status"))
		}
		done = connect(x.Context())
		again := x.Open(c.dir+"/ctl", p9.OWRITE)
		x.Write(again, "hangup")
		if err := <-done; err == nil {
			x.Error("a connect that was hung up succeeded")
		}

		l, a, _ := x.tcpPair()
		waits := make(chan error, 2)
		go func() {
			_, err := srvtest.Open(x.Context(), x.Root, l.dir+"/listen", p9.ORDWR)
			waits <- err
		}()
		d := a.data()
		go func() {
			n, err := d.Read(x.Context(), make([]byte, 10), 0)
			if n == 0 {
				err = nil
			}
			waits <- err
		}()
		l.must("hangup")
		if err := <-waits; !is(err, errHungup) {
			x.Errorf("a listen that was hung up: %v", err)
		}
		x.fs.Close()
		if err := <-waits; err != nil {
			x.Errorf("a read at the end: %v", err)
		}
		if _, err := srvtest.Open(x.Context(), x.Root, "tcp/clone", p9.ORDWR); !is(err, p9.ErrHungup) {
			x.Errorf("a conversation after the end: %v", err)
		}
	})
}
