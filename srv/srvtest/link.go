package srvtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Link is a wire between a server and its clients that takes its time and counts
// what goes over it.
type Link struct {
	Addr  string // its dial string
	delay time.Duration
	srv   *srv.Server

	mu    sync.Mutex
	seen  int // the latest round of which a reply has come to a client
	last  int // the latest round of a request
	base  int
	msgs  int
	bytes int
	types map[p9.Type]int
	conns map[net.Conn]bool
	stall chan struct{} // nothing arrives before it is closed
	wg    sync.WaitGroup
	ctx   context.Context
}

// Traffic is what went over a Link.
type Traffic struct {
	Messages int             // requests
	Trips    int             // how many of them were sent one after another's reply
	Bytes    int             // that reads brought
	Of       map[p9.Type]int // requests, by type
}

func (t Traffic) String() string {
	var of []string
	for k, n := range t.Of {
		of = append(of, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(of)
	return fmt.Sprintf("%d messages, %d round trips, %d bytes read (%s)", t.Messages, t.Trips, t.Bytes, strings.Join(of, ", "))
}

// NewLink serves s at the far end of a Link. delay is how long what is sent is under
// way, each way.
func NewLink(t testing.TB, s *srv.Server, delay time.Duration) *Link {
	t.Helper()
	CheckGoroutines(t)
	addr := filepath.Join(t.TempDir(), "link")
	ln, err := net.Listen("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Link{Addr: "unix!" + addr, delay: delay, srv: s, types: map[p9.Type]int{}, conns: map[net.Conn]bool{}, ctx: ctx,
		stall: make(chan struct{})}
	close(l.stall)
	l.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.join(c)
		}
	})
	t.Cleanup(func() {
		ln.Close()
		cancel()
		l.Cut()
		l.wg.Wait()
	})
	return l
}

// Stall has nothing arrive until Go is called.
func (l *Link) Stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stall = make(chan struct{})
}

// Go ends a Stall.
func (l *Link) Go() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume()
}

// resume ends a stall, if there is one. l.mu is held.
func (l *Link) resume() {
	select {
	case <-l.stall:
	default:
		close(l.stall)
	}
}

// moving waits for the end of a stall.
func (l *Link) moving() {
	l.mu.Lock()
	stall := l.stall
	l.mu.Unlock()
	<-stall
}

// Cut ends all connections.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resume()
	for c := range l.conns {
		c.Close()
	}
}

// Traffic tells what was sent since it was last asked. A request counts as one round
// trip after all those whose replies had come when it was sent; what ends a fid or
// a request, for which nobody waits, counts as none. What a lease is renewed by is not
// counted at all: when it is sent is a matter of time.
func (l *Link) Traffic() Traffic {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := Traffic{l.msgs, l.last - l.base, l.bytes, l.types}
	l.base, l.seen, l.msgs, l.bytes, l.types = l.last, l.last, 0, 0, map[p9.Type]int{}
	return t
}

// join connects a client with the server.
func (l *Link) join(c net.Conn) {
	near, far := net.Pipe()
	l.mu.Lock()
	l.conns[c] = true
	l.mu.Unlock()
	rounds := make([]int, 1<<16) // by tag
	lease := int64(-1)           // the fid of its lease
	seen := 0                    // l.seen when the latest requests came that were sent together
	l.wg.Go(func() { l.srv.ServeConn(l.ctx, far) })
	l.wg.Go(func() {
		l.carry(near, c, nil, func(typ p9.Type, tag uint16, body []byte, with bool) {
			l.mu.Lock()
			defer l.mu.Unlock()
			rounds[tag] = 0
			if !with {
				seen = l.seen
			}
			switch {
			case typ == p9.Tattach && bytes.Contains(body, []byte(p9.LeaseTree)):
				lease = fidOf(body)
			case typ == p9.Tread && fidOf(body) == lease:
				return
			case typ == p9.Tclunk && fidOf(body) == lease:
				lease = -1
			}
			l.msgs++
			l.types[typ]++
			if typ != p9.Tclunk && typ != p9.Tflush {
				rounds[tag] = seen + 1
				l.last = max(l.last, seen+1)
			}
		})
	})
	l.wg.Go(func() {
		l.carry(c, near, func(typ p9.Type, tag uint16, body []byte) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if typ == p9.Rread {
				l.bytes += len(body) - 4
			}
			l.seen = max(l.seen, rounds[tag])
		}, nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	})
}

// fidOf gives the fid that a request is of, which comes first in it.
func fidOf(body []byte) int64 { return int64(binary.LittleEndian.Uint32(body)) }

// carry takes messages from one end to the other, telling of each when it is taken, and whether
// it had come with the one before, and when it is given.
func (l *Link) carry(to io.WriteCloser, from io.ReadCloser, given func(typ p9.Type, tag uint16, body []byte), taken func(typ p9.Type, tag uint16, body []byte, with bool)) {
	type parcel struct {
		frame []byte
		at    time.Time
	}
	parcels := make(chan parcel, 1<<16)
	l.wg.Go(func() {
		defer to.Close()
		for p := range parcels {
			for d := time.Until(p.at); d > 0; d = time.Until(p.at) {
				<-time.After(d)
			}
			l.moving()
			if given != nil {
				given(p9.Type(p.frame[4]), binary.LittleEndian.Uint16(p.frame[5:]), p.frame[p9.HdrSz:])
			}
			if _, err := to.Write(p.frame); err != nil {
				from.Close()
			}
		}
	})
	defer close(parcels)
	for in := bufio.NewReaderSize(from, 64<<10); ; {
		with := in.Buffered() > 0
		h, err := in.Peek(p9.HdrSz)
		if err != nil {
			return
		}
		frame := make([]byte, binary.LittleEndian.Uint32(h))
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		if taken != nil {
			taken(p9.Type(frame[4]), binary.LittleEndian.Uint16(frame[5:]), frame[p9.HdrSz:], with)
		}
		parcels <- parcel{frame, time.Now().Add(l.delay)}
	}
}
