package srv_test

import (
	"context"
	"io/fs"
	"strconv"
	"syscall"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// number gives one of a server's figures.
func (p *place) number(word string) int {
	p.Helper()
	n, err := strconv.Atoi(figures(p.T, p.s)[word])
	if err != nil {
		p.Fatal(err)
	}
	return n
}

// TestHeldByAll has many clients write what blocks, each as much as it may: together
// they hold no more than the server gives, each of them can still be answered and
// flush, and one that comes late has a share too.
func TestHeldByAll(t *testing.T) {
	const conns, budget, size = 30, 16 << 20, 60 << 10
	g := newGate(0o222)
	close(g.open)
	s := srv.New(srv.NewDir().Add("f", g)) // whose attributes are told in turn
	s.Requests = budget
	p := listen(t, s)
	data := make([]byte, size)
	var ws []*wire
	for range conns {
		w := p.dial(true)
		ws = append(ws, w)
		w.open("f", p9.OWRITE)
		n := uint16(0)
		for refused := false; !refused; n++ {
			w.send(&p9.Fcall{Type: p9.Twrite, Tag: n, Fid: 1, Data: data},
				&p9.Fcall{Type: p9.Tgetattr, Tag: 1000})
			r := w.recv()
			if refused = r.Tag == n; refused {
				if r.Errno != uint32(syscall.ENOMEM) {
					t.Fatal(r.Text(true))
				}
				r = w.recv()
			}
			if r.Type != p9.Rgetattr {
				t.Fatal(r.Text(true))
			}
		}
		if held := p.number("held"); held > budget || n == 1 {
			t.Fatalf("%d bytes are held, the last one's %d writes", held, n-1)
		}
	}
	for _, w := range ws {
		w.send(&p9.Fcall{Type: p9.Tflush, Tag: 1000, Oldtag: 0})
		if r := w.recv(); r.Type != p9.Rwrite { // it had taken a byte
			t.Error(r.Text(true))
		}
		if r := w.recv(); r.Type != p9.Rflush {
			t.Error(r.Text(true))
		}
		w.c.Close()
	}
	if !srvtest.Until(func() bool { return p.number("held") == 0 }) {
		t.Errorf("%d bytes are held by nobody", p.number("held"))
	}
}

// TestUnfinishedFrames has clients announce messages that do not come: the memory for
// those counts too. One that is refused is passed over.
func TestUnfinishedFrames(t *testing.T) {
	const budget = 32 << 20
	f := &quickTill{till{Node: srv.NewNode(0o222)}}
	s := srv.New(newHall(map[string]srv.File{"f": f}))
	s.Requests = budget
	p := listen(t, s)
	w := p.large()
	w.open("f", p9.OWRITE)
	b, _ := (&p9.Fcall{Type: p9.Twrite, Tag: 5, Fid: 1, Data: make([]byte, 1<<20-p9.IOHdrSz)}).Append(nil, true)
	for range 60 {
		l := p.large()
		l.raw(b[:100])
	}
	if !srvtest.Until(func() bool {
		w.raw(b)
		r := w.recv()
		return r.Tag == 5 && r.Errno == uint32(syscall.ENOMEM)
	}) {
		t.Error("there is room for ever more")
	}
	if held := p.number("held"); held > budget {
		t.Errorf("%d bytes are held", held)
	}
	for range 3 {
		w.rpc(&p9.Fcall{Type: p9.Tgetattr, Tag: 6})
	}
}

// TestHeldAttributes has a client make attributes that it does not end: what they
// hold is bounded, and given back.
func TestHeldAttributes(t *testing.T) {
	const budget, size = 4 << 20, 32 << 10
	s := srv.New(newHall(map[string]srv.File{"f": &tagless{newGate(0o666)}}))
	s.Requests = budget
	p := listen(t, s)
	w := p.dial(true)
	data := make([]byte, size)
	n := uint32(1)
	for ; ; n++ {
		w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: n, Wname: []string{"f"}})
		w.rpc(&p9.Fcall{Type: p9.Txattrcreate, Fid: n, Name: "user.x", Size: size})
		w.send(&p9.Fcall{Type: p9.Twrite, Fid: n, Data: data})
		if r := w.recv(); r.Errno == uint32(syscall.ENOMEM) {
			break
		} else if r.Type != p9.Rwrite || n > budget/size {
			t.Fatal(n, r.Text(true))
		}
	}
	for i := uint32(1); i <= n; i++ {
		w.send(&p9.Fcall{Type: p9.Tclunk, Fid: i})
		w.recv()
	}
	if !srvtest.Until(func() bool { return p.number("held") == 0 }) {
		t.Errorf("%d bytes are held by nobody", p.number("held"))
	}
}

