package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Most is how many nodes there can be: each has an address of one /24.
const Most = 64

// shared is what of a node is posted for others, as NODE.NAME, and mounted at /n/NODE/NAME.
// What is to be written to has -c. The last one is the node's files from / on.
var shared = []struct{ name, flag string }{
	{"proc", ""}, {"dev", ""}, {"net", ""}, {"exec", ""}, {"ipc", "-c "}, {"root", "-c "},
}

// A Config says which nodes to make.
type Config struct {
	N       int              // how many
	Dir     string           // $NAMESPACE, in which they are posted
	Servers []Server         // of each node, started in this order
	Stderr  *os.File         // of servers
	Quit    <-chan os.Signal // what arrives ends the start

	Limit time.Duration // for the start of all; 0: a minute
}

// A Server is a command of nine and the name that it posts itself under with -s.
type Server struct{ Cmd, Name string }

// A Cluster is nodes that run.
type Cluster struct {
	cfg   Config
	nodes []*member
	lan   *lan
}

// A member is a node as its maker has it.
type member struct {
	name  string
	cmd   *exec.Cmd
	say   *os.File // open as long as the node is to live
	ready *os.File // says "ok", or what went wrong
}

// An order is what a node is told when its network card is there.
type order struct {
	Name, Addr string // n1, 10.9.0.1
	Dir        string // the node's own: home, and ns for its sockets
	Etc        string // files to be seen in /etc
	Servers    []Server
}

// Start makes nodes, n1, n2 and so on, and returns when their servers answer. The calling
// process must be able to mount; the calling thread must not end before the process does.
func Start(cfg Config) (_ *Cluster, err error) {
	if cfg.Limit == 0 {
		cfg.Limit = time.Minute
	}
	c := &Cluster{cfg: cfg}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	for i := range cfg.N {
		c.nodes = append(c.nodes, &member{name: fmt.Sprintf("n%d", i+1)})
	}
	if err := writeFiles(Dir(cfg.Dir), c.Names()); err != nil {
		return nil, err
	}
	if c.lan, err = newLan(); err != nil {
		return nil, fmt.Errorf("the nodes' network: %w", err)
	}
	for _, m := range c.nodes {
		if err := c.start(m); err != nil {
			return nil, fmt.Errorf("node %s: %w", m.name, err)
		}
	}
	for i, m := range c.nodes {
		if err := c.lan.join(m.name, m.cmd.Process.Pid); err != nil {
			return nil, fmt.Errorf("the nodes' network: %s: %w", m.name, err)
		}
		dir := filepath.Join(Dir(cfg.Dir), m.name)
		o := order{Name: m.name, Addr: address(i), Dir: dir, Etc: Dir(cfg.Dir), Servers: cfg.Servers}
		if err := json.NewEncoder(m.say).Encode(o); err != nil {
			return nil, fmt.Errorf("node %s: %w", m.name, err)
		}
	}
	if err := c.wait(); err != nil {
		return nil, err
	}
	return c, c.post()
}

// address is that of the node of a number, from 0 on.
func address(i int) string { return fmt.Sprintf("10.9.0.%d", i+1) }

// Dir is where the nodes of a $NAMESPACE have their files.
func Dir(namespace string) string { return filepath.Join(namespace, ".nodes") }

// nodeEnv in the environment makes a process a node's first.
const nodeEnv = "NINE_NODE"

// start starts a node's first process, which then waits for its order.
func (c *Cluster) start(m *member) error {
	hear, say, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hear.Close()
	m.say = say
	ready, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer tell.Close()
	m.ready = ready
	m.cmd = exec.Command("/proc/self/exe")
	m.cmd.Args = os.Args
	m.cmd.Env = append(os.Environ(), nodeEnv+"="+m.name)
	m.cmd.Stderr = c.cfg.Stderr
	m.cmd.ExtraFiles = []*os.File{hear, tell}
	m.cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL,
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC}
	return m.cmd.Start()
}

// wait waits until each node has said how it went.
func (c *Cluster) wait() error {
	type answer struct {
		m    *member
		text string
	}
	all := make(chan answer, len(c.nodes))
	for _, m := range c.nodes {
		go func() {
			b, err := io.ReadAll(m.ready)
			if len(b) == 0 && err == nil {
				b = []byte("ended")
			}
			all <- answer{m, strings.TrimSpace(string(b))}
		}()
	}
	limit := time.After(c.cfg.Limit)
	for range c.nodes {
		select {
		case a := <-all:
			if a.text != "ok" {
				return fmt.Errorf("node %s: %s", a.m.name, a.text)
			}
		case sig := <-c.cfg.Quit:
			return errors.New(sig.String())
		case <-limit:
			return fmt.Errorf("nodes: not up after %v", c.cfg.Limit)
		}
	}
	return nil
}

// post gives the nodes' sockets names in $NAMESPACE.
func (c *Cluster) post() error {
	for _, m := range c.nodes {
		at := filepath.Join(Dir(c.cfg.Dir), m.name, "ns")
		if err := os.Link(filepath.Join(at, "cpu"), filepath.Join(c.cfg.Dir, m.name)); err != nil {
			return err
		}
		for _, s := range append(c.cfg.Servers, Server{Name: "root"}) {
			if err := os.Link(filepath.Join(at, s.Name), filepath.Join(c.cfg.Dir, m.name+"."+s.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Names are the nodes' names.
func (c *Cluster) Names() []string {
	var names []string
	for _, m := range c.nodes {
		names = append(names, m.name)
	}
	return names
}

// Namespace is the lines of namespace(6) that have the nodes at /n.
func (c *Cluster) Namespace() string {
	var b strings.Builder
	for _, name := range c.Names() {
		points := strings.ReplaceAll(filepath.Join(Dir(c.cfg.Dir), name, "n"), "'", "''")
		fmt.Fprintf(&b, "bind '%s' /n/%s\n", points, name)
		for _, s := range shared {
			fmt.Fprintf(&b, "mount -n %s#s/%s.%s /n/%s/%s\n", s.flag, name, s.name, name, s.name)
		}
		for _, s := range c.cfg.Servers {
			if s.Cmd != "cpud" {
				fmt.Fprintf(&b, "mount -n -a #s/%s.%s /n/%s/stats stats\n", name, s.Name, name)
			}
		}
	}
	return b.String()
}

// Close ends the nodes, and waits for their end.
func (c *Cluster) Close() error {
	for _, m := range c.nodes {
		if m.say != nil {
			m.say.Close()
		}
	}
	for _, m := range c.nodes {
		if m.cmd != nil && m.cmd.Process != nil {
			m.cmd.Wait()
		}
		if m.ready != nil {
			m.ready.Close()
		}
	}
	if c.lan != nil {
		c.lan.close()
	}
	return os.RemoveAll(Dir(c.cfg.Dir))
}
