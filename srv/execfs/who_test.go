package execfs

import (
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/p9"
)

func TestNice(t *testing.T) {
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		v.must("nice 7", "exec sh -c 'nice; read x; nice'")
		out := v.file("1", p9.OREAD)
		if s := x.read(out); s != "7\n" {
			x.Errorf("at the start %q", s)
		}
		v.must("nice 11")
		in := v.file("0", p9.OWRITE)
		v.write(in, "\n")
		if s := x.read(out); s != "11\n" {
			x.Errorf("then %q", s)
		}
		if st := v.text("status"); !strings.Contains(st, "nice 11\n") {
			x.Errorf("status %q", st)
		}
		v.wait()
		if err := v.cmd("nice 3"); !x.is(err, syscall.ESRCH) {
			x.Errorf("after the end: %v", err)
		}
		out.Clunk(x.ctx)
		in.Clunk(x.ctx)
		v.end()
	})
}

func TestUid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs commands as others")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	each(t, Config{}, func(x *tree) {
		v := x.clone()
		if err := v.cmd("uid no-such-user"); !x.is(err, syscall.EINVAL) {
			x.Errorf("%v", err)
		}
		v.must("uid nobody", "dir /", "exec sh -c 'id -un; id -Gn; echo $USER $LOGNAME $HOME'")
		want := "nobody\nnogroup\nnobody nobody " + nobody.HomeDir + "\n"
		if s := v.text("1"); s != want {
			x.Errorf("%q, want %q", s, want)
		}
		if st := v.text("status"); !strings.Contains(st, "uid "+nobody.Uid+"\n") {
			x.Errorf("status %q", st)
		}
		v.end()
	})
}

func TestDetach(t *testing.T) {
	each(t, Config{KillOnClose: true}, func(x *tree) {
		v := x.clone()
		v.must("exec sh -c 'echo one; read x; echo $x; exec sleep 1000'", "detach")
		out := v.file("1", p9.OREAD)
		if s := x.read(out); s != "one\n" {
			x.Errorf("%q", s)
		}
		out.Clunk(x.ctx)
		v.ctl.Clunk(x.ctx)

		if st := v.text("status"); !strings.Contains(st, "state running\n") || !strings.Contains(st, "\ndetached\n") {
			x.Errorf("left: status %q", st)
		}
		in := v.file("0", p9.OWRITE)
		v.write(in, "two\n")
		in.Clunk(x.ctx)
		out = v.file("1", p9.OREAD)
		if s := x.read(out); s != "two\n" {
			x.Errorf("found again: %q", s)
		}
		v.ctl = v.file("ctl", p9.OWRITE)
		v.must("attach")
		out.Clunk(x.ctx)
		v.end()
		if _, err := x.open(v.n+"/status", p9.OREAD); err == nil {
			x.Error("it is there after its end")
		}
	})
}

// TestDetachedConnection: a connection's end is not the end of what is detached.
func TestDetachedConnection(t *testing.T) {
	each(t, Config{KillOnClose: true}, func(x *tree) {
		if x.hang == nil {
			return // of no connection
		}
		v := x.clone()
		v.must("exec sh -c 'echo here; exec sleep 1000'", "detach")
		x.hang()
		out, err := openFile(x.ctx, x.fs, v.n+"/1", p9.OREAD)
		if err != nil {
			x.Fatal(err)
		}
		if s := x.read(out); s != "here\n" {
			x.Errorf("%q", s)
		}
		out.Clunk(x.ctx)
	})
}
