package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long a worker may take to be ready, or for one work.
const patience = 100 * time.Second

// A place is where the directory is seen, and the worker that works there.
type place struct {
	name  string
	user  bool   // in a user namespace, where the kernel is lent no files
	how   string // what the worker mounts, "" for nothing
	space bool   // the worker is in a name space
	flags []string
	lines string // that build the name space; %s is the directory
	posts bool   // a diskfs is posted
	drop  bool   // it has a cache of its own
	binds int    // that are made first
	other int    // other name spaces of the same engine

	tried  bool
	err    error // why it can't be used, or not any more
	cmd    *exec.Cmd
	server *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	limit  interface{ SetReadDeadline(time.Time) error }
	log    string
	pids   []int // whose time counts beside the worker's
}

// dir is where the directory is in a name space.
const dir = "/n/bench"

// places gives them all. few, if not 0, is how many there are where there are many.
func places(few int) []*place {
	graft := place{name: "graft", space: true, lines: "bind -c %s " + dir}
	engine := place{name: "engine", space: true, flags: []string{"-N"}, lines: "bind -c %s " + dir, drop: true}
	list := []*place{
		{name: "native"},
		{name: "bind", how: "bind"},
		{name: "overlay", how: "overlay"},
		{name: "mergerfs", how: "mergerfs", drop: true},
		{name: "floor", how: floorHow, drop: true},
		&graft, &engine,
		{name: "rootless", user: true, space: true, flags: engine.flags, lines: engine.lines, drop: true},
		{name: "9p", space: true, posts: true, lines: "mount -c #s/bench " + dir, drop: true},
	}
	for _, p := range []place{graft, engine} {
		binds, others := p, p
		binds.name, binds.binds = p.name+manyBinds, cmp.Or(few, 1000)
		others.name, others.other = p.name+manySpaces, cmp.Or(few, 500)
		list = append(list, &binds, &others)
	}
	return list
}

func (p *place) crowded() bool { return p.binds+p.other > 0 }

// again gives the place as it was before its start.
func (p *place) again() *place {
	return &place{name: p.name, user: p.user, how: p.how, space: p.space, flags: p.flags, lines: p.lines, posts: p.posts,
		drop: p.drop, binds: p.binds, other: p.other}
}

// start starts the worker, if that has not been done.
func (p *place) start(b *bench) error {
	if !p.tried {
		p.tried = true
		if p.err = p.begin(b); p.err != nil {
			p.err = p.blame(p.err)
			p.stop()
		}
	}
	return p.err
}

func (p *place) begin(b *bench) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp(filepath.Dir(b.data), "p.")
	if err != nil {
		return err
	}
	s := setup{Name: p.name, How: p.how, Data: b.data, Home: home, Dir: b.data, Space: p.space, Drop: p.drop, Binds: p.binds, Other: p.other}
	if p.space {
		s.Dir = dir
	}
	spec, err := json.Marshal(s)
	if err != nil {
		return err
	}
	work := []string{exe, "-work", string(spec)}
	p.log = filepath.Join(home, "log")
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.posts {
		if err := p.post(b, exe, home, log); err != nil {
			return err
		}
	}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS} // its mounts go with it
	if p.space {
		attr = &syscall.SysProcAttr{}
		if p.user {
			self := func(id int) []syscall.SysProcIDMap {
				return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
			}
			attr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
			attr.UidMappings, attr.GidMappings = self(os.Geteuid()), self(os.Getegid())
		}
		file := filepath.Join(home, "namespace")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(p.lines, "%s", b.data)+"\n"), 0o644); err != nil {
			return err
		}
		work = append(append(append([]string{"nine", "newns"}, p.flags...), "-n", file), work...)
	}
	cmd := command(b.ctx, exe, work, attr, home, log)
	if p.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.limit, _ = out.(interface{ SetReadDeadline(time.Time) error })
	p.out = json.NewDecoder(out)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	ready, err := p.answer()
	if err != nil {
		return err
	}
	if b.cpu {
		p.pids = below(cmd.Process.Pid, ready.N)
		if p.server != nil {
			p.pids = append(p.pids, p.server.Process.Pid)
		}
	}
	return nil
}

// command makes one of this program's processes, which ends with it and not by the
// terminal's signals.
func command(ctx context.Context, exe string, args []string, attr *syscall.SysProcAttr, namespace string, log *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, exe)
	cmd.Args, cmd.Stderr, cmd.SysProcAttr = args, log, attr
	attr.Pdeathsig, attr.Setpgid = syscall.SIGKILL, true
	cmd.Env = append(os.Environ(), "NAMESPACE="+namespace)
	cmd.WaitDelay = grace
	return cmd
}

// post starts the server and waits until it is there.
func (p *place) post(b *bench, exe, home string, log *os.File) error {
	cmd := command(b.ctx, exe, []string{"nine", "diskfs", "-s", "bench", b.data}, &syscall.SysProcAttr{}, home, log)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.server = cmd
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", filepath.Join(home, "bench"))
		if err == nil {
			return c.Close()
		}
		if b.ctx.Err() != nil || time.Now().After(end) {
			return err
		}
	}
}

// answer reads what the worker says.
func (p *place) answer() (a reply, err error) {
	if p.limit != nil {
		p.limit.SetReadDeadline(time.Now().Add(patience))
	}
	if err := p.out.Decode(&a); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the worker has ended")
		}
		return a, err
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

// do has the worker do something for a while and gives the seconds that one takes.
func (p *place) do(b *bench, work string, span time.Duration) (float64, error) {
	if p.err != nil {
		return 0, p.err
	}
	q, err := json.Marshal(request{Work: work, Span: span, CPU: b.cpu, Pids: p.pids})
	if err != nil {
		return 0, err
	}
	if _, p.err = p.in.Write(append(q, '\n')); p.err == nil {
		var a reply
		if a, err = p.answer(); err == nil {
			return a.Took.Seconds() / float64(a.N), nil
		}
		if a.Err != "" { // it has failed, and goes on
			return 0, err
		}
		p.err = err
	}
	p.err = p.blame(p.err)
	p.stop()
	return 0, p.err
}

// blame adds what was last said to an error.
func (p *place) blame(err error) error {
	text, _ := os.ReadFile(p.log)
	if first, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n")); len(first) > 0 {
		return fmt.Errorf("%w: %s", err, first)
	}
	return err
}

// stop ends the worker and all that belongs to it.
func (p *place) stop() {
	if p.in != nil {
		p.in.Close() // upon which it ends
	}
	if p.cmd != nil {
		t := time.AfterFunc(grace, func() { p.cmd.Process.Kill() })
		p.cmd.Wait()
		t.Stop()
	}
	if p.server != nil {
		p.server.Process.Kill()
		p.server.Wait()
	}
	p.in, p.cmd, p.server = nil, nil, nil
}

// below gives a process and its descendants, but for one.
func below(pid, but int) (pids []int) {
	if pid != but {
		pids = append(pids, pid)
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, below(n, but)...)
			}
		}
	}
	return pids
}
