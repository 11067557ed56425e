package psk

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

const id = "p9secret"

var key = bytes.Repeat([]byte{0x5a, 1, 2, 3}, 64)

// pair makes a connection with a key on each side; change, if not nil, may change what
// the client sends (0) and the server (1), record by record.
func pair(t testing.TB, ckey, skey []byte, cid string, change func(side, i int, rec []byte) []byte) (c, s *Conn, cerr, serr error) {
	t.Helper()
	a, a2 := srvtest.Pair(t)
	b, b2 := a2, net.Conn(nil)
	limit := srvtest.Patience
	if change != nil {
		b, b2 = srvtest.Pair(t)
		limit = time.Second // who waits for what does not come any more may give up
		relay := func(side int, from, to net.Conn) {
			defer to.Close()
			for i := 0; ; i++ {
				h := make([]byte, 5)
				if _, err := io.ReadFull(from, h); err != nil {
					return
				}
				p := make([]byte, binary.BigEndian.Uint16(h[3:]))
				if _, err := io.ReadFull(from, p); err != nil {
					return
				}
				rec := change(side, i, append(h, p...))
				if rec == nil {
					return
				}
				if _, err := to.Write(rec); err != nil || len(rec) > 0 && len(rec) < 5+len(p) {
					return
				}
			}
		}
		go relay(0, a2, b2)
		go relay(1, b2, a2)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s, serr = Server(ctx, b, id, skey)
	}()
	c, cerr = Client(ctx, a, cid, ckey)
	if cerr != nil {
		a.Close()
	}
	<-done
	end := func() {
		a.Close()
		b.Close()
		if b2 != nil {
			a2.Close()
			b2.Close()
		}
	}
	if cerr != nil || serr != nil {
		end()
	}
	t.Cleanup(end)
	return c, s, cerr, serr
}

func TestConn(t *testing.T) {
	srvtest.CheckGoroutines(t)
	c, s, cerr, serr := pair(t, key, key, id, nil)
	if cerr != nil || serr != nil {
		t.Fatal(cerr, serr)
	}
	for _, n := range []int{1, 1000, maxPlain, 3*maxPlain + 7} {
		text := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		// Its return is waited for: a Close beside a Write does not say goodbye.
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(text)
			wrote <- err
		}()
		got := make([]byte, n)
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err := <-wrote; err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	go s.Write([]byte("back"))
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "back" {
		t.Fatal(err)
	}
	go c.Close()
	if n, err := s.Read(got); n != 0 || err != io.EOF {
		t.Errorf("closed: %d, %v", n, err)
	}
	s.Close()
	if _, err := s.Write(got); err == nil {
		t.Error("written after Close")
	}
}

// TestRefused: another key and another identity, alike for who asks.
func TestRefused(t *testing.T) {
	other := bytes.Clone(key)
	other[7] ^= 1
	var said []string
	for _, v := range []struct {
		key []byte
		id  string
	}{{other, id}, {key, "eve"}, {other, "eve"}, {key[:len(key)-1], id}} {
		_, _, cerr, serr := pair(t, v.key, key, v.id, nil)
		if cerr == nil || serr == nil {
			t.Fatalf("%s: %v, %v", v.id, cerr, serr)
		}
		said = append(said, cerr.Error()+serr.Error())
	}
	for _, s := range said {
		if s != said[0] || !strings.Contains(s, "has another key") {
			t.Errorf("%q", s)
		}
	}
	a, b := net.Pipe()
	defer b.Close()
	if _, err := Client(t.Context(), a, id, nil); err == nil {
		t.Error("without a key")
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, b2 := net.Pipe()
	defer b2.Close()
	cancel()
	if _, err := Server(ctx, a, id, key); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestAltered changes, cuts, repeats and reflects each record of a handshake and of what
// follows.
func TestAltered(t *testing.T) {
	srvtest.CheckGoroutines(t)
	// The version in a record's head and the server's random are not authenticated but
	// by Finished, as all of the handshake is.
	for side := range 2 {
		for rec := range 4 - side { // client: hello, key, change, finished; server: hello, done, change
			for at := 0; at < 60; at += 5 {
				changed := false
				_, _, cerr, serr := pair(t, key, key, id, func(s, i int, r []byte) []byte {
					if s == side && i == rec && at < len(r) && (at < 1 || at > 4) {
						r[at] ^= 0x21
						changed = true
					}
					return r
				})
				if changed && cerr == nil {
					t.Fatalf("side %d, record %d, byte %d changed: %v, %v", side, rec, at, cerr, serr)
				}
			}
			for _, what := range []string{"cut", "twice", "gone"} {
				_, s, cerr, serr := pair(t, key, key, id, func(s, i int, r []byte) []byte {
					if s != side || i != rec {
						return r
					}
					switch what {
					case "cut":
						r = r[:len(r)-1]
					case "twice":
						r = append(r, r...)
					case "gone":
						return nil
					}
					return r
				})
				if cerr == nil && serr == nil && what == "twice" { // it comes after the handshake then
					s.SetReadDeadline(time.Now().Add(srvtest.Patience))
					_, serr = s.Read(make([]byte, 1))
				}
				if cerr == nil && (serr == nil || what == "gone") {
					t.Fatalf("side %d, record %d %s: %v, %v", side, rec, what, cerr, serr)
				}
			}
		}
	}
	for _, what := range []string{"changed", "twice", "order", "end"} {
		var held []byte
		c, s, cerr, serr := pair(t, key, key, id, func(side, i int, r []byte) []byte {
			if side == 1 || i < 4 {
				return r
			}
			switch what {
			case "changed":
				r[len(r)-1] ^= 1
			case "twice":
				r = append(r, r...)
			case "order":
				if held == nil {
					held = r
					return []byte{}
				}
				r = append(r, held...)
			case "end":
				return nil
			}
			return r
		})
		if cerr != nil || serr != nil {
			t.Fatal(cerr, serr)
		}
		go func() {
			c.Write([]byte("one"))
			c.Write([]byte("two"))
		}()
		s.SetReadDeadline(time.Now().Add(srvtest.Patience))
		all, err := io.ReadAll(s)
		if err == nil || strings.Contains(string(all), "oneone") || strings.Contains(string(all), "two") {
			t.Errorf("%s: %q, %v", what, all, err)
		}
	}
}

// TestRecords opens each suite's records, and none that was changed or is of elsewhere.
func TestRecords(t *testing.T) {
	for _, suite := range []uint16{chacha, cbc} {
		mk := func() *half {
			return newHalf(suite, bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, map[uint16]int{chacha: 32, cbc: 16}[suite]), bytes.Repeat([]byte{3}, 12))
		}
		for n := range 70 {
			w, r := mk(), mk()
			text := bytes.Repeat([]byte{9}, n)
			for range 3 {
				p, err := w.seal(recData, text)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := r.open(recData, p); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("%x, %d bytes: %v", suite, n, err)
				}
			}
			p, _ := mk().seal(recData, text)
			for i := range p {
				bad := bytes.Clone(p)
				bad[i] ^= 0x80
				if _, err := mk().open(recData, bad); err == nil {
					t.Fatalf("%x: byte %d of %d changed", suite, i, n)
				}
				if _, err := mk().open(recData, p[:i]); err == nil {
					t.Fatalf("%x: cut at %d of %d", suite, i, n)
				}
			}
			if _, err := mk().open(recAlert, p); err == nil {
				t.Fatalf("%x: as another kind", suite)
			}
		}
	}
}

