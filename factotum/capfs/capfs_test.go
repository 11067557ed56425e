package capfs

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ninespace/factotum/users"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestMain is also the processes of other users, which write to files of a broker at a socket.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "write":
		c, err := client.Dial(context.Background(), os.Args[2], nil)
		check(err)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			file, text, _ := strings.Cut(in.Text(), " ")
			b, err := hex.DecodeString(text)
			check(err)
			if err := write(c, file, b); err != nil {
				fmt.Println(err)
			} else {
				fmt.Println("ok")
			}
		}
	default:
		os.Exit(m.Run())
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
}

func write(c *client.Conn, name string, b []byte) error {
	ctx := context.Background()
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		return err
	}
	f, err := root.WalkOpen(ctx, p9.OWRITE, name)
	if err != nil {
		return err
	}
	_, err = f.Write(ctx, b, 0)
	return err
}

// exe puts the test's program where other users reach it.
func exe(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be other users")
	}
	dir, err := os.MkdirTemp("/tmp", "9c.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "test")
	if err := os.WriteFile(name, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func made(uid uint32) *users.User {
	return &users.User{Name: fmt.Sprint(uid), Uid: uid, Gid: uid, Groups: []uint32{uid, 54399}, Home: "/"}
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "doc.go", NewBroker(Config{})) }

func TestTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return NewBroker(Config{}) }, "caphash", "capuse")
}

// TestHash: the hash is the one of cap(3).
func TestHash(t *testing.T) {
	c, h := New("none", "glenda@burrow")
	from, rest, _ := strings.Cut(c, "@")
	if from != "none" || !strings.HasPrefix(rest, "glenda@burrow@") || len(h) != 20 {
		t.Errorf("%s, %x", c, h)
	}
	// printf %s none@glenda | openssl dgst -sha1 -hmac sesame
	if got := hex.EncodeToString(sum("none@glenda", "sesame")); got != "a3b9dbc2fd93bc94f87f711a5828b0cc47cfa22a" {
		t.Error(got)
	}
}

// TestUse: one capability, one use, by the one it is for, while it lasts.
func TestUse(t *testing.T) {
	prog := exe(t)
	var mu sync.Mutex // the broker's goroutines and the test's
	var started, logged []string
	refuse := false
	b := NewBroker(Config{Trusted: []uint32{54330},
		Log: func(l string) {
			mu.Lock()
			defer mu.Unlock()
			logged = append(logged, l)
		},
		Start: func(_ context.Context, from, to string) error {
			mu.Lock()
			defer mu.Unlock()
			if refuse {
				return errors.New("not today")
			}
			started = append(started, from+" "+to)
			return nil
		}})
	sock := "unix!" + filepath.Join(filepath.Dir(prog), "sock")
	l, err := srv.Announce(sock)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(sock[5:], 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.New(b).Serve(ctx, l) }()
	defer func() {
		cancel()
		<-served
	}()
	type child struct {
		in  io.Writer
		out *bufio.Scanner
	}
	children := map[uint32]child{}
	as := func(uid uint32, file string, p []byte) string {
		t.Helper()
		c, ok := children[uid]
		if !ok {
			cmd := exec.Command(prog, "write", sock)
			made(uid).As(cmd)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); cmd.Wait() })
			c = child{in, bufio.NewScanner(out)}
			children[uid] = c
		}
		fmt.Fprintf(c.in, "%s %x\n", file, p)
		if !c.out.Scan() {
			t.Fatal(c.out.Err())
		}
		return c.out.Text()
	}
	const listener, factotum, eve = 54331, 54330, 54332
	try := func(what string, uid uint32, capability string, want string) {
		t.Helper()
		mu.Lock()
		n := len(started)
		mu.Unlock()
		out := as(uid, "capuse", []byte(capability))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case want == "" && (out != "invalid capability" && out != "Operation not permitted" || len(started) > n):
			t.Errorf("%s: %q, %v", what, out, started[n:])
		case want != "" && (out != "ok" || len(started) != n+1 || started[n] != want):
			t.Errorf("%s: %q, %v", what, out, started[n:])
		}
	}
	grant := func(from, to string) string {
		t.Helper()
		c, h := New(from, to)
		if out := as(factotum, "caphash", h); out != "ok" {
			t.Fatalf("hash: %s", out)
		}
		return c
	}
	c := grant("54331", "glenda")
	try("right", listener, c, "54331 glenda")
	try("replayed", listener, c, "")
	c = grant("54331", "glenda@burrow")
	try("a domain, and a NUL", listener, c+"\x00", "54331 glenda@burrow")
	c = grant("54331", "glenda")
	try("another's", eve, c, "")
	try("used up by that", listener, c, "")
	c, _ = New("54331", "root")
	try("forged", listener, c, "")
	c = grant("54331", "glenda")
	try("another user in it", listener, strings.Replace(c, "glenda", "root", 1), "")
	other := "x"
	if strings.HasSuffix(c, other) {
		other = "y"
	}
	try("another key", listener, c[:len(c)-1]+other, "")
	try("no key", listener, "54331@glenda@", "")
	try("nothing", listener, "", "")
	try("@", listener, "@@", "")
	try("cut short", listener, c[:len(c)-1], "")
	try("long", listener, c+strings.Repeat("x", 300), "")
	try("the right one after these", listener, c, "54331 glenda")
	for _, uid := range []uint32{listener, eve} {
		_, h := New("54331", "root")
		if out := as(uid, "caphash", h); !strings.Contains(out, "ermi") {
			t.Errorf("hash by %d: %q", uid, out)
		}
	}
	if out := as(factotum, "caphash", make([]byte, 19)); out == "ok" {
		t.Error("a short hash is taken")
	}
	deny := func(no bool) {
		mu.Lock()
		defer mu.Unlock()
		refuse = no
	}
	deny(true)
	c = grant("54331", "glenda")
	try("refused by Start", listener, c, "")
	deny(false)
	try("and used up", listener, c, "")

	// As many as there is room for: older ones give way.
	first := grant("54331", "first")
	for range maxCaps {
		_, h := New("54331", "x")
		if err := b.hash(srv.NewUser("", 0), h); err != nil {
			t.Fatal(err)
		}
	}
	try("too old by number", listener, first, "")
	b.mu.Lock()
	b.cfg.Life = time.Nanosecond
	b.mu.Unlock()
	try("too old by time", listener, grant("54331", "glenda"), "")
	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(logged, "\n")
	for _, want := range []string{"capuse by 54331: became glenda", "no such capability", "capuse by 54332: capability of 54331", "become glenda: not today", "caphash by 54332: refused"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in the log:\n%s", want, all)
		}
	}
	if strings.Contains(all, c[len(c)-8:]) {
		t.Error("the log has a key")
	}
}

// TestGrant: a process's own broker, with no server between.
func TestGrant(t *testing.T) {
	b := NewBroker(Config{})
	c := b.Grant("none", "glenda")
	if to, err := b.Use("eve", c); err == nil || to != "" {
		t.Errorf("another's: %q", to)
	}
	c = b.Grant("none", "glenda")
	if to, err := b.Use("none", c); err != nil || to != "glenda" {
		t.Errorf("%q, %v", to, err)
	}
	if to, err := b.Use("none", c); err == nil || to != "" {
		t.Errorf("again: %q", to)
	}
}
