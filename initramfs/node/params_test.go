package node

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ninespace/srv/srvtest"
)

// TestParams reads kernels' command lines.
func TestParams(t *testing.T) {
	for line, want := range map[string]string{
		"":                    "dhcp",
		"quiet console=ttyS0": "dhcp",
		"ip=off":              "off",
		"ip=none":             "off",
		"ip=dhcp":             "dhcp",
		"ip=eth1:dhcp":        "dhcp on eth1",
		"ip=:::::eth1:dhcp":   "dhcp on eth1",
		"ip=10.0.0.2::10.0.0.1:255.255.255.0:glenda:eth0:off:10.0.0.3:10.0.0.4:10.0.0.5": "10.0.0.2/24 on eth0 by 10.0.0.1, glenda, dns [10.0.0.3 10.0.0.4]",
		"ip=10.0.0.2:::24":           "10.0.0.2/24",
		"ip=10.0.0.2:::":             "10.0.0.2/32",
		`"nine.name=a b" x`:          "dhcp name a b",
		"nine.wait=90s nine.console": "dhcp wait 1m30s console",
		"nine.console=0":             "dhcp",
	} {
		p, err := ParseParams(line)
		if got := show(p); got != want || err != nil {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"ip=10.0.0.2":               "ip=10.0.0.2: not off, dhcp",
		"ip=10.0.0:::24":            "IPv4 address too short",
		"ip=10.0.0.2:::255.0.255.0": "is no mask",
		"ip=10.0.0.2:::99":          "no mask of",
		"ip=10.0.0.2::x:24":         "unable to parse IP",
		"ip=::::::bootp":            "bootp",
		"nine.wat=1":                "nine.wat=1: no such parameter",
		"nine.name":                 "nine.name: it wants a value",
		"nine.wait=soon":            "invalid duration",
		"nine.root=tls!h":           "nine.root=tls!h: it wants nine.uname=, as whom the root is had there",
		`a "b`:                      "command line",
	} {
		if p, err := ParseParams(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %s", line, err, show(p))
		}
	}
	for line, uname := range map[string]string{"nine.root=tls!h nine.uname=nodes": "nodes", "nine.uname=nodes nine.root=tls!h": "nodes", "nine.root=tcp!h": "root"} {
		if p, err := ParseParams(line); p.Root == "" || p.Uname != uname || err != nil {
			t.Errorf("%s: root %q as %q, %v", line, p.Root, p.Uname, err)
		}
	}
	if p, _ := ParseParams("nine.root=tls!h"); p.Root != "" {
		t.Errorf("a root as nobody knows whom: %q", p.Root)
	}
	// What is wrong leaves what is right.
	if p, err := ParseParams("nine.wat nine.name=a"); err == nil || p.Name != "a" {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := ParseParams("ip=x nine.wat nine.wait=y"); err == nil || !strings.Contains(err.Error(), "ip=x: ") || !strings.Contains(err.Error(), "nine.wat: ") || !strings.Contains(err.Error(), "nine.wait=y: ") {
		t.Errorf("of three that are wrong it says: %v", err)
	}
}

func show(p Params) string {
	var b strings.Builder
	switch ip := p.IP; {
	case ip.Off:
		b.WriteString("off")
	case ip.DHCP:
		b.WriteString("dhcp")
	default:
		b.WriteString(ip.Addr.String())
	}
	for _, x := range []struct{ how, what string }{{" on ", p.IP.Device}, {" by ", text(p.IP.Gateway.IsValid(), p.IP.Gateway)}, {", ", p.IP.Name},
		{", dns ", text(p.IP.DNS != nil, p.IP.DNS)}, {" name ", p.Name}, {" wait ", text(p.Wait != defaultWait, p.Wait)}, {" con", text(p.Console, "sole")}} {
		if x.what != "" {
			b.WriteString(x.how + x.what)
		}
	}
	return b.String()
}

func text(is bool, v any) string {
	if !is {
		return ""
	}
	return fmt.Sprint(v)
}

// TestPublic has no secret of the command line shown.
func TestPublic(t *testing.T) {
	if got := public([]string{"a=1", "nine.token=x", "rootkey=y", "quiet"}); got != "a=1\nnine.token=?\nrootkey=?\nquiet\n" {
		t.Errorf("%q", got)
	}
}

// TestLog keeps the last of what is said, whole lines.
func TestLog(t *testing.T) {
	var console bytes.Buffer
	l := NewLog(&console)
	for i := range 20000 {
		l.Printf("line %d", i)
	}
	kept := l.String()
	if len(kept) > logSize || len(kept) < logSize-100 || !strings.HasPrefix(kept, "line ") || !strings.HasSuffix(kept, "\nline 19999\n") {
		t.Errorf("%d bytes: %.40q", len(kept), kept)
	}
	if n := bytes.Count(console.Bytes(), []byte("\n")); n != 20000 {
		t.Errorf("%d lines on the console", n)
	}
}

// TestService has a command that ends started again, and one end with its ctx.
func TestService(t *testing.T) {
	var console bytes.Buffer
	l := NewLog(&console)
	s := &service{name: "true", args: []string{"/bin/sh", "-c", "echo said; exit 3"}, log: l, restart: make(chan struct{}), since: time.Now()}
	done := make(chan struct{})
	c, cancel := context.WithCancel(t.Context())
	go func() { s.run(c); close(done) }()
	ended := srvtest.Until(func() bool {
		select {
		case s.restart <- struct{}{}: // the wait for the next start ends at once
		default:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.starts >= 3
	})
	if !ended {
		t.Fatalf("not started again: %s", l)
	}
	cancel()
	<-done
	if !strings.Contains(l.String(), "said\n") || !strings.Contains(l.String(), "init: true: exit status 3; again in ") {
		t.Errorf("the log:\n%s", l)
	}
	if st := s.status(); !strings.Contains(st, "stopped") {
		t.Errorf("status: %q", st)
	}
}
