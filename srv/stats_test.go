package srv_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// figures reads a server's statistics: the numbers of each line by its first word.
func figures(t *testing.T, s *srv.Server) map[string]string {
	t.Helper()
	h, err := srv.Open(context.Background(), s.Stats(), p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	n, err := h.(srv.Reader).Read(context.Background(), b, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(b[:n])) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		m[word] = strings.TrimSuffix(rest, " bytes")
	}
	return m
}

// TestStats says so much, and no more, to a server, and compares its figures.
func TestStats(t *testing.T) {
	f := &waiter{Node: srv.NewNode(0o444)}
	s := srv.New(newHall(map[string]srv.File{"f": f, "hello": srv.Const("hello")}))
	p := listen(t, s)
	is := func(want map[string]string) {
		t.Helper()
		var got map[string]string
		wrong := func() (l []string) {
			got = figures(t, s)
			for word, w := range want {
				if g := got[word]; g != w && !strings.HasPrefix(g, w+" mean ") {
					l = append(l, fmt.Sprintf("%s %s, not %s", word, g, w))
				}
			}
			return l
		}
		if !srvtest.Until(func() bool { return len(wrong()) == 0 }) { // the last reply is counted when it is sent
			t.Error(wrong())
		}
		for word := range got {
			if _, ok := want[word]; !ok {
				t.Errorf("%s %s", word, got[word])
			}
		}
	}
	w := p.dial(true)
	var in, out int
	tell := func(fs ...*p9.Fcall) {
		t.Helper()
		for _, f := range fs {
			b, _ := f.Append(nil, true)
			in += len(b)
		}
		w.send(fs...)
	}
	hear := func() *p9.Fcall {
		t.Helper()
		r := w.recv()
		b, _ := r.Append(nil, true)
		out += len(b)
		return r
	}
	for _, f := range []*p9.Fcall{
		{Type: p9.Tversion, Tag: p9.NoTag, Msize: 64 << 10, Version: p9.Version9P2000L},
		{Type: p9.Tattach, Afid: p9.NoFid, Uname: "glenda", Nuname: p9.NoUid}} {
		b, _ := f.Append(nil, true)
		in += len(b)
	}
	for _, f := range []*p9.Fcall{{Type: p9.Rversion, Version: p9.Version9P2000L}, {Type: p9.Rattach}} {
		b, _ := f.Append(nil, true)
		out += len(b)
	}
	want := map[string]string{"conns": "1", "fids": "1", "descriptors": "0", "inflight": "0", "held": "0", "mem": "0", "Tversion": "n 1 err 0", "Tattach": "n 1 err 0"}
	check := func() { t.Helper(); want["in"], want["out"] = fmt.Sprint(in), fmt.Sprint(out); is(want) }
	check()

	tell(&p9.Fcall{Type: p9.Twalk, Newfid: 1, Wname: []string{"f"}})
	hear()
	tell(&p9.Fcall{Type: p9.Twalk, Newfid: 2, Wname: []string{"hello"}})
	hear()
	tell(&p9.Fcall{Type: p9.Twalk, Newfid: 3, Wname: []string{"no"}})
	hear()
	tell(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
	hear()
	tell(&p9.Fcall{Type: p9.Tlopen, Fid: 2})
	hear()
	tell(&p9.Fcall{Type: p9.Tread, Fid: 2, Count: 100})
	hear()
	tell(&p9.Fcall{Type: p9.Tread, Fid: 9, Count: 100})
	hear()
	want["fids"], want["Twalk"], want["Tlopen"], want["Tread"] = "3", "n 3 err 1", "n 2 err 0", "n 2 err 1"
	check()

	for tag := range uint16(5) {
		tell(&p9.Fcall{Type: p9.Tread, Tag: tag, Fid: 1, Count: 100})
	}
	if !srvtest.Until(func() bool { return f.blocked.Load() == 5 }) {
		t.Fatal("no reads block")
	}
	want["inflight"], want["held"] = "5", fmt.Sprint(5*23) // bytes of a Tread
	check()
	for tag := range uint16(3) {
		tell(&p9.Fcall{Type: p9.Tflush, Tag: 100, Oldtag: tag})
		hear()
	}
	tell(&p9.Fcall{Type: p9.Tflush, Tag: 100, Oldtag: 99}) // of nothing
	hear()
	want["inflight"], want["held"], want["Tread"], want["Tflush"] = "2", fmt.Sprint(2*23), "n 5 err 4", "n 4 err 0"
	check()

	tell(&p9.Fcall{Type: p9.Tclunk, Tag: 7, Fid: 1})
	hear()
	want["fids"], want["Tclunk"] = "2", "n 1 err 0"
	check()

	q := p.dial(true)
	if got := figures(t, s); got["conns"] != "2" || got["fids"] != "3" {
		t.Errorf("with another client: %v", got)
	}
	q.c.Close()
	w.c.Close()
	if !srvtest.Until(func() bool {
		g := figures(t, s)
		return g["conns"] == "0" && g["fids"] == "0" && g["inflight"] == "0" && g["held"] == "0" && g["mem"] == "0"
	}) {
		t.Errorf("when all have gone: %v", figures(t, s))
	}
}

// TestMetrics reads what Prometheus is given.
func TestMetrics(t *testing.T) {
	s := srv.New(newHall(map[string]srv.File{"hello": srv.Const("hello")}))
	p := listen(t, s)
	w := p.dial(true)
	for _, f := range []*p9.Fcall{{Type: p9.Twalk, Newfid: 1, Wname: []string{"hello"}}, {Type: p9.Twalk, Newfid: 2, Wname: []string{"no"}}} {
		w.send(f)
		w.recv()
	}
	h, err := srv.Open(t.Context(), s.Metrics(`a "b"\c`), p9.OREAD)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	series, kinds := map[string]float64{}, map[string]string{}
	line := regexp.MustCompile(`^(ninespace_[a-z_]+)(\{server="a \\"b\\"\\\\c"(?:,message="(T[a-z]+)")?(?:,le="([^"]+)")?\}) ([0-9.e+-]+)$`)
	if !srvtest.Until(func() bool { // the last reply is counted when it is sent
		n, err := h.(srv.Reader).Read(t.Context(), b, 0)
		if err != nil {
			t.Fatal(err)
		}
		clear(series)
		last := map[string]float64{}
		for l := range strings.Lines(string(b[:n])) {
			l = strings.TrimSuffix(l, "\n")
			if f := strings.Fields(l); f[0] == "#" {
				if f[1] == "TYPE" {
					kinds[f[2]] = f[3]
				}
				continue
			}
			m := line.FindStringSubmatch(l)
			if m == nil {
				t.Fatalf("bad line %q", l)
			}
			v, err := strconv.ParseFloat(m[5], 64)
			if err != nil {
				t.Fatal(err)
			}
			series[m[1]+" "+m[3]+" "+m[4]] = v
			family, sub := m[1], ""
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if f, ok := strings.CutSuffix(family, suffix); ok && kinds[f] == "histogram" {
					family, sub = f, suffix
				}
			}
			if kinds[family] == "" {
				t.Errorf("%s: of no type", m[1])
			}
			if sub == "_bucket" { // they are cumulative, and the last has all
				if v < last[m[3]] {
					t.Errorf("%s: less than the bucket before it", l)
				}
				last[m[3]] = v
			} else if sub == "_count" && v != last[m[3]] {
				t.Errorf("%s: the buckets have %v", l, last[m[3]])
			}
		}
		h, err = srv.Open(t.Context(), s.Metrics(`a "b"\c`), p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		return series["ninespace_request_seconds_count Twalk "] == 2
	}) {
		t.Error("Twalk is not counted twice")
	}
	for name, want := range map[string]float64{"ninespace_conns  ": 1, "ninespace_fids  ": 2, "ninespace_errors_total Twalk ": 1, "ninespace_errors_total Tattach ": 0,
		"ninespace_request_seconds_bucket Twalk +Inf": 2} {
		if got, ok := series[name]; !ok || got != want {
			t.Errorf("%s %v, not %v", name, got, want)
		}
	}
	if kinds["ninespace_in_bytes_total"] != "counter" || kinds["ninespace_conns"] != "gauge" {
		t.Error(kinds)
	}
}
