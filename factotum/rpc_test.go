package factotum

import (
	"context"
	"errors"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

func TestAttrs(t *testing.T) {
	for in, want := range map[string]string{
		"proto=pass  user='a b' !password='it''s'": "proto=pass user='a b' !password?",
		"a? b c= !d? 'e=f g' h=i=j k=l?":           "a? b c !d? e='f g' h=i=j 'k=l?'",
		"":                                         "",
		"'!password=two words' disabled":           "!password? disabled",
		"x='' server=[::1] user=glenda@example.com": "x server='[::1]' user=glenda@example.com",
	} {
		a, err := ParseAttrs(in)
		if want == "a? b c !d? e='f g' h=i=j 'k=l?'" {
			want = "a? b c !d? e='f g' h='i=j' k='l?'"
		}
		if err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", in, a, err)
		}
	}
	for _, in := range []string{"=x", "!=x", "?", "a='b", "a\x00=b", "a=b\nc=d", "'a b'=c", "!?"} {
		if a, err := ParseAttrs(in); err == nil {
			t.Errorf("%q: %s", in, a)
		} else if strings.ContainsAny(err.Error(), "abc=") && strings.Contains(err.Error(), "=") {
			t.Errorf("%q: the error has the text: %v", in, err)
		}
	}
}

func FuzzAttrs(f *testing.F) {
	f.Add("proto=pass user='a b' !password='it''s' x? y")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAttrs(s)
		if err != nil {
			return
		}
		b, err := ParseAttrs(a.String())
		if err != nil || b.String() != a.String() || len(b) != len(a) {
			t.Fatalf("%q: %s, then %s, %v", s, a, b, err)
		}
		for i := range a {
			if !a[i].secret() && a[i] != b[i] {
				t.Fatalf("%q: %+v, then %+v", s, a[i], b[i])
			}
		}
	})
}

