package ns

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
)

// asKey attaches as the user whom a key's attributes name, "any" where they name none.
func asKey(ctx context.Context, c *client.Conn, _, aname, key string) (*client.Fid, error) {
	user := strings.TrimPrefix(key, "user=")
	if user == "" {
		user = "any"
	}
	return c.Attach(ctx, nil, user, aname)
}

// whose serves a tree that says who has attached to it.
func whose() *srv.Server {
	return &srv.Server{Attach: func(_ context.Context, uname, _ string) (srv.File, error) {
		return srv.NewDir().Add("who", srv.Const(uname)).Add("sub", srv.NewDir()), nil
	}}
}

// TestAuthText: that nothing was to be proved, and by which key, is in the lines after the mount is gone.
func TestAuthText(t *testing.T) {
	dir := t.TempDir()
	l, err := srv.Announce("unix!" + dir + "/who")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { whose().Serve(ctx, l); close(done) }()
	defer func() { cancel(); <-done }()
	for _, attach := range []attacher{nil, asKey} {
		for _, flags := range []string{"", "-n ", "-k 'user=eve' "} {
			g, err := NewEngine(EngineOptions{Host: tree("e/"), Namespace: dir, Attach: attach}).NewGroup(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if err := do(t, g, "mount "+flags+"who /n/a; bind /n/a/sub /e; unmount /n/a"); err != nil {
				t.Fatal(err)
			}
			want := "mount " + flags + "#s/who #/n/.0\nbind #/n/.0/sub /e\nunmount #/n/.0\n"
			if got := g.pg.Text(); got != want {
				t.Errorf("with%s a prover:\n%s, not\n%s", map[bool]string{true: "out"}[attach == nil], got, want)
			}
		}
	}
}

// TestAuthStream: a stream's tree that is there already is not taken for what another key would give.
func TestAuthStream(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() { whose().ServeConn(t.Context(), theirs); close(done) }()
	defer func() { ours.Close(); <-done }()
	e := NewEngine(EngineOptions{Host: tree("e/"), Streams: []io.ReadWriteCloser{ours}, Attach: asKey})
	g, err := e.NewGroup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	do(t, g, "mount -n -k user=eve #d/0 /n/none; mount -k user=adam #d/0 /n/adam; mount -k user=eve #d/0 /n/eve; mount #d/0 /n/x; mount -n #d/0 /n/y; mount -k user=eve #d/0 /n/again")
	for name, want := range map[string]string{"adam": "adam", "eve": "eve", "again": "eve"} {
		if got := look(t, g, "/n/"+name+"/who"); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	dev := func(name string) *Dev {
		p, err := g.lookup(t.Context(), "/n/"+name, false)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		top := g.pg.top(p.Chan)
		defer top.close()
		return top.dev
	}
	if dev("eve") != dev("again") || dev("x") != dev("y") || dev("x") == dev("eve") {
		t.Error("trees of the same are not one, or others are")
	}
}

// TestAuthSecret: a secret is no word of a line, which all can read, nor of what is said of it.
func TestAuthSecret(t *testing.T) {
	for _, line := range []string{
		"mount -k !password=rabbit a /n/b", "mount -k 'user=glenda !password=rabbit' a /n/b", "mount '-k!password=rabbit' a /n/b",
		"mount -k 'user=''x y'' ''!password''=rabbit' a /n/b", "mount -k 'user=''x !password=rabbit' a /n/b",
	} {
		if _, err := ParseText(line, "test"); err == nil || strings.Contains(err.Error(), "rabbit") {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{"mount -k 'user=''a !b'' dom=c!d' a /n/b", "mount a!b /n/!c !d"} {
		if _, err := ParseText(line, "test"); err != nil {
			t.Error(err)
		}
	}
}
