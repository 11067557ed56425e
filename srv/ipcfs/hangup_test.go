package ipcfs

import (
	"strconv"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestHangup: what a client has when its connection ends comes back, whatever it waits
// for, and nobody else is held up.
func TestHangup(t *testing.T) {
	srvtest.CheckGoroutines(t)
	f := New(Config{})
	defer f.Close()
	s := srv.New(f)
	stay := tree{srvtest.Tree{T: t, Root: srvtest.MountServer(t, s, true)}, f}
	goes := tree{srvtest.Tree{T: t, Root: srvtest.MountServer(t, s, true)}, f}
	stay.must("queue w 1 work\nmutex m\nsem s\nevent e", "ctl")
	stay.must("job", "q/w")
	goes.reads(goes.Open("q/w", p9.OREAD), "job")
	goes.reads(goes.Open("mutex/m", p9.OREAD), acquired)
	goes.Open("event/e", p9.OREAD)
	var waiting []*pending
	for _, name := range []string{"sem/s", "q/w", "event/e"} {
		waiting = append(waiting, goes.start(goes.Open(name, p9.OREAD)))
	}
	stay.status("sem/s value 0 waiting 1")
	stay.status("q/w depth 1 messages 0 leased 1 readers 1 writers 0 work")
	stay.status("event/e backlog 1024 readers 2")
	m := stay.start(stay.Open("mutex/m", p9.OREAD))
	stay.status("mutex/m held by " + me(stay) + " waiting 1")
	goes.Root.Conn().Close()
	m.ends(acquired)
	stay.status("sem/s value 0 waiting 0")
	stay.status("event/e backlog 1024 readers 0")
	stay.status("q/w depth 1 messages 1 leased 0 readers 0 writers 0 work")
	stay.reads(stay.Open("q/w", p9.OREAD), "job")
	stay.must("1", "sem/s")
	stay.status("sem/s value 1 waiting 0")
	for _, p := range waiting {
		<-p.done
		p.stop()
	}
}

// TestClose: whoever waits is told when the server ends.
func TestClose(t *testing.T) {
	each(t, Config{}, func(x tree) {
		x.must("queue q\nsem s\nevent e\nqueue full 1", "ctl")
		x.must("x", "q/full")
		x.must("plumb to p\n", "plumb/rules")
		var ps []*pending
		for _, name := range []string{"q/q", "sem/s", "event/e", "plumb/p"} {
			ps = append(ps, x.start(x.Open(name, p9.OREAD)))
		}
		x.status("sem/s value 0 waiting 1")
		x.status("q/q depth 64 messages 0 leased 0 readers 1 writers 0")
		w := make(chan error, 1)
		go func() {
			f := x.Open("q/full", p9.OWRITE)
			_, err := f.Write(x.Context(), []byte("y"), 0)
			w <- err
		}()
		x.status("q/full depth 1 messages 1 leased 0 readers 0 writers 1")
		x.fs.Close()
		for _, p := range ps {
			if <-p.done; p.err == nil || !strings.Contains(p.err.Error(), "removed") {
				x.Errorf("%q, %v", p.text, p.err)
			}
			p.stop()
		}
		if err := <-w; err == nil {
			x.Error("a write to what is gone succeeds")
		}
	})
}

// TestMaxObjects: there is an end of what can be made.
func TestMaxObjects(t *testing.T) {
	s := newShelf("sem", false, newSem)
	for i := range maxObjects {
		if _, made, err := s.obtain(t.Context(), strconv.Itoa(i), 0o666); !made || err != nil {
			t.Fatal(i, made, err)
		}
	}
	if _, _, err := s.obtain(t.Context(), "more", 0o666); err == nil || !strings.Contains(err.Error(), "65536 objects in sem") {
		t.Error(err)
	}
}