// A desk holds a descriptor, as it says, opens to another that does, and has
// drawers of the same kind.
type desk struct{ srv.Node }

func (*desk) Descriptor() {}

func (d *desk) Walk(context.Context, string) (srv.File, error) {
	return &desk{srv.NewNode(fs.ModeDir | 0o777)}, nil
}

func (d *desk) Open(context.Context, p9.Mode) (srv.Handle, error) { return &sheet{}, nil }

// A sheet is a handle that is no File.
type sheet struct{}

func (*sheet) Descriptor() {}

// TestWalkForEver walks down a tree without end by one fid: what leads back from there
// is bounded too.
func TestWalkForEver(t *testing.T) {
	s := srv.New(newStair(1 << 30))
	s.SetWalked(1000)
	p := listen(t, s)
	w := p.dial(true)
	n := 0
	for w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1}); ; {
		w.send(&p9.Fcall{Type: p9.Twalk, Fid: 1, Newfid: 1, Wname: []string{"a", "b", "c", "d"}})
		r := w.recv()
		if r.Errno == uint32(syscall.ENFILE) || len(r.Wqid) < 4 {
			break
		}
		if n += 4; n > 1000 {
			t.Fatal("there is no end")
		}
	}
	if n < 200 {
		t.Errorf("%d names is not far", n)
	}
	q := p.dial(true)
	q.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a"}})
	w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a"}})
}

// TestDescriptorsShare counts descriptors, at each depth and of handles, and what two
// clients may have of 100.
func TestDescriptorsShare(t *testing.T) {
	s := srv.New(&desk{srv.NewNode(fs.ModeDir | 0o777)})
	s.Descriptors = 100
	p := listen(t, s)
	is := func(n int) {
		t.Helper()
		if !srvtest.Until(func() bool { return p.number("descriptors") == n }) {
			t.Errorf("%d descriptors are counted, not %d", p.number("descriptors"), n)
		}
	}
	w := p.dial(true)
	is(1)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"a", "b", "c"}})
	is(4)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 1, Newfid: 2})
	w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 2})
	is(5)
	w.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 1, Newfid: 1, Wname: []string{"..", ".."}})
	is(5)
	w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 2})
	is(2)
	w.c.Close()
	is(0)
	// Of 100 a quarter, of the 75 that are left, and so on.
	for _, want := range []int{25, 43, 57, 67, 75} {
		w := p.dial(true)
		n := 1
		for fid := uint32(1); ; fid++ {
			w.send(&p9.Fcall{Type: p9.Twalk, Newfid: fid, Wname: []string{"a"}})
			if r := w.recv(); r.Errno == uint32(syscall.EMFILE) {
				break
			} else if r.Type != p9.Rwalk || n > 100 {
				t.Fatal(r.Text(true))
			}
			n++
		}
		is(want)
		w.send(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
		if r := w.recv(); r.Errno != uint32(syscall.EMFILE) {
			t.Error(r.Text(true))
		}
		w.rpc(&p9.Fcall{Type: p9.Tgetattr, Fid: 1})
	}
}
