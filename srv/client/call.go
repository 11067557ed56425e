package client

import (
	"sync"
	"sync/atomic"

	"ninespace/srv/p9"
)

// A call is one request and then its reply, in the same Fcall: the request is
// encoded before the reply can come.
type call struct {
	p9.Fcall
	of       *Fid          // where set: once this has ended, the request is not sent
	tag      uint16        // Tag, which the reply's decoding writes
	want     p9.Type       // the reply's type
	p        []byte        // where the data of Rread or Rreaddir goes
	n        int           // how much came
	frame    []byte        // the reply's memory, which Stat shares
	pend     atomic.Int32  // what is to come still: the reply, the writing of what was not copied
	err      error         // the outcome
	done     chan struct{} // has room for one: the outcome is there
	orphan   bool          // nobody waits; the reply frees Fid ...
	stray    bool          // ... unless it took the place of one that was given up
	unwanted bool          // its ctx has ended; under Conn.mu
	owed     bool          // it ends a fid, and could not be sent yet
}

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// keepFrame is how much memory an idle call may hold on to.
const keepFrame = 4 << 10

func newCall(t p9.Type) *call {
	k := calls.Get().(*call)
	wname, wqid, frame := k.Wname[:0], k.Wqid[:0], k.frame
	*k = call{done: k.done, frame: frame, want: t + 1}
	k.Type, k.Wname, k.Wqid = t, wname, wqid
	k.pend.Store(1)
	return k
}

// release gives a call back, after its outcome was taken.
func (k *call) release() {
	k.of, k.p, k.Data, k.Stat = nil, nil, nil, nil
	clear(k.Wname)
	if cap(k.frame) > keepFrame {
		k.frame = nil
	}
	calls.Put(k)
}

// final reports whether the request ends its fid.
func (k *call) final() bool { return k.want == p9.Rclunk || k.want == p9.Rremove }

// deliver says how the request went. With c.mu held, or when the call is no
// longer in a slot.
func (k *call) deliver(err error) {
	k.err = err
	k.step()
}

// step counts down what the outcome waits for.
func (k *call) step() {
	switch {
	case k.pend.Add(-1) > 0:
	case k.orphan:
		k.release()
	default:
		k.done <- struct{}{}
	}
}

// read makes a call that reads into p.
func (f *Fid) readCall(t p9.Type, p []byte, off uint64) *call {
	k := f.start(t)
	k.p, k.Offset, k.Count = p, off, uint32(len(p))
	return k
}

// writeCall makes a call that writes p. p is the call's until its outcome is
// there, unless it is shorter than large.
func (f *Fid) writeCall(p []byte, off uint64) *call {
	k := f.start(p9.Twrite)
	k.Data, k.Offset = p, off
	return k
}

// written takes the reply of a write.
func (k *call) written() (int, error) {
	switch {
	case k.err != nil:
		return 0, k.err
	case int(k.Count) > len(k.Data):
		return 0, botch("Rwrite of %d bytes for %d", k.Count, len(k.Data))
	}
	return int(k.Count), nil
}
