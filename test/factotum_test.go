package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/factotum/auth"
	"ninespace/factotum/authtest"
	"ninespace/factotum/capfs"
	"ninespace/factotum/users"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestFactotumMemory: nobody but root looks into a factotum, another process of the same
// user neither, and it dumps no core, though it be allowed to.
func TestFactotumMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be two other users")
	}
	nine := binary(t)
	dir, err := os.MkdirTemp("/tmp", "9f.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(nine) // where others reach it
	if err != nil {
		t.Fatal(err)
	}
	nine = filepath.Join(dir, "nine")
	if err := os.WriteFile(nine, text, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody, daemon = 65534, 1
	as := func(uid uint32, args ...string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NAMESPACE=" + filepath.Join(dir, "ns")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd
	}
	f := as(nobody, "sh", "-c", "ulimit -c unlimited; exec "+nine+" factotum")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	defer f.Process.Kill()
	sock := "unix!" + filepath.Join(dir, "ns/factotum")
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(t.Context(), sock, nil); return err == nil }) {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	say := func(name, text string) string {
		t.Helper()
		g, err := root.WalkOpen(t.Context(), p9.ORDWR, name)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Clunk(t.Context())
		p := make([]byte, 1000)
		var out strings.Builder
		for line := range strings.SplitSeq(text, "\n") {
			if _, err := g.Write(t.Context(), []byte(line), 0); err != nil {
				t.Fatal(err)
			}
			if name == "rpc" {
				n, err := g.Read(t.Context(), p, 0)
				if err != nil {
					t.Fatal(err)
				}
				out.Write(p[:n])
			}
		}
		return out.String()
	}
	say("ctl", "key proto=cram user=u !password=sesame-open")
	if got := say("rpc", "start proto=cram role=client\nwrite <1@x>\nread\nread"); !strings.HasPrefix(got, "okokok uok ") {
		t.Fatalf("the key is of no use: %q", got)
	}
	proc := "/proc/" + strconv.Itoa(f.Process.Pid)
	for _, uid := range []uint32{nobody, daemon} {
		for _, name := range []string{"mem", "environ", "maps"} {
			if out, err := as(uid, "dd", "if="+proc+"/"+name, "bs=1", "count=1").CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
				t.Errorf("%s of factotum by user %d: %v: %s", name, uid, err, out)
			}
		}
	}
	if limits, err := os.ReadFile(proc + "/limits"); err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0 bytes") {
		t.Errorf("limits: %s, %v", limits, err)
	}
	for _, name := range []string{"environ", "cmdline"} {
		if b, err := os.ReadFile(proc + "/" + name); err != nil || strings.Contains(string(b), "sesame") {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	f.Process.Signal(syscall.SIGABRT)
	f.Wait()
	if ws, ok := f.ProcessState.Sys().(syscall.WaitStatus); ok && ws.CoreDump() {
		t.Error("it dumped core")
	}
	ents, err := filepath.Glob(dir + "/*core*")
	if err != nil || len(ents) > 0 {
		t.Errorf("%v, %v", ents, err)
	}
}

// TestFactotumDoor goes all the way of Plan 9's door: a client proves to be glenda@burrow
// to a factotum that is a user's without rights, the broker starts what it lets in as the
// Linux user that the machine's file names, once.
func TestFactotumDoor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be other users")
	}
	nine := binary(t)
	dir, err := os.MkdirTemp("/tmp", "9d.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(nine) // where others reach it
	if err == nil {
		nine = filepath.Join(dir, "nine")
		err = os.WriteFile(nine, text, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "users"), []byte("glenda@burrow made\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	const keeper, made = 54350, 54351
	policy := users.Policy{File: filepath.Join(dir, "users"), Lookup: func(name string) (*users.User, error) {
		if name != "made" {
			return nil, users.ErrUnknown
		}
		return &users.User{Name: name, Uid: made, Gid: made, Groups: []uint32{made}, Home: "/"}, nil
	}}
	var out bytes.Buffer
	broker := capfs.NewBroker(capfs.Config{Trusted: []uint32{keeper}, Start: func(_ context.Context, _, to string) error {
		name, dom, _ := strings.Cut(to, "@")
		u, err := policy.Name(name, dom)
		if err != nil {
			return err
		}
		cmd := exec.Command("sh", "-c", "id -u; id -G; echo $USER")
		u.As(cmd)
		cmd.Stdout = &out
		return cmd.Run()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sock := "unix!" + filepath.Join(dir, "caps")
	l, err := srv.Announce(sock)
	if err == nil {
		err = os.Chmod(sock[5:], 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.New(broker).Serve(ctx, l) }()
	defer func() {
		cancel()
		<-served
	}()
	keys := exec.Command(nine, "factotum", "-c", sock)
	(&users.User{Name: "54350", Uid: keeper, Gid: keeper, Home: "/"}).As(keys)
	ns := filepath.Join(dir, "ns")
	if err := errors.Join(os.Mkdir(ns, 0o700), os.Chown(ns, keeper, keeper)); err != nil {
		t.Fatal(err)
	}
	keys.Env = append(keys.Env, "NAMESPACE="+ns)
	var log bytes.Buffer
	keys.Stderr = &log
	if err := keys.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		keys.Process.Kill()
		keys.Wait()
	}()
	posted := "unix!" + filepath.Join(ns, "factotum")
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(t.Context(), posted, nil); return err == nil }) {
		t.Fatal(err, log.String())
	}
	defer c.Close()
	write := func(c *client.Conn, name, text string) error {
		root, err := c.Attach(t.Context(), nil, "", "")
		if err != nil {
			return err
		}
		f, err := root.WalkOpen(t.Context(), p9.OWRITE, name)
		if err != nil {
			return err
		}
		defer f.Clunk(t.Context())
		_, err = f.Write(t.Context(), []byte(text), 0)
		return err
	}
	// The keys are the keeper's; root, who listens here, may use this one.
	add := exec.Command(nine, "factotum", "-g", "-s", posted, "proto=dp9ik", "dom=burrow", "user=glenda", "owner=root", "!password?")
	(&users.User{Name: "54350", Uid: keeper, Gid: keeper, Home: "/"}).As(add)
	add.Stdin = strings.NewReader("rabbit hole\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := auth.Dial(t.Context(), posted)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, b := srvtest.Pair(t)
	went := make(chan error, 1)
	go func() {
		_, _, err := authtest.Peer{User: "glenda", Dom: "burrow", Password: "rabbit hole", Suite: 0xccab}.Client(b)
		went <- err
	}()
	conn, info, err := f.Plan9Server(t.Context(), a)
	if err := errors.Join(err, <-went); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if info.Suid != "glenda" || info.Dom != "burrow" || !strings.HasPrefix(info.Cap, "root@glenda@burrow@") {
		t.Fatalf("%+v", info)
	}
	bc, err := client.Dial(t.Context(), sock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bc.Close()
	if err := write(bc, "capuse", info.Cap); err != nil || out.String() != "54351\n54351\nmade\n" {
		t.Errorf("%v: %s", err, out.String())
	}
	if err := write(bc, "capuse", info.Cap); err == nil {
		t.Error("used twice")
	}
}
