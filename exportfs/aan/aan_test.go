package aan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// A place is a server of sessions and the way to it.
type place struct {
	*testing.T
	s         Server
	l         net.Listener
	wrap      func(net.Conn) net.Conn // what is done to a link, at either end
	who, what atomic.Value            // whose links come, and what for
	got       chan *Conn
	errs      chan error
}

func newPlace(t *testing.T, cfg Config, wrap func(net.Conn) net.Conn) *place {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, s: Server{Config: cfg}, l: l, wrap: wrap, got: make(chan *Conn, 100), errs: make(chan error, 1000)}
	p.who.Store("glenda")
	p.what.Store("")
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			link, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				c, err := p.s.Accept(ctx, p.wrapped(link), p.who.Load().(string), p.what.Load().(string))
				if err != nil {
					select {
					case p.errs <- err:
					default:
					}
				}
				if c != nil {
					p.got <- c
				}
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		wg.Wait()
		p.s.Close()
	})
	return p
}

func (p *place) wrapped(c net.Conn) net.Conn {
	if p.wrap != nil {
		return p.wrap(c)
	}
	return c
}

func (p *place) link(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", p.l.Addr().String())
	if err != nil {
		return nil, err
	}
	return p.wrapped(c), nil
}

// session begins one and gives both ends. Where links break early it takes some attempts.
func (p *place) session(cfg Config) (near, far *Conn) {
	p.Helper()
	near, err := Dial(p.Context(), p.link, cfg)
	for ; err != nil; near, err = Dial(p.Context(), p.link, cfg) {
		if p.wrap == nil {
			p.Fatal(err)
		}
	}
	p.Cleanup(func() { near.Close() })
	select {
	case far = <-p.got:
	case <-time.After(srvtest.Patience):
		p.Fatal("no session begins")
	}
	return near, far
}

// watched begins a session of which the test has each link that dial makes.
func (p *place) watched(cfg Config, dial func(context.Context) (net.Conn, error)) (near *Conn, links <-chan net.Conn) {
	p.Helper()
	made := make(chan net.Conn, 100)
	near, err := Dial(p.Context(), func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		if err == nil {
			made <- c
		}
		return c, err
	}, cfg)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { near.Close() })
	return near, made
}

// random are bytes that repeat nothing.
func random(seed uint64) io.Reader {
	return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
}

// pump sends n bytes one way in writes of all sizes, and has them read in reads of all
// sizes, and compares.
func pump(t *testing.T, from, to net.Conn, n int64, seed uint64) {
	var wg sync.WaitGroup
	sent, got := sha256.New(), sha256.New()
	wg.Go(func() {
		r := rand.New(rand.NewPCG(seed, 1))
		src := io.LimitReader(random(seed), n)
		buf := make([]byte, 200<<10)
		for {
			m, err := io.ReadFull(src, buf[:1+r.IntN(1<<r.IntN(18))])
			sent.Write(buf[:m])
			if _, werr := from.Write(buf[:m]); werr != nil {
				t.Errorf("write: %v", werr)
				return
			}
			if err != nil {
				return
			}
		}
	})
	wg.Go(func() {
		r := rand.New(rand.NewPCG(seed, 2))
		buf := make([]byte, 200<<10)
		for left := n; left > 0; {
			m, err := to.Read(buf[:min(left, int64(1+r.IntN(1<<r.IntN(18))))])
			got.Write(buf[:m])
			left -= int64(m)
			if err != nil {
				t.Errorf("read with %d bytes to come: %v", left, err)
				return
			}
		}
	})
	wg.Wait()
	if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Error("other bytes came than were sent")
	}
}

// both pumps both ways at once, and ends the session.
func both(t *testing.T, near, far net.Conn, n int64) {
	var wg sync.WaitGroup
	wg.Go(func() { pump(t, near, far, n, 1) })
	wg.Go(func() { pump(t, far, near, n, 2) })
	wg.Wait()
	near.Close()
	if n, err := far.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	far.Close()
}

func TestPlain(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, far := p.session(Config{})
	both(t, near, far, 20<<20)
	if n, _ := near.Links(); n != 1 {
		t.Errorf("%d links", n)
	}
	if !srvtest.Until(func() bool { return p.s.Sessions() == 0 }) {
		t.Error("a session is left")
	}
}

// A frail is a link that breaks, or falls silent, when so many bytes went over it.
type frail struct {
	net.Conn
	left   atomic.Int64
	silent bool // it swallows what is written and gives nothing
	once   sync.Once
	broken chan struct{}
}

func newFrail(c net.Conn, after int64, silent bool) *frail {
	f := &frail{Conn: c, silent: silent, broken: make(chan struct{})}
	f.left.Store(after)
	return f
}

