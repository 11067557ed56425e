package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/sshkey"
	"ninespace/initramfs"
)

// modules is where the image has the kernel's.
const modules = "/lib/modules"

// A Config says what a node runs.
type Config struct {
	Services [][]string // each a name and the arguments of nine
	Console  []string   // arguments of nine: a shell for the console
}

// A node is the machine that this process keeps.
type node struct {
	cfg    Config
	log    *Log
	params Params
	public string                  // the key that the node is known by
	cancel context.CancelCauseFunc // with what is to become of the machine

	mu       sync.Mutex
	steps    []*step
	services []*service
	console  *service // once asked for
}

// A step is something that has to be done once.
type step struct {
	name  string
	state string // begun, done or failed
	since time.Time
	took  time.Duration
	why   string
}

// errEnd is what the machine is to do: reboot(2)'s command.
type errEnd int

func (e errEnd) Error() string {
	return map[errEnd]string{unix.LINUX_REBOOT_CMD_RESTART: "reboot", unix.LINUX_REBOOT_CMD_POWER_OFF: "halt", unix.LINUX_REBOOT_CMD_KEXEC: "kexec"}[e]
}

// Run makes this machine a node and keeps it one, until it is told to reboot, to halt or to
// start another kernel, which Run then does: it does not return but with an error that
// kept it from that.
func Run(ctx context.Context, cfg Config) error {
	// A node's process before this one may have left its services: they are started anew.
	unix.Kill(-1, unix.SIGKILL)
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := &node{cfg: cfg, log: NewLog(os.Stderr), cancel: cancel}
	if n.params, err = ParseParams(strings.TrimSpace(string(line))); err != nil {
		n.log.Printf("init: kernel's command line: %v", err)
	}
	go n.signals(ctx)
	for _, c := range cfg.Services {
		n.services = append(n.services, &service{name: c[0], args: append([]string{self}, c[1:]...), log: n.log, restart: make(chan struct{}), since: time.Now()})
	}
	if n.params.Console {
		n.offerConsole(ctx, "asked for")
	}
	n.do(ctx, "modules", n.modules)
	if n.params.Name != "" {
		n.do(ctx, "name", func(context.Context) error { return setName(n.params.Name) })
	}
	n.do(ctx, "key", n.key)
	var wg sync.WaitGroup
	n.serve(ctx, &wg)
	for _, s := range n.services {
		wg.Go(func() { s.run(ctx) })
	}
	n.do(ctx, "network", n.network)
	<-ctx.Done()
	wg.Wait()
	return n.end(context.Cause(ctx))
}

// self is this program.
const self = "/run/nine"

