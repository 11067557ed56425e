package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
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

// TestPlan9Door has a drawterm come in and work.
func TestPlan9Door(t *testing.T) {
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

// TestPlan9Files: what programs of Linux do with a Plan 9 caller's files, where its server says
// what may be done, and takes no name that another file has.
func TestPlan9Files(t *testing.T) {
	f := newPlan9(t)
	d := f.term()
	d.files["env/sub"] = &termFile{dir: true}
	command := `rc -lc 'cd /mnt/term/env; echo old >a; echo new >b; mv b a && cat a; ls; mv a sub/c && cat sub/c; ls sub'`
	if err := d.script(strings.Replace(terminal, "COMMAND", command, 1)); err != nil {
		t.Fatal(err)
	}
	typed := d.files["dev/cons"].cons
	served := make(chan error, 1)
	go func() { served <- d.serve() }()
	close(typed)
	if err := <-served; err != nil {
		t.Error(err)
	}
	cons, _ := d.file("dev/cons")
	want := "new\na\nsub\nnew\nc\n"
	if cons != want {
		t.Errorf("on the console %q, want %q", cons, want)
		t.Log(strings.Join(d.said, "\n"))
	}
}

// cpu9 runs our client, whose factotum has the password.
func (f *fleet9) cpu9(stdin string, args ...string) (stdout, stderr string, code int) {
	f.Helper()
	cmd := f.command(append([]string{"cpu", "-9", "-h", f.at}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.Dir = f.home
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestPlan9Cpu has our client at our door.
func TestPlan9Cpu(t *testing.T) {
	f := newPlan9(t)
	if _, errs, code := f.cpu9("", "true"); code != 1 || !strings.Contains(errs, "cpu: dial "+f.at+": factotum: ") {
		t.Errorf("without a factotum: %q, %d", errs, code)
	}
	f.factotum("ns")
	f.write("home/file", "mine\n")
	line := regexp.MustCompile(`^&:\d+:`) // of the script, which has one for each variable of the environment
	for _, c := range []struct {
		in   string
		args []string
		out  string
		errs string
		code int
	}{
		{"", []string{"true"}, "", "", 0},
		{"", []string{"id", "-un"}, "glenda\n", "", 0},
		{"", []string{"cat", "file", "it's"}, "mine\n", "cat: \"it's\": No such file or directory\n", 1},
		{"in\n", []string{"sed", "s/i/I/"}, "In\n", "", 0},
		{"", []string{"sh", "-c", "pwd; echo err >&2; exit 7"}, "/mnt/term" + f.home + "\n", "err\n", 7},
		{"", []string{"sh", "-c", "kill -9 $$"}, "", "", 137},
		{"", []string{"sh", "-c", "echo new >made; cat made; ls /mnt/term/fd"}, "new\n0\n1\n2\nnote\nstatus\n", "", 0},
		{"", []string{"-e", "X=a b", "-d", "/", "sh", "-c", "echo $X; pwd"}, "a b\n/\n", "", 0},
		// The script is no argument of rc's, and its descriptor nobody's.
		{"", []string{"-e", "X=secret", "sh", "-c", `echo $X; tr '\0' ' ' </proc/$PPID/cmdline; ls -l /proc/self/fd /proc/$PPID/fd | grep -c memfd:script`}, "secret\nrc -C 3 0\n", "", 1},
		{"echo $service; exit 3\n", nil, "cpu\n", "% ", 3},
		{"", []string{"nosuchcommand"}, "", "rc:1: nosuchcommand: ", 1},
		{"", []string{"-R", "sh", "-c", "echo no >denied"}, "", "sh: 1: cannot create denied: Read-only file system\n", 2},
		{"", []string{"-d", "/nosuch", "true"}, "", "&:N: can't cd /nosuch: no such file or directory\n", 1},
	} {
		out, errs, code := f.cpu9(c.in, c.args...)
		errs = line.ReplaceAllString(errs, "&:N:")
		if out != c.out || !strings.HasPrefix(errs, c.errs) || c.errs == "" && errs != "" || code != c.code {
			t.Errorf("%q: %q, %q, %d; want %q, %q, %d", c.args, out, errs, code, c.out, c.errs, c.code)
		}
	}
	// ^C is a note there, and a hangup is one and then the end.
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 129} {
		cmd := f.command("cpu", "-9", "-h", f.at, "sh", "-c", "echo begun; exec sleep 1000")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		out.Read(make([]byte, 6))
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%v: status %d", sig, got)
		}
	}
	waitFor(t, f.ctx, func() bool { return f.running() == 0 })
	if got := f.read("home/made"); got != "new\n" {
		t.Errorf("what was made: %q", got)
	}
}

// TestPlan9Refused: who is not somebody is told nothing, and cpud why.
func TestPlan9Refused(t *testing.T) {
	f := newPlan9(t)
	log := func(why string) {
		t.Helper()
		if !srvtest.Until(func() bool { return strings.Contains(f.read("log"), why) }) {
			t.Errorf("cpud does not say %q: %s", why, f.read("log"))
		}
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", f.at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(srvtest.Patience))
		return c
	}
	for _, p := range []authtest.Peer{
		{User: "glenda", Dom: "burrow", Password: "rabbit whole", Suite: 0xccab},
		{User: "eve", Dom: "burrow", Password: "rabbit hole", Suite: 0xccab},
		{User: "glenda", Dom: "warren", Password: "rabbit hole", Suite: 0xccab},
	} {
		if _, err := newDrawterm(dial(), p); err == nil {
			t.Errorf("%+v is in", p)
		}
	}
	// Somebody whom the machine's file does not name, names nobody, or names a user who
	// does not log in or is not there.
	for file, why := range map[string]string{
		"":                                     "no line of",
		"glenda@burrow -\n*@burrow *\n":        "is nobody",
		"glenda@burrow eve\n":                  "eve does not log in",
		"glenda@burrow nobodyatall\n":          "unknown user",
		"glenda@warren glenda\neve@burrow x\n": "no line of",
		"glenda@burrow\n":                      "is not an identity and a user",
	} {
		f.write("users", file)
		f.write("log", "")
		d, err := newDrawterm(dial(), glenda9)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.script("echo >" + f.glenda + "/here"); err == nil {
			d.serve()
		}
		log(why)
	}
	if _, err := os.Stat(filepath.Join(f.glenda, "here")); err == nil {
		t.Error("a script has run")
	}
	f.write("users", "glenda@burrow glenda\n")
	// Who is in and sends no script.
	for text, why := range map[string]string{
		"\n":                       "length is none",
		"   -12\n":                 "length is none",
		"99999999999999999999\n":   "length is none",
		strings.Repeat("1", 40):    "length is none",
		" 131072\n":                "131072 bytes",
		"      3\na\x00b":          "NUL",
		"     10\nless":            "script: unexpected EOF",
		"\x13\x00\x00\x00\x64\xff": "EOF",
	} {
		f.write("log", "")
		c := dial()
		d, err := newDrawterm(c, glenda9)
		if err == nil {
			err = d.stream.Send([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(text, "less") || strings.HasSuffix(text, "\xff") {
			c.(*net.TCPConn).CloseWrite()
		}
		if _, err := d.stream.Recv(); err == nil {
			t.Errorf("%q is answered", text)
		}
		log(why)
	}
	if d := f.term(); d.script("echo said >[1=2]; exit") != nil || d.serve() != nil {
		t.Error("nobody comes in any more")
	}
	log("said")
}

// TestPlan9Gone: when a caller hangs up, or one of its scripts ends, nothing of it stays,
// whatever it was doing; and whoever stops at any point of the way in is let go.
func TestPlan9Gone(t *testing.T) {
	f := newPlan9(t)
	for _, script := range []string{
		"sleep 1000",
		"sleep 1000 & exit",
		"mount -nc /fd/0 /mnt/term; cat /mnt/term/dev/cons",
		"mount -nc /fd/0 /mnt/term; setsid sleep 1000 &; cd /mnt/term/dev; nohup cat cons",
		"trap '' HUP >[2]/dev/null; sh -c 'trap \"\" HUP TERM; sleep 1000; sleep 1000'",
		"cat",
	} {
		d := f.term()
		c := d.conn
		if err := d.script("echo begun >" + f.glenda + "/begun; " + script); err != nil {
			t.Fatal(err)
		}
		go d.serve()
		if !srvtest.Until(func() bool { _, err := os.Stat(filepath.Join(f.glenda, "begun")); return err == nil }) {
			t.Fatalf("%s: does not begin", script)
		}
		os.Remove(filepath.Join(f.glenda, "begun"))
		c.Close()
		waitFor(t, f.ctx, func() bool { return f.running() == 0 })
		<-d.closed
	}
}

// running is how many processes there are of sessions here.
func (f *fleet9) running() int {
	n := 0
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range environs {
		if b, err := os.ReadFile(name); err == nil && strings.Contains("\x00"+string(b), "\x00HOME="+f.glenda+"\x00") {
			n++
		}
	}
	return n
}
