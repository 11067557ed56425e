package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestCpuSilent has the link of a command be silent, in the middle of what is read and written: who is
// killed there then, as by ^C, is gone, and when the link is back all others go on.
func TestCpuSilent(t *testing.T) {
	f := newFleet(t)
	f.serve()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var link sync.RWMutex // who passes something on reads
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
	_, port, _ := net.SplitHostPort(l.Addr().String())
	f.write("home/.ssh/known_hosts", "[127.0.0.1]:"+port+" "+f.read("host.pub"))
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
