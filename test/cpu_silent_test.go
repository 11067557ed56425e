package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// link gives the port of another way to the fleet's cpud, which is silent while link is locked.
func (f *fleet) link() (port string, link *sync.RWMutex) {
	f.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	link = new(sync.RWMutex) // who passes something on reads
	pass := func(to, from net.Conn) {
		buf := make([]byte, 10000)
		for {
			n, err := from.Read(buf)
			link.RLock()
			_, werr := to.Write(buf[:n])
			link.RUnlock()
			if err != nil || werr != nil {
				to.Close()
				return
			}
		}
	}
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", "127.0.0.1:"+f.port)
			if err != nil {
				a.Close()
				return
			}
			go pass(a, b)
			go pass(b, a)
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
	return port, link
}

// TestCpuSilent has the link of a command be silent, in the middle of what is read and written: who is
// killed there then, as by ^C, is gone, and when the link is back all others go on.
func TestCpuSilent(t *testing.T) {
	f := newFleet(t)
	f.serve()
	port, link := f.link()
	data := make([]byte, 8<<20)
	rand.Read(data)
	f.write("big", string(data))
	for _, name := range []string{"out", "copy"} {
		f.write(name, "")
		os.Chmod(filepath.Join(f.dir, name), 0o666)
	}
	cmd := f.command("cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "-d", "/mnt/term"+f.dir, "sh", "-c", `
		exec 3>>out; echo before >&3
		setsid sh -c 'while :; do dd if=big iflag=nocache of=/dev/null bs=1M; done' 2>/dev/null & reads=$!
		setsid sh -c 'while :; do cat $HOME/big >copy; done' & writes=$!
		until kill -0 -$reads && kill -0 -$writes; do sleep .05; done 2>/dev/null # which are not at once groups of their own
		echo ready; until test -e $HOME/shut; do sleep .1; done
		kill -9 -$reads -$writes
		for c in "stat big" "cat big" "ls -l .."; do timeout --foreground -s KILL .1 $c >/dev/null & done
		wait; echo dead >$HOME/dead
		cmp big $HOME/big && echo after >&3`)
	if out, err := os.Create(filepath.Join(f.glenda, "big")); err != nil {
		t.Fatal(err)
	} else {
		out.Write(data)
		out.Close()
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(said, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	link.Lock()
	f.write("glenda/shut", "")
	waitFor(t, f.ctx, func() bool { _, err := os.Stat(filepath.Join(f.glenda, "dead")); return err == nil })
	link.Unlock()
	if err := cmd.Wait(); err != nil || f.read("out") != "before\nafter\n" {
		t.Errorf("%v: %s; %q", err, &errs, f.read("out"))
	}
}

// TestCpuTilde: at a terminal ~. leaves a cpu whose link is silent, whatever was typed before, with the
// terminal as it was; and its command ends when the link is back.
func TestCpuTilde(t *testing.T) {
	f := newFleet(t)
	f.serve()
	port, link := f.link()
	cmd := f.command("cpu", "-h", "tcp!127.0.0.1!"+port, "-u", "glenda", "sh", "-c", "trap 'echo hung up >$HOME/up; exit' HUP; stty raw -echo; echo ready; cat; sleep 1000")
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	before, err := term.GetState(int(slave.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	until := func(text string) {
		t.Helper()
		master.SetReadDeadline(time.Now().Add(time.Minute))
		for b := make([]byte, 1000); !bytes.Contains(said, []byte(text)); {
			n, err := master.Read(b)
			if said = append(said, b[:n]...); err != nil {
				t.Fatalf("%v: %q has no %q", err, said, text)
			}
		}
	}
	until("ready")
	io.WriteString(master, "a\r~~x\r")
	until("a\r~x\r")
	link.Lock()
	for range 100 { // each of which waits for an answer
		io.WriteString(master, "nobody hears it\r")
	}
	io.WriteString(master, "~.")
	err = cmd.Wait()
	after, serr := term.GetState(int(slave.Fd()))
	link.Unlock()
	if err == nil || serr != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%v; the terminal is %v, %v, not %v", err, after, serr, before)
	}
	until("left by ~. at the keyboard")
	waitFor(t, f.ctx, func() bool { _, err := os.Stat(filepath.Join(f.glenda, "up")); return err == nil })
}
