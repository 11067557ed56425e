package newns_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTorture kills the engine, a server, the shell or what waits for it, in the
// middle of file work, binds and new name spaces: nothing hangs, and no process and
// no mount is left: 200 times each with $NINE_LONG.
func TestTorture(t *testing.T) {
	n := 8
	if os.Getenv("NINE_LONG") != "" {
		n = 4 * 200
	}
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 9))
		victim := []string{"nsd", "ramfs", "sh", "newns"}[i%4]
		user, noGraft := i/4%2 == 1, r.IntN(2) == 1
		ok := t.Run(fmt.Sprintf("%d,%s", i, victim), func(t *testing.T) {
			torture(t, newSession(t, user, noGraft), victim, int64(r.IntN(30)))
		})
		if !ok {
			break
		}
	}
}

const torment = `
work() {
	while :; do
		echo x >>$D/c/$1
		echo $1 >/n/ram/$1
		cat /n/ram/* $D/b/* >/dev/null
		ls -lR $D/a /n >/dev/null
		dd if=/dev/zero of=/n/ram/l$1 bs=64k count=4 status=none
		dd if=/dev/zero of=$D/b/l$1 bs=64k count=4 status=none
		bind $D/a /n/t$1
		newns sh -c "bind $D/b $D/a; cat $D/a/x >/n/ram/n$1"
		unmount /n/t$1
		flock /n/ram/lock -c 'echo y >>/n/ram/locked'
		flock -n $D/c/lock sleep 0
		rm /n/ram/$1 $D/b/l$1
	done
}
for i in 1 2 3; do work $i 2>/dev/null & done
wait`

// torture kills the victim when the work has begun so many times.
func torture(t *testing.T, s *session, victim string, times int64) {
	server := s.ramfs(t)
	cmd := s.command(t, "mount -c #s/ram /n/ram", torment)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	group := -cmd.Process.Pid
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait()
	}()
	begun := func() int64 {
		fi, err := os.Stat(filepath.Join(s.dir, "c/1"))
		if err != nil {
			return 0
		}
		return fi.Size() / 2
	}
	defer func() {
		if t.Failed() {
			t.Log(doing(group))
		}
	}()
	within(t, 2*time.Minute, "work", func() bool { return begun() > times }) // on a busy machine
	if victim == "sh" {
		for _, pid := range shells(t, group)[:1] {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	} else {
		for pid := range processes(t, victim) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if victim == "ramfs" { // the name space goes on without it
		until(t, "further work", func() bool { return begun() > times+2 })
	}
	syscall.Kill(group, syscall.SIGKILL)
	until(t, "end of the session's processes", func() bool {
		return syscall.Kill(group, 0) == syscall.ESRCH || len(shells(t, group)) == 0
	})
	<-done
	server.Process.Kill()
	server.Wait()
	clean(t)
}

// doing tells what the processes of a process group wait for.
func doing(group int) (doing string) {
	out, _ := exec.Command("ps", "-eo", "pgid,pid,stat,wchan:30,etimes,args").Output()
	for line := range strings.Lines(string(out)) {
		if w := strings.Fields(line); w[0] == fmt.Sprint(-group) || w[0] == "PGID" {
			doing += line
		}
	}
	return doing
}

// shells gives the processes of a process group, but for those that are dead, the
// oldest first.
func shells(t *testing.T, group int) (pids []int) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var pid, ppid, pgrp int
		var comm, state string
		fmt.Sscan(string(b), &pid, &comm, &state, &ppid, &pgrp) // no name of ours has blanks
		if pgrp == -group && state != "Z" && comm != "(nine)" && comm != "(newns)" {
			pids = append(pids, pid)
		}
	}
	return pids
}
