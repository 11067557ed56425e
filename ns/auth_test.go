package ns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// asKey attaches as the user whom a key's attributes name, "any" where they name none.
func asKey(ctx context.Context, c *client.Conn, _, aname, key string, _ func(context.Context) (context.Context, func())) (*client.Fid, error) {
	user := strings.TrimPrefix(key, "user=")
	if user == "" {
		user = "any"
	}
	return c.Attach(ctx, nil, user, aname)
}

// A person is asked for a key by a mount.
type person chan question

// A question is given up when ctx ends.
type question struct {
	ctx    context.Context
	answer chan error
}

// attach is an attacher that asks him once the server has refused who proves nothing.
func (p person) attach(t *testing.T) attacher {
	return func(ctx context.Context, c *client.Conn, _, aname, _ string, bound func(context.Context) (context.Context, func())) (*client.Fid, error) {
		for range 2 {
			within, end := bound(ctx)
			if _, ok := within.Deadline(); !ok {
				t.Error("the server has no limit")
			}
			end()
		}
		if _, ok := ctx.Deadline(); ok {
			t.Error("the person has one")
		}
		q := question{ctx, make(chan error)}
		p <- q
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-q.answer:
			if err != nil {
				return nil, err
			}
		}
		ctx, end := bound(ctx)
		defer end()
		return c.Attach(ctx, nil, "any", aname)
	}
}

// TestAuthPerson: a mount waits for a person as long as it is wanted, and the ctl for others is
// free meanwhile; the next read is the answer.
func TestAuthPerson(t *testing.T) {
	dir := t.TempDir()
	l, err := srv.Announce("unix!" + dir + "/who")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { whose().Serve(serving, l); close(done) }()
	defer func() { stop(); <-done }()
	p := make(person)
	g := newGroupOf(t, EngineOptions{Host: tree("e/"), Namespace: dir, Attach: p.attach(t)})
	me := withCaller(t.Context(), &caller{group: g, uid: uint32(os.Geteuid())})

	write := func(h *ctlHandle, line string) chan error {
		wrote := make(chan error, 1)
		go func() {
			n, err := h.Write(me, []byte(line), 0)
			if n > 0 && err != nil {
				t.Errorf("%d bytes written, and %v", n, err)
			}
			wrote <- err
		}()
		return wrote
	}
	read := func(h *ctlHandle) (string, error) {
		b := make([]byte, 100)
		n, err := h.Read(me, b, 0)
		return string(b[:n]), err
	}
	var late [3]*ctlHandle
	var wrote [3]chan error
	var asked [3]question
	for i := range late {
		late[i] = &ctlHandle{}
		wrote[i] = write(late[i], fmt.Sprint("mount who /n/", i))
		asked[i] = <-p
	}
	if err := <-write(&ctlHandle{}, "bind /e /n/e"); err != nil {
		t.Errorf("another meanwhile: %v", err)
	}
	for _, w := range wrote {
		if err := <-w; err != syscall.EINPROGRESS {
			t.Fatalf("a mount that waits: %v", err)
		}
	}
	late[0].Clunk()
	<-asked[0].ctx.Done()
	<-late[0].late.done

	asked[1].answer <- nil
	if _, err := read(late[1]); err != io.EOF {
		t.Errorf("mounted: %v", err)
	}
	asked[2].answer <- p9.ErrNoAuth
	if _, err := read(late[2]); !errors.Is(err, p9.ErrNoAuth) {
		t.Errorf("refused: %v", err)
	}
	if s, err := read(late[2]); !strings.Contains(s, "/n/2: ") || err != nil {
		t.Errorf("in words: %q, %v", s, err)
	}
	if got := look(t, g, "/n/1/who") + look(t, g, "/n/0/who"); got != "any-" {
		t.Errorf("there is %q", got)
	}

	ctx, cancel := context.WithCancel(me)
	go func() { <-p; cancel() }()
	if _, err := (&ctlHandle{}).Write(ctx, []byte("mount who /n/x"), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestAuthTurn: who mounts a stream while a person is asked for the key to it can be interrupted.
func TestAuthTurn(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() { whose().ServeConn(t.Context(), theirs); close(done) }()
	defer func() { ours.Close(); <-done }()
	p := make(person)
	g := newGroupOf(t, EngineOptions{Host: tree("e/"), Streams: []io.ReadWriteCloser{ours}, Attach: p.attach(t)})
	first := make(chan error)
	go func() {
		first <- g.Apply(t.Context(), Op{Verb: "mount", New: "#d/0", Old: "/n/a", Auth: Auth{Key: "user=any"}}, 0)
	}()
	q := <-p
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Apply(ctx, Op{Verb: "mount", New: "#d/0", Old: "/n/b", Spec: "x"}, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// Nor has he who mounts it by ctl others wait at that.
	me := withCaller(t.Context(), &caller{group: g, uid: uint32(os.Geteuid())})
	h := &ctlHandle{}
	if _, err := h.Write(me, []byte("mount #d/0 /n/c x"), 0); err != syscall.EINPROGRESS {
		t.Error(err)
	}
	h.Clunk()
	<-h.late.done
	q.answer <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
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

// TestAuthSlow: a server that answers each time at the last moment is given up, however many its
// answers are; the key's time is no part of that.
func TestAuthSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := 0
		ctx := proving(t.Context(), func(ctx context.Context, bound bounder) error {
			time.Sleep(time.Hour)
			for range 1000 {
				within, end := bound(ctx)
				select {
				case <-within.Done():
				case <-time.After(DialTimeout - time.Second):
					answers++
				}
				err := within.Err()
				end()
				if err != nil {
					return err
				}
			}
			return nil
		})
		if _, _, err := attachTo(ctx, nil, ""); err != context.DeadlineExceeded || answers < 2 {
			t.Errorf("after %d answers: %v", answers, err)
		}
	})
}

// TestAuthSlowCtl: a write to ctl waits as long for a server as it may take, and not as long for a key.
func TestAuthSlowCtl(t *testing.T) {
	for _, c := range []struct {
		server, key time.Duration
		want        error
	}{
		{DialTimeout / 2, keyTime / 2, nil},
		{0, 2 * keyTime, syscall.EINPROGRESS},
		{DialTimeout / 2, 2 * keyTime, syscall.EINPROGRESS},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := startCtl(t.Context(), func(ctx context.Context) error {
				_, _, err := attachTo(proving(ctx, func(ctx context.Context, bound bounder) error {
					for range 4 {
						_, end := bound(ctx)
						time.Sleep(c.server)
						end()
						time.Sleep(c.key)
					}
					return nil
				}), nil, "")
				time.Sleep(2 * keyTime) // the walk of what is mounted
				return err
			})
			if err := j.wait(t.Context()); err != c.want {
				t.Errorf("%v of the server's, %v of the key's: %v", c.server, c.key, err)
			}
			<-j.done
		})
	}
}

type bounder = func(context.Context) (context.Context, func())

// proving gives the context in which a mount attaches by attach.
func proving(ctx context.Context, attach func(context.Context, bounder) error) context.Context {
	e := NewEngine(EngineOptions{Attach: func(ctx context.Context, _ *client.Conn, _, _, _ string, bound bounder) (*client.Fid, error) {
		return nil, attach(ctx, bound)
	}})
	return e.proving(ctx, Auth{})
}
