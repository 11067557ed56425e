package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// A server is one of those compared, running in a process of its own: this
// program again, as "-serve name socket dir".
type server struct {
	name  string
	dotl  bool
	goes  bool // it is of Go and answers on its control pipe
	local bool // it is none: the client asks the kernel itself
	serve func(l net.Listener, dir string) error
	aname string // what to attach

	socket  string
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answer  *bufio.Reader
	log     *os.File
	missing error // why it does not run
}

func servers() []*server {
	return []*server{
		{name: "ours", dotl: true, goes: true, serve: serveOurs},
		{name: base, dotl: true, goes: true, serve: serveOurs},
		{name: "old", dotl: true, goes: true},
		{name: "old-memory", dotl: true, goes: true},
		{name: "null", dotl: true, goes: true, serve: serveNull},
		{name: "null base", dotl: true, goes: true, serve: serveNull},
		{name: "sys", dotl: true, goes: true, serve: serveSys},
		{name: "local", local: true},
		{name: "local base", local: true},
		{name: "hugelgupf", dotl: true, goes: true, serve: serveHugelgupf},
		{name: "go9p", goes: true, serve: serveGo9p},
		{name: "diod", dotl: true},
		{name: "ours-memory", dotl: true, goes: true, serve: serveOursMemory},
		{name: "hugelgupf-memory", dotl: true, goes: true, serve: serveHugelgupfMemory},
	}
}

// procs has a server run on as many processors as there are now, and on no other number while it is
// pinned: a build of before knows it from here alone.
var procs = sync.OnceValue(func() string { return fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)) })

// again gives the server as it is before its start, to run once more.
func (s *server) again() *server {
	return &server{name: s.name, dotl: s.dotl, goes: s.goes, serve: s.serve}
}

// A health is what a child of Go tells of itself.
type health struct {
	Mallocs    uint64
	Goroutines int
	Heap       uint64
}

// start runs the server and waits until it can be attached to.
func (s *server) start(ctx context.Context, tmp, data string) error {
	if s.local {
		return nil
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(tmp, strings.ReplaceAll(s.name, " ", "-")+".")
	if err != nil {
		return err
	}
	s.socket = filepath.Join(dir, "s")
	if s.name == "diod" {
		if _, err := exec.LookPath(diod); err != nil {
			return fmt.Errorf("no diod of Debian: %w", err)
		}
		s.aname = data
	}
	if s.log, err = os.Create(s.socket + ".log"); err != nil {
		return err
	}
	name := s.name
	if ours, old := strings.CutPrefix(name, "old"); old {
		exe, name = *oldBuild, "ours"+ours
	}
	s.cmd = exec.CommandContext(ctx, exe, "-serve", name, s.socket, data)
	s.cmd.Dir = dir // for its core, should it crash
	s.cmd.Env = append(os.Environ(), procs())
	s.cmd.SysProcAttr = dieWithParent()
	s.cmd.Stderr = s.log
	if s.ask, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.answer = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := dial(s, make([]byte, 4<<10))
		if err == nil {
			c.close()
			return nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return s.blame(err)
		}
	}
}

// blame adds what the server last said to an error.
func (s *server) blame(err error) error {
	if s.log == nil {
		return err
	}
	if text, e := os.ReadFile(s.log.Name()); e == nil {
		if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); lines[0] != "" {
			return fmt.Errorf("%w: %s", err, lines[0])
		}
	}
	return err
}

// stop ends the server.
func (s *server) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
	if s.log != nil {
		s.log.Close()
	}
}

var errNotGo = errors.New("no server of Go")

// health asks a server of Go how it is, after it has collected its garbage and
// given memory back where settle is set.
func (s *server) health(settle bool) (h health, err error) {
	if !s.goes {
		return h, errNotGo
	}
	q := "count\n"
	if settle {
		q = "settle\n"
	}
	if _, err := io.WriteString(s.ask, q); err != nil {
		return h, err
	}
	line, err := s.answer.ReadBytes('\n')
	if err != nil {
		return h, s.blame(err)
	}
	return h, json.Unmarshal(line, &h)
}

// served does what a child is for, if this process is one, and reports so.
func served() bool {
	if len(os.Args) != 5 || os.Args[1] != "-serve" {
		return false
	}
	if err := child(os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// child serves until its standard input ends, and answers there.
func child(name, socket, dir string) error {
	descriptors()
	if name == "diod" {
		return replace(diod, []string{"-f", "-n", "-c", "/dev/null", "-L", "stderr", "-l", socket, "-e", dir})
	}
	var s *server
	for _, x := range servers() {
		if x.name == name {
			s = x
		}
	}
	if s == nil {
		return fmt.Errorf("no server %s", name)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		if err := s.serve(l, dir); err != nil {
			failed <- err
		}
	}()
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if in.Text() == "settle" {
				runtime.GC()
				debug.FreeOSMemory()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b, _ := json.Marshal(health{m.Mallocs, runtime.NumGoroutine(), m.HeapAlloc})
			os.Stdout.Write(append(b, '\n'))
		}
		failed <- nil
	}()
	return <-failed
}

// each calls serve for every connection, on a goroutine of its own.
func each(l net.Listener, serve func(c net.Conn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}
