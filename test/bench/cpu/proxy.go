package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A proxy leads to an address and holds back what goes through it.
type proxy struct {
	l     net.Listener
	to    string
	delay atomic.Int64 // one way, ns
	wg    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{l: l, to: to, conns: map[net.Conn]bool{}}
	p.wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(near) })
		}
	})
	return p, nil
}

func (p *proxy) port() string {
	_, port, _ := net.SplitHostPort(p.l.Addr().String())
	return port
}

// setRTT is for the connections that are made from then on.
func (p *proxy) setRTT(rtt time.Duration) { p.delay.Store(int64(rtt / 2)) }

func (p *proxy) keep(c net.Conn, here bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if here {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

func (p *proxy) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	for _, c := range []net.Conn{near, far} {
		p.keep(c, true)
		defer p.keep(c, false)
	}
	pass := passOn
	if delay := time.Duration(p.delay.Load()); delay > 0 {
		pass = func(dst, src net.Conn) { passLater(dst, src, delay) }
	}
	var wg sync.WaitGroup
	wg.Go(func() { pass(far, near) })
	wg.Go(func() { pass(near, far) })
	wg.Wait()
}

// held is how much may be on its way in a direction.
const held = 64 << 20

type piece struct {
	b  *[64 << 10]byte
	n  int
	at time.Time
}

// passOn passes on what comes from src as it comes. The kernel moves it, so that it costs
// those who are measured next to nothing of the machine's time.
func passOn(dst, src net.Conn) {
	io.Copy(dst, src)
	closeWrite(dst)
}

// pieces are those that nobody holds.
var pieces = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// passLater passes on what comes from src, each piece when its time has come.
func passLater(dst, src net.Conn, delay time.Duration) {
	way := make(chan piece, held/(64<<10))
	var wg sync.WaitGroup
	wg.Go(func() {
		defer closeWrite(dst)
		for x := range way {
			if d := time.Until(x.at); d > 0 {
				time.Sleep(d)
			}
			_, err := dst.Write(x.b[:x.n])
			pieces.Put(x.b)
			if err != nil {
				break
			}
		}
		for range way {
		}
	})
	for {
		b := pieces.Get().(*[64 << 10]byte)
		n, err := src.Read(b[:])
		if n > 0 {
			way <- piece{b, n, time.Now().Add(delay)}
		}
		if err != nil {
			break
		}
	}
	close(way)
	wg.Wait()
}

func closeWrite(c net.Conn) {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
	}
}

func (p *proxy) close() {
	p.l.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