// do does a step and says how it went. It is tried again, with the console offered
// once it has taken too long.
func (n *node) do(ctx context.Context, name string, f func(context.Context) error) error {
	s := &step{name: name, state: "begun", since: time.Now()}
	n.mu.Lock()
	n.steps = append(n.steps, s)
	n.mu.Unlock()
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := f(ctx)
		n.mu.Lock()
		s.took, s.state, s.why = time.Since(s.since), "done", ""
		if err != nil {
			s.state, s.why = "failed", err.Error()
		}
		n.mu.Unlock()
		if err == nil || ctx.Err() != nil {
			return err
		}
		var again errAgain
		if !errors.As(err, &again) {
			n.log.Printf("init: %s: %v", name, err)
			return err
		}
		if s.took > n.params.Wait {
			n.offerConsole(ctx, fmt.Sprintf("%s: %v", name, err))
		}
		n.log.Printf("init: %s: %v; again in %v", name, err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errAgain wraps what may be otherwise the next time.
type errAgain struct{ error }

func (e errAgain) Unwrap() error { return e.error }

// modules loads what is to be loaded and has the kernel ask us for what it wants later.
func (n *node) modules(context.Context) error {
	l, err := initramfs.NewLoader(modules)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(modules + "/load")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var failed error
	for name := range strings.FieldsSeq(string(b)) {
		failed = errors.Join(failed, l.Load(name))
	}
	failed = errors.Join(failed, l.LoadHardware())
	return errors.Join(failed, os.WriteFile("/proc/sys/kernel/modprobe", []byte("/init"), 0))
}

// Modprobe is what the kernel starts when it wants a module: it has this program's name
// and the arguments -q -- alias.
func Modprobe(args []string) error {
	l, err := initramfs.NewLoader(modules)
	if err != nil {
		return err
	}
	_, err = l.LoadFor(args[len(args)-1])
	return err
}

// hostKey is what the node is known by, where sshd has its own too.
const hostKey = "/etc/ssh/ssh_host_ed25519_key"

// key makes the node a key, unless its image has brought one along, and says which it is.
func (n *node) key(context.Context) error {
	if _, err := os.Stat(hostKey); err == nil {
		b, err := os.ReadFile(hostKey + ".pub")
		n.public = strings.TrimSpace(string(b))
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	pub, err := sshkey.New(key.Public())
	if err != nil {
		return err
	}
	text, err := sshkey.FormatFile(key, "")
	if err != nil {
		return err
	}
	n.public = pub.String()
	n.log.Printf("init: key %s", n.public)
	return errors.Join(os.MkdirAll(filepath.Dir(hostKey), 0o755),
		os.WriteFile(hostKey, text, 0o600), os.WriteFile(hostKey+".pub", []byte(n.public+"\n"), 0o644))
}

func setName(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("host's name %s: %w", name, err)
	}
	return nil
}

// offerConsole starts a shell on the console, and again when it ends.
func (n *node) offerConsole(ctx context.Context, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.console != nil || len(n.cfg.Console) == 0 {
		return
	}
	n.log.Printf("init: a shell is on the console (%s)", why)
	n.console = &service{name: "console", log: n.log, since: time.Now(), restart: make(chan struct{})}
	go func() {
		for ctx.Err() == nil {
			begun := time.Now()
			err := n.shell(ctx)
			if err != nil && time.Since(begun) < time.Second {
				n.log.Printf("init: console: %v", err)
				time.Sleep(5 * time.Second)
			}
		}
	}()
}

// shell is one shell on the console, which is its terminal.
func (n *node) shell(ctx context.Context) error {
	tty, err := consoleFile()
	if err != nil {
		return err
	}
	defer tty.Close()
	cmd := exec.CommandContext(ctx, self, n.cfg.Console...)
	cmd.Dir = "/root"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return cmd.Run()
}

// consoleFile opens the terminal that the kernel's console is: /dev/console itself cannot
// be anybody's controlling terminal.
func consoleFile() (*os.File, error) {
	b, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(b))
	if len(names) == 0 {
		return nil, errors.New("this kernel has no console")
	}
	name := names[len(names)-1]
	if name == "tty0" {
		name = "tty1"
	}
	return os.OpenFile("/dev/"+name, os.O_RDWR|unix.O_NOCTTY, 0)
}

// signals takes what the first process passes on.
func (n *node) signals(ctx context.Context) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, unix.SIGPWR)
	defer signal.Stop(ch)
	select {
	case s := <-ch:
		if s == syscall.SIGINT {
			n.cancel(errEnd(unix.LINUX_REBOOT_CMD_RESTART))
		} else {
			n.cancel(errEnd(unix.LINUX_REBOOT_CMD_POWER_OFF))
		}
	case <-ctx.Done():
	}
}

// end does to the machine what it has been told.
func (n *node) end(why error) error {
	var what errEnd
	if !errors.As(why, &what) {
		return why
	}
	n.log.Printf("init: %v", what)
	unix.Kill(-1, unix.SIGTERM)
	unix.Kill(-1, unix.SIGCONT)
	for limit := time.Now().Add(2 * time.Second); time.Now().Before(limit) && others(); {
		time.Sleep(20 * time.Millisecond)
	}
	unix.Kill(-1, unix.SIGKILL)
	unix.Sync()
	return fmt.Errorf("%v: %w", what, unix.Reboot(int(what)))
}

// others reports whether there are processes besides the first, this one and the kernel's.
func others() bool {
	ents, _ := os.ReadDir("/proc")
	return slices.ContainsFunc(ents, func(e fs.DirEntry) bool {
		name := e.Name()
		if name == "1" || name[0] < '0' || name[0] > '9' || name == fmt.Sprint(os.Getpid()) {
			return false
		}
		exe, err := os.Readlink("/proc/" + name + "/exe")
		return err == nil && exe != ""
	})
}