// TestOpenSSL is the client and the server of openssl, in both suites.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not here: Debian's package openssl")
	}
	suites := map[string]string{"PSK-CHACHA20-POLY1305": "chacha", "PSK-AES128-CBC-SHA256": "cbc"}
	for suite := range suites {
		for _, right := range []bool{true, false} {
			hexKey := hex.EncodeToString(key)
			if !right {
				hexKey = hexKey[:2] + "00" + hexKey[4:]
			}
			args := []string{"-psk_identity", id, "-psk", hexKey, "-tls1_2", "-cipher", suite, "-quiet"}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := make(chan string, 1)
			go func() {
				nc, err := l.Accept()
				if err != nil {
					got <- err.Error()
					return
				}
				c, err := Server(t.Context(), nc, id, key)
				if err != nil {
					got <- err.Error()
					return
				}
				defer c.Close()
				p := make([]byte, 6)
				io.ReadFull(c, p)
				c.Write(bytes.ToUpper(p))
				got <- string(p)
			}()
			cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_client", "-connect", l.Addr().String()}, args...)...)
			cmd.Stdin = io.MultiReader(strings.NewReader("hello\n"))
			in, _ := cmd.StdoutPipe()
			w := &bytes.Buffer{}
			cmd.Stderr = w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			out, _ := io.ReadAll(in)
			cmd.Wait()
			text := <-got
			if right && (text != "hello\n" || string(out) != "HELLO\n") || !right && text == "hello\n" {
				t.Errorf("s_client, %s, %v: got %q, gave %q: %s", suite, right, text, out, w)
			}

			// And the other way round: openssl as the server, with the key on both sides.
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := free.Addr().String()
			free.Close()
			server := exec.CommandContext(t.Context(), openssl, append([]string{"s_server", "-accept", addr, "-nocert", "-rev"}, args[:len(args)-1]...)...)
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			var c *Conn
			var nc net.Conn
			if !srvtest.Until(func() bool { nc, err = net.Dial("tcp", addr); return err == nil }) {
				t.Fatal(err)
			}
			c, err = Client(t.Context(), nc, id, key)
			if right != (err == nil) {
				t.Errorf("s_server, %s, %v: %v", suite, right, err)
			}
			if err == nil {
				c.Write([]byte("olleh\n"))
				p := make([]byte, 6)
				if _, err := io.ReadFull(c, p); err != nil || string(p) != "hello\n" {
					t.Errorf("s_server, %s: %q, %v", suite, p, err)
				}
				c.Close()
			}
			server.Process.Kill()
			server.Wait()
		}
	}
}

// pipe is a peer that says what a file has, and hears nothing.
type pipe struct {
	net.Conn
	r io.Reader
}

func (p pipe) Read(b []byte) (int, error)       { return p.r.Read(b) }
func (p pipe) Write(b []byte) (int, error)      { return len(b), nil }
func (p pipe) Close() error                     { return nil }
func (p pipe) SetDeadline(time.Time) error      { return nil }
func (p pipe) SetWriteDeadline(time.Time) error { return nil }

// FuzzHandshake plays anything to either role: nobody gets in.
func FuzzHandshake(f *testing.F) {
	var sides [2][]byte
	pair(f, key, key, id, func(side, _ int, r []byte) []byte {
		sides[side] = append(sides[side], r...)
		return r
	})
	f.Add(sides[0], true)
	f.Add(sides[1], false)
	f.Fuzz(func(t *testing.T, in []byte, server bool) {
		p := pipe{r: bytes.NewReader(in)}
		var err error
		if server {
			_, err = Server(context.Background(), p, id, key)
		} else {
			_, err = Client(context.Background(), p, id, key)
		}
		if err == nil {
			t.Fatalf("%x gets in", in)
		}
	})
}
