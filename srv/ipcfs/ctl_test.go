package ipcfs

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestCtl(t *testing.T) {
	each(t, Config{}, func(x tree) {
		for _, c := range []struct{ line, err string }{
			{"qeue a", `unknown control message "qeue": not one of close, event, mutex, queue, segment, sem`},
			{"queue", "usage: queue name [depth] [work] [nonblock]"},
			{"queue a 1 work nonblock more", "usage: queue name"},
			{"queue a x", "bad depth x"},
			{"queue a 0", "a depth of 0"},
			{"queue a 99999999", "depth 99999999 is more than 1048576"},
			{"queue a 3 wrk", "wrk is neither work nor nonblock"},
			{"queue a/b", "illegal name"},
			{"queue ..", "illegal name"},
			{"queue ''", "illegal name"},
			{"close", "usage: close queue"},
			{"close none", "file does not exist"},
			{"sem s -1", "bad value -1"},
			{"sem s 1 2", "usage: sem name [value]"},
			{"mutex", "usage: mutex name"},
			{"mutex a b", "usage: mutex name"},
			{"event e x", "bad backlog x"},
			{"event e 0", "a backlog of 0"},
			{"segment g", "usage: segment name length"},
			{"segment g 0", "a segment of length 0"},
			{"segment g 1x", "bad length 1x"},
			{"segment g 0xffffffffffffffff", "is more than"},
			{"queue 'a", "unclosed quote"},
		} {
			x.fails(x.echo(c.line, "ctl"), c.err)
			if s := x.Text("status"); !strings.Contains(s, "err ") || !strings.Contains(strings.ReplaceAll(s, "''", "'"), c.err) {
				x.Errorf("%s: status %q, want %q", c.line, s, c.err)
			}
		}
		x.must("queue q\nqueue 'a b' 5 work\nsem s 3\nmutex m\nevent e 7\nsegment h 4097\n\n", "ctl")
		want := "queue q 64\nqueue 'a b' 5 work\nsem s 3\nmutex m\nevent e 7\nsegment g 0\nsegment h 8192\n"
		if s := x.Text("ctl"); s != want {
			x.Errorf("ctl reads %q, want %q", s, want)
		}
		x.must("queue 'a b' 2 nonblock", "ctl")
		if s := x.Text("ctl"); !strings.Contains(s, "queue 'a b' 2 nonblock\n") {
			x.Errorf("ctl reads %q", s)
		}
	})
}

// TestOwners: objects are of who makes them, and only he changes and removes them.
func TestOwners(t *testing.T) {
	each(t, Config{}, func(x tree) {
		glenda, err := x.Root.Conn().Attach(x.Context(), nil, "glenda", "")
		if err != nil {
			x.Fatal(err)
		}
		hers := tree{srvtest.Tree{T: x.T, Root: glenda}, x.fs}
		f, err := x.create("q", "mine", p9.OWRITE)
		if err != nil {
			x.Fatal(err)
		}
		x.clunk(f)
		x.must("queue open", "ctl")
		hers.must("queue hers", "ctl")
		st, err := client.Fsys{Root: x.Root}.Lstat(x.Context(), "q/hers")
		if err != nil || !x.Root.Conn().DotL() && st.Uid != "glenda" {
			x.Errorf("%+v, %v", st, err)
		}
		for _, line := range []string{"queue open 3", "close open"} {
			hers.fails(hers.echo(line, "ctl"), "not permitted")
		}
		fsys := client.Fsys{Root: glenda}
		if err := fsys.Remove(x.Context(), "q/open"); !errors.Is(err, fs.ErrPermission) {
			x.Errorf("remove of another's: %v", err)
		}
		if err := (client.Fsys{Root: x.Root}).Wstat(x.Context(), "q/open", p9.Wstat{Valid: p9.WMode, Mode: 0o600}); err != nil {
			x.Error(err)
		}
		if d, err := glenda.Walk(x.Context(), "q", "open"); err != nil {
			x.Error(err)
		} else if err := d.Open(x.Context(), p9.OWRITE); !errors.Is(err, fs.ErrPermission) {
			x.Errorf("open of another's: %v", err)
		}
		if d, err := glenda.Walk(x.Context(), "q"); err != nil {
			x.Error(err)
		} else if _, err := d.WalkCreate(x.Context(), "open", 0o666, p9.OWRITE); err == nil {
			x.Error("create gets another's open")
		}
		hers.must("close hers", "ctl")
		if err := fsys.Remove(x.Context(), "q/hers"); err != nil {
			x.Error(err)
		}
		if err := (client.Fsys{Root: x.Root}).Remove(x.Context(), "q/open"); err != nil {
			x.Error(err)
		}
	})
}
