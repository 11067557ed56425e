package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/factotum"
	"ninespace/factotum/auth"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// burrowKey is what who attaches to the server of serveBurrow has to have.
const burrowKey = "key proto=dp9ik dom=burrow user=glenda !password=rabbit"

// serveBurrow serves the file hole to who proves that he has it, and gives the dial string.
func serveBurrow(t *testing.T, dir string) string {
	t.Helper()
	keeper := factotum.New(factotum.Config{})
	t.Cleanup(func() { keeper.Close() })
	if err := keeper.Ctl(burrowKey); err != nil {
		t.Fatal(err)
	}
	theirs, err := auth.Dial(t.Context(), serveAt(t, "unix!"+filepath.Join(dir, "theirs"), srv.New(keeper)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	s := srv.New(srv.NewDir().Add("hole", srv.Const("carrots\n")))
	s.Auth = func(ctx context.Context, uname, aname string) (srv.AuthFile, error) {
		return theirs.Auth(ctx, uname, aname)
	}
	return serveAt(t, "tcp!127.0.0.1!0", s)
}

// TestMountAuth: mount and 9p prove to a server of Plan 9's who they are, by the user's own
// factotum, and the user there is the key's.
func TestMountAuth(t *testing.T) {
	srvtest.CheckGoroutines(t)
	nine := binary(t)
	dir := tempDir(t)
	to := serveBurrow(t, dir)

	env := []string{"NAMESPACE=" + filepath.Join(dir, "ns"), "HOME=" + dir, "DISPLAY=", "nine=" + nine, "to=" + to}
	run := func(words ...string) string {
		cmd := exec.Command(nine, words...)
		cmd.Env = append(cmd.Environ(), env...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		return string(out)
	}
	want := func(got string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(got, p) {
				t.Errorf("%q says nothing of %q", got, p)
			}
		}
	}
	want(run("9p", "-a", to, "-u", "glenda", "read", "hole"), "the server asks who you are", "nine factotum posts one")

	f := exec.Command(nine, "factotum")
	f.Env = append(f.Environ(), env...)
	start(t, f)
	sock := "unix!" + filepath.Join(dir, "ns/factotum")
	if !srvtest.Until(func() bool {
		c, err := client.Dial(t.Context(), sock, nil)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatal("factotum does not come")
	}
	want(run("9p", "-a", to, "-u", "glenda", "read", "hole"), "factotum has no key", "burrow")
	want(run("rc", "-c", "echo '"+burrowKey+"' | $nine 9p write factotum/ctl"), "")
	want(run("9p", "-a", to, "-u", "glenda", "read", "hole"), "carrots")
	want(run("9p", "-a", to, "read", "hole"), "authentication failed") // who may be anybody's relay is proved nothing unasked
	want(run("9p", "-u", "eve", "-a", to, "read", "hole"), "factotum has no key", "user=eve")
	const script = `
mount $to /n/hole; cat /n/hole/hole; unmount /n/hole
mount -k user=glenda $to /n/hole; cat /n/hole/hole
ns | grep glenda
$nine ns >lines; rfork n; unmount /n/hole; . <{grep glenda lines}; cat /n/hole/hole; unmount /n/hole
mount -k user=eve $to /n/hole || echo eve: $status
mount -n $to /n/hole || echo none: $status
$nine mount -n $to /n/hole
$nine mount -k 'user=glenda dom=burrow' $to /n/hole && cat /n/hole/hole
unmount /n/hole
mount -k 'user=glenda !password=rabbit' $to /n/hole || echo secret: $status
$nine mount -k 'user=glenda ''!password''=rabbit' $to /n/hole || echo secret: $status
`
	got := run("newns", nine, "rc", "-c", script)
	if n := strings.Count(got, "carrots\n"); n != 4 {
		t.Errorf("%d of 4 mounts: %s", n, got)
	}
	if n := strings.Count(got, "secret: "); n != 2 || strings.Contains(got, "rabbit") {
		t.Errorf("%d of 2 mounts with a secret are refused, or say it: %s", n, got)
	}
	want(got, "secret: mount -k: password is a secret", "mount: mount -k: password is a secret")
	want(got, "mount -k 'user=glenda' "+to+" /n/hole", "eve: mount /n/hole", "factotum has no key", "none: mount /n/hole: "+to+": authentication failed", "\nmount: mount /n/hole: "+to+": authentication failed")
}

// TestMountAsked: a mount waits for the person whom factotum asks for the key, and who else changes
// the name space does not wait for him.
func TestMountAsked(t *testing.T) {
	srvtest.CheckGoroutines(t)
	nine := binary(t)
	dir := tempDir(t)
	to := serveBurrow(t, dir)
	mine := factotum.New(factotum.Config{})
	defer mine.Close()
	if err := os.Mkdir(filepath.Join(dir, "ns"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), serveAt(t, "unix!"+filepath.Join(dir, "ns/factotum"), srv.New(mine)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	person, err := root.WalkOpen(t.Context(), p9.ORDWR, "needkey")
	if err != nil {
		t.Fatal(err)
	}

	const script = `
$nine mount $to /n/hole && cat /n/hole/hole &
while(! test -f asked) sleep .1
bind $home /n/home
>/n/home/bound
wait
cat /n/hole/hole
`
	cmd := exec.Command(nine, "newns", nine, "rc", "-c", script)
	cmd.Env = append(cmd.Environ(), "NAMESPACE="+filepath.Join(dir, "ns"), "HOME="+dir, "DISPLAY=", "nine="+nine, "to="+to)
	cmd.Dir = dir
	done := make(chan string, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		done <- string(out)
	}()
	question := make([]byte, 1000)
	n, err := person.Read(t.Context(), question, 0)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "asked"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !srvtest.Until(func() bool { _, err := os.Stat(filepath.Join(dir, "bound")); return err == nil }) {
		t.Error("a bind waits for the person")
	}
	if err := mine.Ctl(burrowKey); err != nil {
		t.Fatal(err)
	}
	if _, err := person.Write(t.Context(), []byte(strings.Fields(string(question[:n]))[1]), 0); err != nil {
		t.Error(err)
	}
	if got := <-done; got != "carrots\ncarrots\n" {
		t.Errorf("%q", got)
	}
}

// serveAt serves until the test ends, and gives the dial string.
func serveAt(t *testing.T, at string, s *srv.Server) string {
	t.Helper()
	l, err := srv.Announce(at)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	if host, port, ok := strings.Cut(l.Addr().String(), ":"); ok && l.Addr().Network() == "tcp" {
		return "tcp!" + host + "!" + port
	}
	return at
}
