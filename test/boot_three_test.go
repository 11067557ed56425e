package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestBootThree switches on three machines at once, which boot from nine netboot, and takes the power of one away
// while the user has a command on each: on the others those go on, and new ones begin. It boots again by another
// token, with another key, and is back under its name; who had a command there is told that it is gone. It takes
// minutes, and so NINE_LONG.
func TestBootThree(t *testing.T) {
	if os.Getenv("NINE_LONG") == "" {
		t.Skip("takes minutes: NINE_LONG")
	}
	if !labPrograms(t, 14*time.Minute) {
		return
	}
	begun := time.Now()
	stage := func(what string) { t.Logf("%5.1f s: %s", time.Since(begun).Seconds(), what) }
	l := newLab(t, staticPrograms(t, "cat")...)
	var all [3]*diskless
	for i := range all {
		all[i] = l.add(1 + i)
	}
	l.sign("release")
	l.netboot()
	for _, m := range all {
		m.joins()
	}
	var echoes [3]*echoer
	for i, m := range all {
		m.joined()
		if name, code := m.cpu("rc", "-c", "read </proc/sys/kernel/hostname"); name != m.name+"\n" || code != 0 {
			t.Errorf("%s is %q, status %d", m.name, name, code)
		}
		echoes[i] = m.echoes()
	}
	stage("three are there")
	lost := all[1]
	lost.kill()
	before := l.read("joined")
	for _, i := range []int{0, 2} {
		echoes[i].goesOn("with one machine killed")
		all[i].file("home/"+all[i].name, "new")
		if out, code := all[i].cpu("cat", all[i].name); out != "new" || code != 0 {
			t.Errorf("a new command on %s: %q, status %d", all[i].name, out, code)
		}
	}
	stage("one is killed")
	lost.joins()
	lost.joined()
	if out, code := lost.cpu("rc", "-c", "read </proc/sys/kernel/hostname"); out != lost.name+"\n" || code != 0 {
		t.Errorf("%s is %q, status %d, when it is back", lost.name, out, code)
	}
	for i, m := range all {
		boots := " boots=1 "
		if m == lost {
			boots = " boots=2 "
		} else {
			echoes[i].goesOn("with the machine back")
		}
		if got := l.ask("netboot/nodes/" + m.ether + "/status"); !strings.Contains(got, "sys="+m.name+" ip="+m.addr) || !strings.Contains(got, boots) {
			t.Errorf("%s: not%sin %s", m.name, boots, got)
		}
	}
	if got := l.read("joined"); got == before || strings.Count(got, "node=") != 3 {
		t.Errorf("of who joined there is\n%s\nand there was\n%s", got, before)
	}
	stage("it is back")
	echoes[1].gone()
	stage("its command's caller knows")
}

// joins switches the machine on, with a token to join by.
func (m *diskless) joins() {
	m.Helper()
	m.tell("netboot/nodes/"+m.ether+"/ctl", "token 9m")
	m.on()
}

// joined waits until it has joined.
func (m *diskless) joined() {
	m.Helper()
	m.said(fmt.Sprintf(`init: joined as %s,%s by a token; `, m.name, strings.ReplaceAll(m.addr, ".", `\.`)))
}

// An echoer is a command on a machine that says what it hears.
type echoer struct {
	*diskless
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

// echoes starts one.
func (m *diskless) echoes() *echoer {
	m.Helper()
	e := &echoer{diskless: m, cmd: m.lab.cmd("cpu", "-u", "root", "-h", "tcp!"+m.addr+"!17011", "cat")}
	in, err := e.cmd.StdinPipe()
	if err != nil {
		m.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	e.in, e.out = in, bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { e.cmd.Process.Kill(); e.cmd.Wait() })
	e.goesOn("at first")
	return e
}

// goesOn says something and wants to hear it.
func (e *echoer) goesOn(when string) {
	e.Helper()
	_, err := fmt.Fprintln(e.in, when)
	line := ""
	if err == nil {
		line, err = e.out.ReadString('\n')
	}
	if line != when+"\n" || err != nil {
		e.Fatalf("the command on %s, %s: %q, %v", e.name, when, line, err)
	}
}

// gone wants the command to have ended, and not well.
func (e *echoer) gone() {
	e.Helper()
	rest, _ := io.ReadAll(e.out)
	if err := e.cmd.Wait(); err == nil || len(rest) > 0 {
		e.Errorf("the command on %s: %v, %q", e.name, err, rest)
	}
}
