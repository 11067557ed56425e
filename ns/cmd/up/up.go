package up

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/shlex"

	"ninespace/ns"
	"ninespace/ns/cluster"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// servers are what a node posts: each is a command of nine and the name that it
// posts itself under.
var servers = []cluster.Server{
	{Cmd: "ramfs", Name: "ram"}, {Cmd: "procfs", Name: "proc"}, {Cmd: "devfs", Name: "dev"}, {Cmd: "execfs", Name: "exec"}, {Cmd: "envfs", Name: "env"}, {Cmd: "ipcfs", Name: "ipc"},
	{Cmd: "netfs", Name: "net"}, {Cmd: "cpud", Name: "cpu"},
}

// A server is something that is started: the arguments of nine and the name that it is
// posted under.
type server struct {
	args  []string
	srv   string
	limit time.Duration // for it to be posted
}

// startLimit is how long a server may take until it is posted.
const startLimit = 20 * time.Second

// grace is how long what was left behind may take to end by itself.
const grace = 2 * time.Second

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	if cluster.IsNode() {
		cluster.Node()
		return nil
	}
	more, err := shlex.Split(os.Getenv("NINE_ARGS"))
	if err != nil {
		return fmt.Errorf("$NINE_ARGS: %w", err)
	}
	fs := flag.NewFlagSet("up", flag.ContinueOnError)
	command := fs.String("c", "", "run `command` in $SHELL")
	nsfile := fs.String("n", "", "build the name space from `nsfile`")
	nodes, machines := 0, 0
	fs.Func("cluster", "make `n` nodes besides", upTo(&nodes, cluster.Most, "nodes"))
	fs.Func("vm", "start `n` virtual machines", upTo(&machines, maxVMs, "machines"))
	if err := srv.Parse(fs, append(more, args...)); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	shell, err := shellCommand(*command, fs)
	if err != nil {
		return err
	}
	guests, err := vms(machines)
	if err != nil {
		return err
	}
	dir := os.Getenv(nodeDir)
	if dir == "" {
		return watch(std)
	}
	os.Unsetenv(nodeDir)
	if done, err := ns.Privileged(std); done {
		return err
	}
	return run(std, withRoots(machines, shell), *nsfile, dir, nodes, guests)
}

// upTo makes a flag's value a number from 1 on.
func upTo(n *int, most int, what string) func(string) error {
	return func(s string) (err error) {
		if *n, err = strconv.Atoi(s); err != nil || *n < 1 || *n > most {
			return fmt.Errorf("1 to %d %s", most, what)
		}
		return nil
	}
}

// nodeDir in the environment tells the process that watch started of its directory.
const nodeDir = "NINE_UP"

// watch has a process of its own, one that may mount, do all the work: whichever of
// the two is killed, the other one ends what is left.
func watch(std [3]*os.File) error {
	dir, err := namespaceDir()
	if err != nil {
		return err
	}
	defer removeSockets(dir)
	if err := ns.Adopt(); err != nil {
		return err
	}
	defer ns.Reap(grace, nil)
	os.Setenv(nodeDir, dir)
	if done, err := ns.Privileged(std); done {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	return ns.Run(cmd)
}

// shellCommand gives the argv of the shell. $SHELL may hold words.
func shellCommand(command string, fs *flag.FlagSet) ([]string, error) {
	shell, err := shlex.Split(os.Getenv("SHELL"))
	if err != nil {
		return nil, fmt.Errorf("$SHELL: %w", err)
	}
	if len(shell) == 0 {
		shell = []string{"/bin/sh"}
	}
	given := false
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == "c" })
	if given {
		shell = append(shell, "-c", command)
	}
	return shell, nil
}

func run(std [3]*os.File, shell []string, nsfile, dir string, nodes int, guests []server) error {
	// A terminal's ^C while the servers come up ends this before there is a shell
	// to have it: all of it goes, in order.
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(quit)
	// The thread that starts processes must not end before this process does: its
	// end is what their parent-death signal waits for.
	runtime.LockOSThread()

	defer removeSockets(dir)
	if err := ns.Adopt(); err != nil {
		return err
	}
	defer ns.Reap(grace, nil)
	os.Setenv("NAMESPACE", dir)

	var list []server
	for _, s := range servers {
		list = append(list, server{[]string{s.Cmd, "-s", s.Name}, s.Name, startLimit})
	}
	for _, s := range append(list, guests...) {
		if err := start(quit, std, dir, s); err != nil {
			return err
		}
	}
	src, err := ns.File(nsfile)
	if err != nil {
		return err
	}
	sources := []ns.Source{src}
	if nodes > 0 {
		c, err := cluster.Start(cluster.Config{N: nodes, Dir: dir, Servers: servers, Stderr: std[2], Quit: quit})
		if err != nil {
			return err
		}
		defer c.Close()
		sources = append(sources, ns.Source{Name: "cluster", Text: c.Namespace()})
		os.Setenv("cpus", strings.Join(c.Names(), "\x01")) // a list, as rc has it
	}
	sess, err := ns.Start(ns.Options{Stderr: std[2]})
	if err != nil {
		return err
	}
	defer sess.Close()
	// What the shell leaves behind ends before the nodes and servers that it uses.
	ours := ns.Children()
	defer ns.Reap(grace, func(pid int) bool { return slices.Contains(ours, pid) })
	// A shell at a terminal takes no notice of SIGTERM. One that takes none of a
	// hangup either is killed.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	cmd := exec.CommandContext(ctx, shell[0], shell[1:]...)
	cmd.Cancel = func() error {
		cmd.Process.Signal(syscall.SIGHUP)
		cmd.Process.Signal(syscall.SIGCONT)
		return os.ErrProcessDone // the status is the shell's
	}
	cmd.WaitDelay = grace
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	if err := sess.Command(cmd, sources...); err != nil {
		return err
	}
	go func() {
		<-sess.Done()
		stop() // nothing can be done in the shell any more
	}()
	err = ns.Run(cmd)
	select {
	case <-sess.Done():
		return errors.New("the name space's engine (nsd) has ended")
	default:
	}
	return err
}

// namespaceDir makes the directory for this node's sockets. Its name is short, as
// a socket's path is at most 107 bytes.
func namespaceDir() (string, error) {
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	dir, err := os.MkdirTemp("", "ns."+strings.ReplaceAll(name, "/", "_")+".")
	if err != nil && os.Getenv("TMPDIR") != "" {
		err = fmt.Errorf("$TMPDIR, where its sockets are to be: %w", err)
	}
	return dir, err
}

// removeSockets removes a directory of sockets. What else somebody has put there
// stays, and the directory with it.
func removeSockets(dir string) {
	ents, _ := os.ReadDir(dir)
	for _, e := range ents {
		if e.Type() == os.ModeSocket {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	os.RemoveAll(cluster.Dir(dir))
	os.Remove(dir)
}

// start starts a server and waits until it answers at its socket.
func start(quit <-chan os.Signal, std [3]*os.File, dir string, s server) error {
	name := s.args[0]
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"nine"}, s.args...)
	cmd.Stderr = std[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	limit := time.After(s.limit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("unix", filepath.Join(dir, s.srv)); err == nil {
			c.Close()
			return nil
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("ended")
			}
			return fmt.Errorf("server %s: %w", name, err)
		case sig := <-quit:
			return fmt.Errorf("server %s: %v", name, sig)
		case <-limit:
			return fmt.Errorf("server %s: not posted after %v", name, s.limit)
		case <-tick.C:
		}
	}
}
