package main

import (
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
	var wg sync.WaitGroup
	wg.Go(func() { p.pass(far, near) })
	wg.Go(func() { p.pass(near, far) })
	wg.Wait()
}

// held is how much may be on its way in a direction.
const held = 64 << 20

type piece struct {
	b  []byte
	at time.Time
}

// pass passes on what comes from src, each piece when its time has come.
func (p *proxy) pass(dst, src net.Conn) {
	pieces := make(chan piece, held/(64<<10))
	var wg sync.WaitGroup
	wg.Go(func() {
		defer closeWrite(dst)
		for x := range pieces {
			if d := time.Until(x.at); d > 0 {
				time.Sleep(d)
			}
			if _, err := dst.Write(x.b); err != nil {
				break
			}
		}
		for range pieces {
		}
	})
	for {
		b := make([]byte, 64<<10)
		n, err := src.Read(b)
		if n > 0 {
			pieces <- piece{b[:n], time.Now().Add(time.Duration(p.delay.Load()))}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
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