// TestKeys: which key is used for whom, and in what role.
func TestKeys(t *testing.T) {
	f := filled(t, Config{}, `proto=pass service=a user=1 !password=one
proto=pass service=a user=2 !password=two owner=ann owner=bob
proto=pass service=a user=3 !password=three owner=*
proto=pass service=b user=4 !password=four disabled
proto=pass service=b user=5 !password=five role=server
proto=pass service=c user=6 !password=six role=client x
`)
	for _, c := range []struct{ user, attrs, want string }{
		{"", "service=a", "ok 1 one"},
		{"", "user=3", "ok 3 three"},
		{"ann", "service=a", "ok 2 two"},
		{"bob", "service=a", "ok 2 two"},
		{"eve", "service=a", "ok 3 three"},
		{"eve", "user=1", "needkey proto=pass user=1 !password?"},
		{"", "service=b role=client", "needkey proto=pass service=b role=client user? !password?"},
		{"", "role=client service?", "ok 1 one"},
		{"", "x role=client", "ok 6 six"},
		{"", "x=y role=client", "needkey proto=pass x=y role=client user? !password?"},
		{"", "service=a !password=one", "error a secret in start"},
	} {
		o := own(f, c.user)
		got := o.rpc("start", "proto=pass "+c.attrs)
		if got == "ok" {
			got = o.rpc("read", "")
		}
		if got != c.want {
			t.Errorf("%s: %s: %q, want %q", c.user, c.attrs, got, c.want)
		}
		o.close()
	}
	if err := f.Ctl("key proto=pass service=a user=1 !password=uno"); err != nil {
		t.Fatal(err)
	}
	o := own(f, "")
	defer o.close()
	if o.rpc("start", "proto=pass service=a"); o.rpc("read", "") != "ok 1 uno" || len(f.ring.list()) != 6 {
		t.Errorf("a key is not replaced:\n%s", f.ring.text())
	}
	for _, line := range []string{"key user=x", "key proto=none user=x", "key proto=pass user=x !password", "key proto=pass user? !password=x", "key", "delkey x=1"} {
		if err := f.Ctl(line); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
	if err := f.Ctl("# comment"); err != nil {
		t.Error(err)
	}
}

// TestModes: what is for factotum's own user is his alone.
func TestModes(t *testing.T) {
	f := filled(t, Config{}, someKeys)
	s := srv.New(f)
	root := srvtest.MountServer(t, s, true)
	other, err := root.Conn().Attach(t.Context(), nil, "nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"rpc": true, "proto": true, "ctl": false, "log": false, "needkey": false, "confirm": false} {
		mode := p9.OREAD
		if name == "rpc" {
			mode = p9.ORDWR
		}
		g, err := other.WalkOpen(t.Context(), mode, name)
		if ok != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "rpc" && err == nil {
			x := &fidTalk{served{t, other, f}, g}
			x.is("start", "proto=pass", "needkey proto=pass user? !password?")
		}
	}
}

// TestNeedkey: a conversation waits at needkey until its key comes, or is flushed.
func TestNeedkey(t *testing.T) {
	each(t, Config{}, "", func(x served) {
		need := x.open("needkey", p9.ORDWR)
		if _, err := x.root.WalkOpen(x.Context(), p9.ORDWR, "needkey"); err == nil {
			x.Error("needkey is open twice")
		}
		c := x.talk()
		if err := x.write(c.f, "start proto=pass server=a user?"); err != nil {
			x.Fatal(err)
		}
		ctx, cancel := context.WithCancel(x.Context())
		first := make(chan error, 1)
		go func() { _, err := read(ctx, c.f); first <- err }()
		if q := x.read(need); q != "needkey tag=1 proto=pass server=a user? !password?" {
			x.Errorf("question %q", q)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			x.Errorf("flushed: %v", err)
		}
		if err := x.write(need, "tag=1"); err == nil && srvtest.Until(func() bool { return x.write(need, "tag=1") != nil }) {
			x.Log("answered before it was flushed")
		}
		second := make(chan string, 1)
		go func() { s, _ := read(x.Context(), c.f); second <- s }()
		if q := x.read(need); q != "needkey tag=2 proto=pass server=a user? !password?" {
			x.Errorf("question %q", q)
		}
		if err := x.ctl("key proto=pass server=a user=u !password=p"); err != nil {
			x.Fatal(err)
		}
		if err := x.write(need, "tag=2"); err != nil {
			x.Fatal(err)
		}
		if s := <-second; s != "ok" {
			x.Errorf("start: %q", s)
		}
		c.is("read", "", "ok u p")

		// Answered without a key, and not answered at all.
		if err := x.write(c.f, "start proto=pass server=b user?"); err != nil {
			x.Fatal(err)
		}
		go func() { s, _ := read(x.Context(), c.f); second <- s }()
		x.read(need)
		if err := x.write(need, "tag=3"); err != nil {
			x.Fatal(err)
		}
		if s := <-second; !strings.HasPrefix(s, "error no key matches") {
			x.Errorf("no key: %q", s)
		}
		if err := x.write(c.f, "start proto=pass server=b user?"); err != nil {
			x.Fatal(err)
		}
		go func() { s, _ := read(x.Context(), c.f); second <- s }()
		x.read(need)
		for _, bad := range []string{"tag=99", "", "tag=x", "yes"} {
			if err := x.write(need, bad); err == nil {
				x.Errorf("answer %q is taken", bad)
			}
		}
		need.Clunk(x.Context())
		if s := <-second; s != "needkey proto=pass server=b user? !password?" {
			x.Errorf("nobody answers: %q", s)
		}
		c.close()
	})
}

// TestConfirm: a key with confirm is used when somebody says yes.
func TestConfirm(t *testing.T) {
	each(t, Config{}, "proto=pass user=u confirm !password=p\n", func(x served) {
		c := x.talk()
		c.is("start", "proto=pass", "error nobody is there to confirm the use of the key")
		conf := x.open("confirm", p9.ORDWR)
		for i, ans := range []string{"yes", "no", "maybe"} {
			if err := x.write(c.f, "start proto=pass"); err != nil {
				x.Fatal(err)
			}
			got := make(chan string, 1)
			go func() { s, _ := read(x.Context(), c.f); got <- s }()
			tag := "tag=" + string(rune('1'+i))
			if q := x.read(conf); q != "confirm "+tag+" proto=pass user=u confirm" {
				x.Errorf("question %q", q)
			}
			if err := x.write(conf, tag+" answer="+ans); err != nil {
				x.Fatal(err)
			}
			want := "error the use of the key was denied"
			if ans == "yes" {
				want = "ok"
			}
			if s := <-got; s != want {
				x.Errorf("%s: %q", ans, s)
			}
		}
		conf.Clunk(x.Context())
		c.close()
	})
}

// TestLog: the log has what was done, not with what.
func TestLog(t *testing.T) {
	each(t, Config{}, "proto=pass user=u !password=sesame\n", func(x served) {
		if err := x.ctl("debug\nkey proto=cram user=u !password=open\n"); err != nil {
			x.Fatal(err)
		}
		c := x.talk()
		c.is("start", "proto=pass", "ok")
		c.is("read", "", "ok u sesame")
		c.is("start", "proto=rot13", "error unknown protocol rot13")
		c.close()
		log := x.open("log", p9.OREAD)
		var text string
		for !strings.Contains(text, "rot13") {
			text += x.read(log)
		}
		for _, want := range []string{" key proto=pass user=u !password?\n", ": start 10: ok\n", " 1: proto=pass: done\n"} {
			if !strings.Contains(text, want) {
				x.Errorf("the log has no %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "sesame") || strings.Contains(text, "open") {
			x.Errorf("the log has a secret:\n%s", text)
		}
		ctx, cancel := context.WithCancel(x.Context())
		done := make(chan error, 1)
		go func() { _, err := read(ctx, log); done <- err }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			x.Errorf("flushed: %v", err)
		}
		log.Clunk(x.Context())
	})
}