func (f *frail) use(p []byte, do func([]byte) (int, error)) (int, error) {
	left := f.left.Add(-int64(len(p)))
	if left >= 0 {
		return do(p)
	}
	part := max(0, min(len(p), int(left)+len(p)))
	n := 0
	if part > 0 {
		var err error
		if n, err = do(p[:part]); err != nil {
			return n, err
		}
	}
	if !f.silent {
		f.Conn.Close()
		return n, syscall.ECONNRESET
	}
	return n, nil
}

func (f *frail) Write(p []byte) (int, error) {
	n, err := f.use(p, f.Conn.Write)
	if f.silent && err == nil {
		return len(p), nil
	}
	return n, err
}

func (f *frail) Read(p []byte) (int, error) {
	n, err := f.use(p, f.Conn.Read) // which may read less than it used
	if f.silent && n == 0 && err == nil && len(p) > 0 {
		<-f.broken
		return 0, net.ErrClosed
	}
	return n, err
}

func (f *frail) SetDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		f.once.Do(func() { close(f.broken) })
	}
	return f.Conn.SetDeadline(t)
}

func (f *frail) SetReadDeadline(t time.Time) error {
	if f.silent && !t.IsZero() {
		time.AfterFunc(time.Until(t), func() { f.once.Do(func() { close(f.broken) }) })
	}
	return f.Conn.SetReadDeadline(t)
}

func (f *frail) Close() error {
	f.once.Do(func() { close(f.broken) })
	return f.Conn.Close()
}

// hasty has links that break early be made anew at once.
func hasty(t *testing.T) {
	old := shortLived
	shortLived = 0
	t.Cleanup(func() { shortLived = old })
}

// TestCut cuts the link a hundred times and more, at bytes of both directions, of hellos,
// headers, data and acks, at one end or at both.
func TestCut(t *testing.T) {
	for name, mean := range map[string]int{"often": 60 << 10, "seldom": 500 << 10} {
		t.Run(name, func(t *testing.T) {
			hasty(t)
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(7, uint64(mean)))
			var cuts atomic.Int64
			cfg := Config{Every: 200 * time.Millisecond}
			p := newPlace(t, cfg, func(c net.Conn) net.Conn {
				mu.Lock()
				defer mu.Unlock()
				after := int64(r.ExpFloat64() * float64(mean))
				if r.IntN(4) == 0 {
					after = int64(r.IntN(200)) // in the hello, or not long after
				}
				if cuts.Add(1) > 600 {
					after = 1 << 40
				}
				return newFrail(c, after, false)
			})
			near, far := p.session(cfg)
			both(t, near, far, 12<<20)
			if n, _ := near.Links(); n < 20 || cuts.Load() < 100 {
				t.Errorf("only %d links of %d carried it", n, cuts.Load())
			}
		})
	}
}

// TestSilent has links fall silent without an end of theirs.
func TestSilent(t *testing.T) {
	hasty(t)
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(8, 8))
	n := 0
	cfg := Config{Every: 10 * time.Millisecond}
	p := newPlace(t, cfg, func(c net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		after := int64(helloSize+idSize+answerSize) + int64(r.IntN(1<<20))
		if n++; n > 20 {
			after = 1 << 40
		}
		return newFrail(c, after, true)
	})
	near, far := p.session(cfg)
	both(t, near, far, 4<<20)
	if n, _ := near.Links(); n < 3 {
		t.Errorf("%d links", n)
	}
}

const answerSize = helloSize

