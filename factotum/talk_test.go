package factotum

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A served is a factotum that is served, in one dialect.
type served struct {
	*testing.T
	root *client.Fid
	f    *Factotum
}

// each runs a test in both dialects on a factotum with keys.
func each(t *testing.T, cfg Config, keys string, test func(x served)) {
	t.Helper()
	srvtest.CheckFiles(t)
	var f *Factotum
	srvtest.Each(t, func() srv.File { f = filled(t, cfg, keys); return f }, func(t *testing.T, root *client.Fid) {
		test(served{t, root, f})
	})
}

// filled makes a factotum with keys, a line each.
func filled(t testing.TB, cfg Config, keys string) *Factotum {
	t.Helper()
	f := New(cfg)
	t.Cleanup(f.Close)
	for line := range strings.Lines(keys) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := f.Ctl("key " + line); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (x served) open(name string, mode p9.Mode) *client.Fid {
	x.Helper()
	f, err := x.root.WalkOpen(x.Context(), mode, name)
	if err != nil {
		x.Fatalf("%s: %v", name, err)
	}
	return f
}

func (x served) write(f *client.Fid, text string) error {
	_, err := f.Write(x.Context(), []byte(text), 0)
	return err
}

func (x served) ctl(line string) error {
	x.Helper()
	f := x.open("ctl", p9.OWRITE)
	defer f.Clunk(context.Background())
	return x.write(f, line)
}

func (x served) read(f *client.Fid) string {
	x.Helper()
	s, err := read(x.Context(), f)
	if err != nil {
		x.Fatal(err)
	}
	return s
}

func read(ctx context.Context, f *client.Fid) (string, error) {
	p := make([]byte, 8000)
	n, err := f.Read(ctx, p, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(p[:n]), err
}

// A talk is a conversation of a test.
type talk interface {
	rpc(verb, data string) string
}

// fidTalk is one through a fid of rpc.
type fidTalk struct {
	x served
	f *client.Fid
}

func (x served) talk() *fidTalk { return &fidTalk{x, x.open("rpc", p9.ORDWR)} }

func (t *fidTalk) rpc(verb, data string) string {
	t.x.Helper()
	req := verb
	if data != "" {
		req += " " + data
	}
	if err := t.x.write(t.f, req); err != nil {
		t.x.Fatal(err)
	}
	return t.x.read(t.f)
}

func (t *fidTalk) is(verb, data, want string) {
	t.x.Helper()
	if got := t.rpc(verb, data); got != want {
		t.x.Errorf("%s %q: %q, want %q", verb, data, got, want)
	}
}

func (t *fidTalk) close() { t.f.Clunk(context.Background()) }

// ownTalk is one in the test's own process.
type ownTalk struct{ r *rpc }

func own(f *Factotum, user string) *ownTalk {
	return &ownTalk{&rpc{f: f, user: who{user, user == ""}}}
}

func (o *ownTalk) rpc(verb, data string) string {
	req := verb
	if data != "" || verb == "write" {
		req += " " + data
	}
	return o.r.do(context.Background(), []byte(req))
}

func (o *ownTalk) close() { o.r.close() }

// info gives the fields of authinfo.
func info(t testing.TB, s string) (f []string) {
	t.Helper()
	s, ok := strings.CutPrefix(s, "ok ")
	if !ok {
		t.Fatalf("authinfo: %q", s)
	}
	for len(s) >= 2 {
		n := int(s[0]) | int(s[1])<<8
		if len(s) < 2+n {
			t.Fatal("authinfo is cut short")
		}
		f, s = append(f, s[2:2+n]), s[2+n:]
	}
	if len(f) != 4 || s != "" {
		t.Fatalf("authinfo of %d fields", len(f))
	}
	return f
}

// proxy has one side talk to the other until it is over, as auth_proxy does. change,
// if not nil, may change each message; it gives nil for one that is to end it all.
func proxy(a, b talk, change func(i int, msg string) (string, bool)) (last string) {
	type side struct {
		talk
		in   string // what is there for it
		over string
	}
	s := [2]*side{{talk: a}, {talk: b}}
	for i := 0; ; {
		moved := false
		for j, me := range s {
			if me.over != "" {
				continue
			}
			other := s[1-j]
			r := me.rpc("read", "")
			verb, data, _ := strings.Cut(r, " ")
			switch verb {
			case "ok":
				if change != nil {
					var ok bool
					if data, ok = change(i, data); !ok {
						return "cut"
					}
				}
				i++
				other.in += data
				moved = true
				continue
			case "phase":
			default:
				me.over = r
				moved = true
				continue
			}
			n := 0
			for {
				r = me.rpc("write", me.in[:n])
				want, short := strings.CutPrefix(r, "toosmall ")
				if !short {
					break
				}
				if n, _ = strconv.Atoi(want); n > len(me.in) {
					break
				}
			}
			switch {
			case strings.HasPrefix(r, "toosmall"):
			case r == "ok":
				me.in = me.in[n:]
				moved = true
			case strings.HasPrefix(r, "done"): // for libauth that is an error: it is read that says so
				me.over = "write: " + r
				moved = true
			default:
				me.over = r
				moved = true
			}
		}
		if s[0].over != "" && s[1].over != "" || !moved {
			if s[0].over == s[1].over {
				return s[0].over
			}
			return s[0].over + "/" + s[1].over
		}
	}
}
