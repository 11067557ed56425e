package srv_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// children are what the test program does where it is started again with a name
// of these in childEnv.
var children = map[string]func(){"door": childDoor, "door -i": childDoor}

const childEnv = "SRV_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		children[name]()
		return
	}
	os.Exit(m.Run())
}

// child starts the test program again as one of children. It has ended, and if it
// was not waited for been killed, at the test's end.
func child(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0") // a second, by default
	cmd.Stderr = os.Stderr
	t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd
}

// deafRead is a file whose reads block for ever.
type deafRead struct{ srv.Node }

func (deafRead) Read(context.Context, []byte, int64) (int, error) { select {} }

// childDoor serves as a command does, at the socket that its argument names or on
// standard input and output, with a grace. What it reads from standard input comes
// out of the file q; of deaf nothing ever does.
func childDoor() {
	d := srv.Door{Srv: "hall"}
	grace, _ := time.ParseDuration(os.Args[1])
	srv.SetGrace(grace)
	q := srv.NewQueue(0o444)
	if d.Stdio = len(os.Args) == 2; !d.Stdio {
		d.Listen = "unix!" + os.Args[2]
		go func() {
			all, _ := io.ReadAll(os.Stdin)
			q.Put(all)
		}()
	}
	s := srv.New(newHall(map[string]srv.File{"q": q, "deaf": &deafRead{srv.NewNode(0o444)}}))
	if err := d.Serve(context.Background(), [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A door is a child that serves.
type door struct {
	*place
	cmd *exec.Cmd
	in  io.Closer
	put io.Writer
}

func openDoor(t *testing.T, grace time.Duration) *door {
	t.Helper()
	p := &place{T: t, path: filepath.Join(t.TempDir(), "s")}
	d := &door{place: p, cmd: child(t, "door", grace.String(), p.path)}
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in, d.put = in, in
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !srvtest.Until(func() bool { return !p.refuses() }) {
		t.Fatal("nobody listens")
	}
	return d
}

// reader connects and has a read of a file block.
func (d *door) reader(name string) *wire {
	w := d.dial(true)
	w.open(name, p9.OREAD)
	w.send(&p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 1, Count: 100})
	w.rpc(&p9.Fcall{Type: p9.Tgetattr, Tag: 2, Fid: 0}) // so the read runs
	return w
}

func (d *door) signal(sig syscall.Signal) {
	d.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.Fatal(err)
	}
}

// left wants the child to have ended with a status and to have left no socket.
func (d *door) left(want string) {
	d.Helper()
	d.cmd.Wait()
	if got := d.cmd.ProcessState.String(); got != want {
		d.Errorf("ended with %q, not %q", got, want)
	}
	if _, err := os.Lstat(d.path); err == nil {
		d.Error("the socket is left behind")
	}
}

// TestDoorTerm sends a command a signal while a read blocks: it is told of, and
// ends after it.
func TestDoorTerm(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			d := openDoor(t, time.Hour)
			idle, w := d.dial(true), d.reader("q")
			d.signal(sig)
			idle.over()
			w.send(&p9.Fcall{Type: p9.Tgetattr, Tag: 2, Fid: 0})
			if r := w.recv(); r.Errno != uint32(srv.ErrShutdown.Errno) {
				t.Error(r.Text(true))
			}
			io.WriteString(d.put, "last words")
			d.in.Close()
			if r := w.recv(); string(r.Data) != "last words" {
				t.Error(r.Text(true))
			}
			w.over()
			d.left("exit status 0")
		})
	}
}

// TestDoorTwice sends a second signal: what blocks is cancelled at once.
func TestDoorTwice(t *testing.T) {
	d := openDoor(t, time.Hour)
	idle, w := d.dial(true), d.reader("q")
	d.signal(syscall.SIGTERM)
	idle.over()
	d.signal(syscall.SIGINT)
	w.over()
	d.left("exit status 0")
}

