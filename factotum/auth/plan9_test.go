package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"ninespace/factotum/authtest"
	"ninespace/factotum/psk"
	"ninespace/srv/srvtest"
)

// talk sends and receives over ours and over the slow peer's stream.
func talk(t *testing.T, c *psk.Conn, s *authtest.Stream) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		p, err := s.Recv()
		if err == nil {
			err = s.Send(bytes.ToUpper(p))
		}
		done <- err
	}()
	if _, err := c.Write([]byte("hello, world")); err != nil {
		t.Error(err)
	}
	p := make([]byte, 12)
	if _, err := io.ReadFull(c, p); err != nil || string(p) != "HELLO, WORLD" {
		t.Errorf("%q, %v", p, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPlan9Foreign goes through the door both ways with the slow peer, by both suites.
func TestPlan9Foreign(t *testing.T) {
	srvtest.CheckGoroutines(t)
	_, f := serve(t, dpKey)
	for _, suite := range []uint16{0xccab, 0x00ae} {
		peer := authtest.Peer{User: "glenda", Dom: "burrow", Password: "rabbit hole", Suite: suite}
		ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
		for _, server := range []bool{true, false} {
			a, b := srvtest.Pair(t)
			b.SetDeadline(time.Now().Add(srvtest.Patience))
			type result struct {
				s      *authtest.Stream
				secret []byte
				user   string
				err    error
			}
			done := make(chan result, 1)
			go func() {
				var r result
				if server {
					r.s, r.secret, r.err = peer.Client(b)
				} else {
					r.s, r.secret, r.user, r.err = peer.Server(b)
				}
				done <- r
			}()
			var c *psk.Conn
			var info *Info
			var err error
			if server {
				c, info, err = f.Plan9Server(ctx, a)
			} else {
				c, info, err = f.Plan9Client(ctx, a, "")
			}
			r := <-done
			if err != nil || r.err != nil {
				t.Fatalf("suite %x, server %v: %v, and the other side %v", suite, server, err, r.err)
			}
			if info.Suid != "glenda" || info.Cuid != "glenda" || info.Dom != "burrow" || len(info.Secret) != 0 || len(r.secret) != 256 || !server && r.user != "glenda" {
				t.Errorf("%+v, %s", info, r.user)
			}
			talk(t, c, r.s)
			c.Close()
		}
		cancel()
	}
}

// TestPlan9 has both ends be ours, and strangers.
func TestPlan9(t *testing.T) {
	srvtest.CheckGoroutines(t)
	_, server := serve(t, dpKey)
	door := func(conn net.Conn) (*Info, error) {
		ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
		defer cancel()
		c, info, err := server.Plan9Server(ctx, conn)
		if err == nil {
			defer c.Close()
			_, err = io.Copy(c, c)
		}
		return info, err
	}
	for name, v := range map[string]struct{ key, attrs, why string }{
		"right":    {dpKey, "", ""},
		"password": {strings.Replace(dpKey, "hole", "whole", 1), "", "hung up"},
		"user":     {strings.Replace(dpKey, "glenda", "eve", 1), "", "no authentication server"},
		"domain":   {dpKey, "dom=other", "no protocol that both have"},
		"none":     {"proto=pass user=x !password=x", "", "factotum has no key: proto=dp9ik"},
	} {
		_, mine := serve(t, v.key)
		a, b := srvtest.Pair(t)
		type result struct {
			info *Info
			err  error
		}
		done := make(chan result, 1)
		go func() {
			info, err := door(b)
			done <- result{info, err}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
		c, info, err := mine.Plan9Client(ctx, a, v.attrs)
		switch {
		case v.why == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case v.why == "":
			if info.Suid != "glenda" {
				t.Errorf("%+v", info)
			}
			// Its return is waited for: a Close beside a Write does not say goodbye.
			wrote := make(chan error, 1)
			go func() {
				_, err := c.Write([]byte("echo"))
				wrote <- err
			}()
			p := make([]byte, 4)
			if _, err := io.ReadFull(c, p); err != nil || string(p) != "echo" {
				t.Errorf("%q, %v", p, err)
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
			c.Close()
		case err == nil:
			t.Errorf("%s: is in", name)
			c.Close()
		case !strings.Contains(err.Error(), v.why):
			t.Errorf("%s: %v, want %q", name, err, v.why)
		}
		cancel()
		if r := <-done; (r.err == nil) != (v.why == "") || r.err == nil && (r.info.Suid != "glenda" || r.info.Dom != "burrow") {
			t.Errorf("%s: at the server %+v, %v", name, r.info, r.err)
		}
	}
	// Who does not speak is not waited for past ctx; who hangs up is noticed.
	a, b := srvtest.Pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := server.Plan9Server(ctx, a)
		done <- err
	}()
	if _, err := io.ReadFull(b, make([]byte, len("dp9ik@burrow\x00"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	a, b = srvtest.Pair(t)
	b.Close()
	if _, _, err := server.Plan9Server(t.Context(), a); err == nil {
		t.Error("a client that hung up is in")
	}
	// The right secret of p9any, but another in TLS.
	a, b = srvtest.Pair(t)
	go func() {
		_, err := door(b)
		done <- err
	}()
	_, mine := serve(t, dpKey)
	info, err := mine.Proxy(t.Context(), a, "proto=p9any role=client")
	if err != nil {
		t.Fatal(err)
	}
	info.Secret[9] ^= 1
	if _, err := psk.Client(t.Context(), a, pskIdentity, info.Secret); err == nil {
		t.Error("another secret is taken")
	}
	if err := <-done; err == nil {
		t.Error("a client with another secret is in")
	}
}

// TestPlan9Cut cuts what either side sends at each byte: the other lets nobody in, or
// goes in nowhere, and ends.
func TestPlan9Cut(t *testing.T) {
	srvtest.CheckGoroutines(t)
	_, f := serve(t, dpKey)
	peer := authtest.Peer{User: "glenda", Dom: "burrow", Password: "rabbit hole", Suite: 0xccab}
	run := func(server bool, cut int) (sent int, err error) {
		a, b := srvtest.Pair(t)
		b.SetDeadline(time.Now().Add(srvtest.Patience))
		ctx, cancel := context.WithTimeout(t.Context(), srvtest.Patience)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			var c *psk.Conn
			var err error
			if server {
				c, _, err = f.Plan9Server(ctx, a)
			} else {
				c, _, err = f.Plan9Client(ctx, a, "")
			}
			if err == nil {
				c.Close()
			}
			done <- err
		}()
		l := &limited{b, cut, 0}
		if server {
			peer.Client(l)
		} else {
			peer.Server(l)
		}
		b.Close()
		return l.sent, <-done
	}
	step := 17
	if os.Getenv("NINE_LONG") != "" {
		step = 1
	}
	for _, server := range []bool{true, false} {
		whole, err := run(server, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < whole; cut += step {
			if _, err := run(server, cut); err == nil {
				t.Errorf("server %v, cut at %d of %d: it is in", server, cut, whole)
			}
		}
	}
}

// limited hangs up after some bytes were sent.
type limited struct {
	net.Conn
	left, sent int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	m, err := l.Conn.Write(p[:n])
	l.sent += m
	if err == nil && m < len(p) {
		l.Conn.Close()
		err = io.ErrClosedPipe
	}
	return m, err
}

func TestAttr(t *testing.T) {
	for tuple, want := range map[string]string{
		"proto=dp9ik dom=burrow":               "burrow",
		"user='a dom=evil' dom=b":              "b",
		"dom='it''s a' x":                      "it's a",
		"x='dom=y'":                            "",
		"dom? dom=z":                           "z",
		"":                                     "",
		"a='b":                                 "",
		"'dom=q r'":                            "q r",
		"user='x'' dom=evil' role=server dom=": "",
	} {
		if got := attr(tuple, "dom"); got != want {
			t.Errorf("%s: %q, want %q", tuple, got, want)
		}
	}
}
