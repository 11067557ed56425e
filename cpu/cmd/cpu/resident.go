package cpu

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"ninespace/cpu"
	"ninespace/exportfs/door"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// idleTime is how long a connection is kept after its last command: $cpuidle, a
// duration, or a minute. 0 keeps none, as do other systems than Linux.
func idleTime() (time.Duration, error) {
	if runtime.GOOS != "linux" { // the process that keeps it finds its program by /proc
		return 0, nil
	}
	s := os.Getenv("cpuidle")
	switch s {
	case "":
		return time.Minute, nil
	case "0":
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("$cpuidle: %q is not a duration", s)
	}
	return d, nil
}

// flags are those by which a process makes the connection that c needs.
func (o *options) flags(c *cpu.Cmd) []string {
	f := []string{"-h", c.Addr, "-u", c.User, "-J", c.Jump, "-k", c.Key, "-r", o.tree}
	if o.patterns != "" {
		f = append(f, "-P", o.patterns)
	}
	if o.readOnly {
		f = append(f, "-R")
	}
	if o.verbose {
		f = append(f, "-v")
	}
	return f
}

// keptAs is the name under which a connection is posted: of all that makes one different
// from another, the caller's name space and the program's own version among it.
func (o *options) keptAs(c *cpu.Cmd) string {
	h := sha256.New()
	self, _ := os.Stat("/proc/self/exe")
	space, _ := os.Readlink("/proc/self/ns/mnt")
	fmt.Fprintf(h, "%q %q %q %v %q %q ", c.Addr, []string{c.User, c.Jump, c.Key}, o.tree, o.readOnly, o.patternText, c.SSH)
	fmt.Fprintf(h, "%q %q %q", space, os.Getenv("SSH_AUTH_SOCK"), os.Getenv("HOME"))
	if self != nil {
		fmt.Fprint(h, self.Size(), self.ModTime().UnixNano())
	}
	return fmt.Sprintf("cpu.%.8x", h.Sum(nil))
}

// there takes a stream of the connection that is kept, if there is one, and says which processor
// is at its end and how many round trips it has taken.
func (o *options) there(ctx context.Context, c *cpu.Cmd) (conn net.Conn, arch string, trips uint64, err error) {
	conn, err = net.Dial("unix", filepath.Join(p9.Namespace(), o.keptAs(c)))
	if err != nil {
		return nil, "", 0, err
	}
	if arch, trips, err = cpu.Ask(ctx, conn); err != nil {
		conn.Close()
		return nil, "", 0, err
	}
	return conn, arch, trips, nil
}

// kept takes a stream of the connection that is kept, or has a process make one and keep it.
// What that one has taken already is taken from c.Trips.
func kept(ctx context.Context, c *cpu.Cmd, o *options) (net.Conn, string, error) {
	if conn, arch, trips, err := o.there(ctx, c); err == nil {
		if c.Log != nil {
			c.Log("by the connection that there is")
		}
		if c.Trips != nil {
			c.Trips.Store(-trips)
		}
		return conn, arch, nil
	}
	first, theirs, err := door.Pair()
	if err != nil {
		return nil, "", err
	}
	defer theirs.Close()
	word, their, err := door.Pair()
	if err != nil {
		first.Close()
		return nil, "", err
	}
	defer their.Close()
	defer word.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{"nine", "cpu", "-M"}, o.flags(c)...)
	cmd.Stderr = os.Stderr // until it has a connection
	cmd.ExtraFiles = []*os.File{theirs, their}
	if err := cmd.Start(); err != nil {
		first.Close()
		return nil, "", err
	}
	theirs.Close()
	their.Close()
	stop := context.AfterFunc(ctx, func() { word.Close() })
	said, err := io.ReadAll(word)
	if !stop() {
		err = ctx.Err()
	}
	arch := ""
	text, ok := strings.CutSuffix(string(said), "\n")
	switch {
	case err != nil:
	case !ok:
		err = errors.New("the process that keeps the connection has ended")
	case text != "":
		err = errors.New(text)
	default:
		arch, _, err = cpu.Ask(ctx, first)
	}
	if err != nil {
		first.Close()
		return nil, "", err
	}
	return first, arch, nil
}

// keep is the process that keeps a connection: it makes it while the command that
// started it waits for the word, and leaves its terminal then. Descriptor 3 is
// that command's stream and 4 is where the word goes.
func keep(ctx context.Context, o *options) error {
	first, err := inherited(3)
	if err != nil {
		return err
	}
	word, err := inherited(4)
	if err != nil {
		return err
	}
	// What the terminal sends is for the command. An ssh that is started has it ignored too.
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGTTOU)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	dialling, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, word) // which ends with the command
		cancel()
	}()
	r := cpu.Resident{Far: o.Far, Idle: o.idle}
	r.Stderr = struct{ io.Writer }{o.Stderr} // not the descriptor itself, which ssh would keep
	if err := r.Connect(dialling); err != nil {
		fmt.Fprintln(word, strings.ReplaceAll(err.Error(), "\n", "; "))
		word.Close()
		return &exit{1}
	}
	door.Detach(2)
	l, err := srv.Post(o.keptAs(&o.Cmd)) // not if another one was quicker
	if err != nil {
		l = nil
	}
	fmt.Fprintln(word)
	word.Close()
	r.Serve(ctx, first, l)
	return nil
}

// exit is an error of which all has been said.
type exit struct{ code int }

func (e *exit) Error() string { return fmt.Sprintf("exit status %d", e.code) }
func (e *exit) ExitCode() int { return e.code }

func inherited(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	return net.FileConn(f)
}
