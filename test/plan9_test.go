package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/factotum/authtest"
	"ninespace/srv/srvtest"
)

var glenda9 = authtest.Peer{User: "glenda", Dom: "burrow", Password: "rabbit hole", Suite: 0xccab}

// A fleet9 is a fleet that has Plan 9's door. The machine's factotum has glenda's key.
type fleet9 struct {
	*fleet
	at string
}

func newPlan9(t *testing.T) *fleet9 {
	f := &fleet9{fleet: newFleet(t)}
	f.factotum("ns2")
	f.write("users", "glenda@burrow glenda\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	f.serve("-9", at)
	waitFor(t, f.ctx, func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	f.at = at
	return f
}

// factotum starts one with the key, in a directory of names.
func (f *fleet) factotum(names string) {
	f.Helper()
	dir := filepath.Join(f.dir, names)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	cmd := f.command("factotum")
	cmd.Env = append(cmd.Env, "NAMESPACE="+dir)
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	waitFor(f.T, f.ctx, func() bool { _, err := os.Stat(filepath.Join(dir, "factotum")); return err == nil })
	f.key(names, glenda9.Password)
}

// key gives it glenda's.
func (f *fleet) key(names, password string) {
	f.Helper()
	add := f.command("factotum", "-g", "proto=dp9ik", "dom=burrow", "user=glenda", "!password?")
	add.Env = append(add.Env, "NAMESPACE="+filepath.Join(f.dir, names))
	add.Stdin = strings.NewReader(password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		f.Fatalf("%v: %s", err, out)
	}
}

// term is a drawterm that is in.
func (f *fleet9) term() *drawterm {
	f.Helper()
	c, err := net.Dial("tcp", f.at)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(srvtest.Patience))
	d, err := newDrawterm(c, glenda9)
	if err != nil {
		f.Fatal(err)
	}
	return d
}

// terminal is what drawterm has a cpu server do: COMMAND with the console for its files.
const terminal = `syscall fversion 0 65536 buf 256 >/dev/null >[2=1]
mount -nc /fd/0 /mnt/term || exit
bind -q /mnt/term/dev/cons /dev/cons
if(test -r /mnt/term/dev/kbd) aux/kbdfs -dq -m /mnt/term/dev </dev/cons >/dev/cons >[2=1]
service=cpu COMMAND </dev/cons >/dev/cons >[2=1]
echo -n $status >/mnt/term/env/rstatus >[2]/dev/null
echo -n hangup >/proc/$pid/notepg
`

// TestPlan9 has a drawterm come in and work.
func TestPlan9(t *testing.T) {
	f := newPlan9(t)
	d := f.term()
	if err := d.script(strings.Replace(terminal, "COMMAND", `rc -lc 'id -un; pwd; echo $service; sed s/typed/read/; exit 7'`, 1)); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.serve() }()
	d.files["dev/cons"].cons <- "typed\n"
	close(d.files["dev/cons"].cons)
	if err := <-served; err != nil {
		t.Error(err)
	}
	cons, _ := d.file("dev/cons")
	if want := "glenda\n" + f.glenda + "\ncpu\nread\n"; cons != want {
		t.Errorf("on the console %q, want %q", cons, want)
	}
	if status, ok := d.file("env/rstatus"); status != "7" {
		t.Errorf("status %q, %v", status, ok)
	}
	if t.Failed() {
		t.Log(strings.Join(d.said, "\n"))
	}
}