// TestDoorGrace has what blocks go on for too long.
func TestDoorGrace(t *testing.T) {
	d := openDoor(t, time.Millisecond)
	w := d.reader("q")
	d.signal(syscall.SIGTERM)
	w.over()
	d.left("exit status 0")
}

// TestDoorThrice has a file that does not hear that it is to end: a third signal
// ends the command.
func TestDoorThrice(t *testing.T) {
	d := openDoor(t, time.Hour)
	idle, w := d.dial(true), d.reader("deaf")
	d.signal(syscall.SIGTERM)
	idle.over()
	d.signal(syscall.SIGTERM)
	w.over()
	ended := make(chan struct{})
	go func() { d.cmd.Wait(); close(ended) }()
	if !srvtest.Until(func() bool {
		d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}) {
		d.cmd.Process.Kill()
		<-ended
	}
	d.left("signal: terminated")
}

// TestDoorStdio stops a command that serves its standard input and output, which
// nobody closes: a pipe's ends, and a socket.
func TestDoorStdio(t *testing.T) {
	run := func(in, out *os.File, c net.Conn) {
		cmd := child(t, "door -i", "1h")
		cmd.Stdin, cmd.Stdout = in, out
		err := cmd.Start()
		in.Close()
		out.Close()
		if err != nil {
			t.Fatal(err)
		}
		w := &wire{t, c, false}
		w.hello(true)
		w.open("q", p9.OREAD)
		w.send(&p9.Fcall{Type: p9.Tread, Tag: 1, Fid: 1, Count: 100})
		w.rpc(&p9.Fcall{Type: p9.Tgetattr, Tag: 2, Fid: 0})
		cmd.Process.Signal(syscall.SIGTERM)
		if !srvtest.Until(func() bool {
			w.send(&p9.Fcall{Type: p9.Tgetattr, Tag: 2, Fid: 0})
			return w.recv().Errno == uint32(srv.ErrShutdown.Errno)
		}) {
			t.Error("not told to stop")
		}
		w.rpc(&p9.Fcall{Type: p9.Tflush, Tag: 3, Oldtag: 1})
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(srvtest.Patience):
			t.Error("it does not end")
			cmd.Process.Kill()
			<-ended
		}
	}
	t.Run("pipe", func(t *testing.T) {
		in, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		from, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		defer from.Close()
		run(in, out, twoWay{Conn: nil, from: from, to: to})
	})
	t.Run("socket", func(t *testing.T) {
		a, b := srvtest.Pair(t)
		in, err := b.(*net.UnixConn).File()
		if err != nil {
			t.Fatal(err)
		}
		out, err := b.(*net.UnixConn).File()
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		run(in, out, a)
	})
}

// twoWay makes a connection of a pipe each way.
type twoWay struct {
	net.Conn
	from, to *os.File
}

func (c twoWay) Read(p []byte) (int, error)    { return c.from.Read(p) }
func (c twoWay) Write(p []byte) (int, error)   { return c.to.Write(p) }
func (c twoWay) SetDeadline(t time.Time) error { return c.from.SetDeadline(t) }

// TestDoorStats attaches to the server's own figures.
func TestDoorStats(t *testing.T) {
	d := openDoor(t, time.Hour)
	w := d.dial(true)
	w.rpc(&p9.Fcall{Type: p9.Tattach, Fid: 7, Afid: p9.NoFid, Aname: "stats"})
	var text string
	if !srvtest.Until(func() bool { // openDoor's connections may still be there
		w.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 7, Newfid: 1, Wname: []string{"hall"}})
		w.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1})
		text = string(w.rpc(&p9.Fcall{Type: p9.Tread, Fid: 1, Count: 4096}).Data)
		w.rpc(&p9.Fcall{Type: p9.Tclunk, Fid: 1})
		return strings.HasPrefix(text, "conns 1\nfids 3\n")
	}) {
		t.Error(text)
	}
	w.c.Close()
	d.signal(syscall.SIGTERM)
	d.left("exit status 0")
}