// TestStolen: a session's id is of no use to another identity, nor is one that has ended
// to anybody.
func TestStolen(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, far := p.session(Config{})
	go far.Write([]byte("secret"))
	if _, err := io.ReadFull(near, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	steal := func(word uint32) error {
		link, err := p.link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		if err := (hello{word, 0, time.Second}).send(link, near.id[:]); err != nil {
			t.Fatal(err)
		}
		_, err = readAnswer(link)
		return err
	}
	p.who.Store("mallory")
	for word := range uint32(2) {
		if err := steal(word); !errors.Is(err, ErrGone) {
			t.Errorf("stolen: %v", err)
		}
	}
	if n, up := near.Links(); n != 1 || !up {
		t.Errorf("%d links, up %v", n, up)
	}
	p.who.Store("glenda")
	near.Close()
	far.Close()
	if !srvtest.Until(func() bool { return p.s.Sessions() == 0 }) {
		t.Fatal("the session does not end")
	}
	for word := range uint32(2) {
		if err := steal(word); !errors.Is(err, ErrGone) {
			t.Errorf("ended: %v", err)
		}
	}
}

// TestKeep: who stays away too long finds nothing any more.
func TestKeep(t *testing.T) {
	cfg := Config{Every: 20 * time.Millisecond, Keep: 100 * time.Millisecond}
	p := newPlace(t, cfg, nil)
	var down atomic.Bool
	near, links := p.watched(cfg, func(ctx context.Context) (net.Conn, error) {
		if down.Load() {
			return nil, syscall.EHOSTUNREACH
		}
		return p.link(ctx)
	})
	far := <-p.got
	go near.Write([]byte("hello"))
	if _, err := io.ReadFull(far, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	(<-links).Close()
	for _, c := range []*Conn{near, far} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("read: %v", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, ErrLost) {
			t.Errorf("write: %v", err)
		}
	}
	if n := p.s.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestGone: of a client whose process is killed, so that its link is closed and not cut, the
// session does not last as long.
func TestGone(t *testing.T) {
	p := newPlace(t, Config{Every: 20 * time.Millisecond, Keep: time.Hour, Gone: 100 * time.Millisecond}, nil)
	near, far := p.session(Config{Every: 20 * time.Millisecond})
	near.Abort(errors.New("killed"))
	if _, err := io.ReadAll(far); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if n := p.s.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestLast: what a server wrote last reaches a client that was away.
func TestLast(t *testing.T) {
	cfg := Config{Every: 20 * time.Millisecond}
	p := newPlace(t, cfg, nil)
	gate := make(chan struct{}, 100)
	gate <- struct{}{}
	near, links := p.watched(cfg, func(ctx context.Context) (net.Conn, error) {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return p.link(ctx)
	})
	far := <-p.got
	(<-links).Close()
	if !srvtest.Until(func() bool { _, up := far.Links(); return !up }) {
		t.Fatal("the link is not missed")
	}
	far.Write([]byte("exit 7"))
	far.Close()
	gate <- struct{}{}
	b, err := io.ReadAll(near)
	if string(b) != "exit 7" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if !srvtest.Until(func() bool { return p.s.Sessions() == 0 }) {
		t.Error("the session stays")
	}
}

// TestBackOff: where the other end takes each link and closes it at once, attempts become rarer.
func TestBackOff(t *testing.T) {
	var shut atomic.Bool
	p := newPlace(t, Config{}, nil)
	near, links := p.watched(Config{}, func(ctx context.Context) (net.Conn, error) {
		c, err := p.link(ctx)
		if shut.Load() && err == nil { // once its hello was answered
			c = newFrail(c, helloSize+idSize+answerSize, false)
		}
		return c, err
	})
	far := <-p.got
	defer far.Close()
	shut.Store(true)
	began := time.Now()
	(<-links).Close()
	for range 5 {
		<-links
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("5 more links in %v", took)
	}
	shut.Store(false)
	far.Write([]byte("x"))
	if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// TestPermanent: an error that is for good ends the session.
func TestPermanent(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	wrong := errors.New("host key has changed")
	first := true
	near, links := p.watched(Config{}, func(ctx context.Context) (net.Conn, error) {
		if !first {
			return nil, Permanent(wrong)
		}
		first = false
		return p.link(ctx)
	})
	(<-links).Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if p.got != nil {
		(<-p.got).Close()
	}
}

// TestRestart: a server that has forgotten a session does not begin it anew.
func TestRestart(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, links := p.watched(Config{}, p.link)
	far := <-p.got
	go far.Write([]byte("x"))
	io.ReadFull(near, make([]byte, 1))
	p.s.forget(near.id)
	far.Abort(syscall.EIO)
	(<-links).Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if n := len(p.got); n != 0 {
		t.Errorf("%d sessions begin", n)
	}
}

// TestMax: one identity does not have all the memory, whatever it wants.
func TestMax(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	p.s.Max = 3
	for i := range 3 {
		p.what.Store(strconv.Itoa(i))
		p.session(Config{})
	}
	near, err := Dial(t.Context(), p.link, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, errFull) {
		t.Error(err)
	}
	p.who.Store("other")
	p.session(Config{})
}

// TestWindow: what is not read is bounded, and stops neither the other direction nor what
// waits with a deadline or is closed.
func TestWindow(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, far := p.session(Config{})
	n := 0
	late := time.Now().Add(srvtest.Patience)
	for {
		near.SetWriteDeadline(time.Now().Add(time.Second)) // enough for a write that need not wait
		k, err := near.Write(make([]byte, 10_000))
		n += k
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			} else if n < window/2 && time.Now().Before(late) {
				continue // but on a starved machine
			}
			break
		}
	}
	if n < window/2 || n > 2*window {
		t.Errorf("%d bytes are kept", n)
	}
	pump(t, far, near, 10<<20, 3) // the other way, past what nobody reads
	near.SetWriteDeadline(time.Time{})
	done := make(chan error, 1)
	go func() { _, err := near.Write(make([]byte, 1<<20)); done <- err }()
	near.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	near.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	far.Close()
}

// TestTiny: a window of the smallest messages takes no more memory than one of large ones.
func TestTiny(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, far := p.session(Config{})
	defer far.Close()
	n := 0
	for ; n < 1<<20; n++ {
		if n%1000 == 0 {
			near.SetWriteDeadline(time.Now().Add(2 * time.Second))
		}
		if _, err := near.Write([]byte{1}); err != nil {
			break
		}
	}
	if n > window/overhead+1000 {
		t.Logf("%d writes of a byte were taken, in larger messages", n)
	}
	near.mu.Lock()
	defer near.mu.Unlock()
	if len(near.out) > window/overhead+1 {
		t.Errorf("%d messages are kept", len(near.out))
	}
}

// TestGarbage: a peer that does not keep to the protocol is told to go, at once and at no
// cost.
func TestGarbage(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	msg := func(size, number, acked uint32, data string) []byte {
		m := &message{b: append(make([]byte, headerSize), data...)}
		m.header(number, acked)
		binary.LittleEndian.PutUint32(m.b, size)
		return m.b
	}
	for name, b := range map[string][]byte{
		"huge":       msg(1<<30, 0, 0, "x"),
		"huger":      msg(1<<32-1, 0, 0, "x"),
		"ahead":      msg(1, 5, 0, "x"),
		"acks":       msg(1, 0, 1000, "x"),
		"acks sync":  msg(0, noNumber, 1, ""),
		"after last": append(msg(0, 0, 0, ""), msg(1, 1, 0, "x")...),
	} {
		t.Run(name, func(t *testing.T) {
			link, err := p.link(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close()
			id := newID()
			if err := (hello{0, 0, time.Second}).send(link, id[:]); err != nil {
				t.Fatal(err)
			}
			c := <-p.got
			if _, err := readAnswer(link); err != nil {
				t.Fatal(err)
			}
			link.Write(b)
			for err == nil {
				_, err = c.Read(make([]byte, 1))
			}
			if name == "after last" {
				for !errors.Is(err, errProto) && srvtest.Until(func() bool { return c.broken() != nil }) {
					err = c.broken()
				}
			}
			if !errors.Is(err, errProto) {
				t.Error(err)
			}
			link.SetReadDeadline(time.Now().Add(srvtest.Patience))
			if _, err := io.Copy(io.Discard, link); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the link stays")
			}
			c.Close()
		})
	}
	for _, b := range []string{"GET / HTTP/1.0\r\n\r\n" + string(make([]byte, 100)), "aan1" + string(make([]byte, 100))} {
		link, err := p.link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(link, b)
		if err := <-p.errs; !errors.Is(err, errProto) {
			t.Error(err)
		}
		link.Close()
	}
}

func (c *Conn) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// TestClose: Close is prompt, also where nobody is there.
func TestClose(t *testing.T) {
	p := newPlace(t, Config{}, nil)
	near, far := p.session(Config{})
	read := make(chan error, 1)
	go func() { _, err := near.Read(make([]byte, 1)); read <- err }()
	near.Write([]byte("bye"))
	near.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := near.Close(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if b, err := io.ReadAll(far); string(b) != "bye" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
	far.Close()
	if !srvtest.Until(func() bool { return near.broken() != nil && far.broken() != nil }) {
		t.Error("the session goes on")
	}
	if n, _ := near.Links(); n != 1 {
		t.Errorf("%d links for an end in order", n)
	}
}

// TestStranger: who says nothing behind its hello leaves no session for long; whoever was once
// heard, if only that it is there, does.
func TestStranger(t *testing.T) {
	const every = 20 * time.Millisecond
	p := newPlace(t, Config{Every: every, Keep: time.Hour, Gone: 100 * time.Millisecond}, nil)
	// call is a link that is silent, after its one message if it speaks.
	call := func(speaks bool) *Conn {
		link, err := p.link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { link.Close() })
		id := newID()
		if err := (hello{every: every}).send(link, id[:]); err != nil {
			t.Fatal(err)
		}
		if speaks {
			m := newMessage(0)
			m.header(noNumber, 0)
			if _, err := link.Write(m.b); err != nil {
				t.Fatal(err)
			}
		}
		far := <-p.got
		if !srvtest.Until(func() bool { _, up := far.Links(); return !up }) {
			t.Fatal("its silence is not noticed")
		}
		return far
	}
	var far *Conn
	heard := func() bool { // in time: a starved machine finds it silent first
		far = call(true)
		far.mu.Lock()
		defer far.mu.Unlock()
		return far.spoke
	}
	if !srvtest.Until(heard) {
		t.Fatal("its message is not heard")
	}
	call(false)
	if !srvtest.Until(func() bool { return p.s.Sessions() == 1 }) {
		t.Fatalf("%d sessions", p.s.Sessions())
	}
	if err := far.broken(); err != nil {
		t.Error(err)
	}
}
