package rc

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/ns"
	"ninespace/rc"
	"ninespace/rc/syntax"
	"ninespace/rc/term"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command. It exits by itself, with the script's own code.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	o, err := parse(args)
	if err != nil {
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	if strings.HasPrefix(os.Args[0], "-") {
		o.flags += "l"
	}
	if len(o.args) == 0 && !o.hasCommand && o.from < 0 && o.state < 0 && !strings.Contains(o.flags, "I") && isTerminal(std[0]) {
		o.flags += "i"
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a script's lists live long or not at all
	}
	if o.check {
		return check(std, o.args)
	}
	if o.limits != "" {
		if err := rc.Limit(o.limits); err != nil {
			return fmt.Errorf("ulimit: %w", err)
		}
		if o.state < 0 && len(o.args) > 1 {
			return fmt.Errorf("%s: %w", o.args[0], unix.Exec(o.args[0], o.args[1:], os.Environ()))
		}
	}
	if o.from >= 0 {
		if err := o.readCommand(); err != nil {
			return err
		}
	}
	n := newNotes()
	config := rc.Config{Name: "rc", Args: o.args, Env: os.Environ(), Files: inherited(std), Flags: o.flags, Hooks: hooks(n)}
	if o.state >= 0 {
		os.Exit(rc.ExitCode(continued(ctx, config, n, o.state)))
	}
	interactive := strings.Contains(o.flags, "i")
	var editor *term.Editor
	if interactive {
		editor = atTerminal(&config, std)
	}
	r := rc.New(config)
	n.to(r, interactive)
	if editor != nil {
		editor.For(r)
	}
	if o.hasCommand {
		r.Set("cflag", o.command)
	}
	status := r.Main(ctx, o.rcmain)
	r.Wait()
	os.Exit(rc.ExitCode(status))
	return nil
}

// atTerminal gives an interpreter the terminal that a person types at, if there is one,
// and an editor, if it is one that can be edited on.
func atTerminal(config *rc.Config, std [3]*os.File) *term.Editor {
	tty, err := term.Open(std[0], std[2])
	if err != nil || !isTerminal(std[2]) {
		return nil
	}
	config.Hooks.Terminal = tty.Jobs()
	if !term.Smart(os.Getenv("TERM")) {
		return nil
	}
	editor := term.NewEditor(tty)
	config.Lines = editor
	return editor
}

// options are what the arguments say.
type options struct {
	flags      string
	command    string
	hasCommand bool
	rcmain     string
	check      bool
	limits     string // of ulimit, for a program that the arguments are
	from       int    // -C's descriptor; -1: none
	state      int    // -Z's descriptor; -1: none
	args       []string
}

func parse(args []string) (options, error) {
	o := options{state: -1, from: -1}
	fs := flag.NewFlagSet("rc", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Func("c", "run the `command`", func(s string) error {
		o.command, o.hasCommand = s, true
		return nil
	})
	fs.StringVar(&o.rcmain, "m", "", "another rcmain's `file`")
	fs.IntVar(&o.from, "C", -1, "run the command that a `descriptor` has")
	fs.IntVar(&o.state, "Z", -1, "go on with the state that a `descriptor` has")
	fs.StringVar(&o.limits, "U", "", "set `limits` and become a program")
	fs.BoolVar(&o.check, "n", false, "only look for syntax errors")
	letters := []struct {
		set  *bool
		name string
	}{
		{fs.Bool("b", false, "read a whole file first"), "b"},
		{fs.Bool("d", false, "nothing"), "d"},
		{fs.Bool("e", false, "exit when a command fails"), "e"},
		{fs.Bool("i", false, "interactive"), "i"},
		{fs.Bool("I", false, "not interactive"), "I"},
		{fs.Bool("l", false, "read the profile"), "l"},
		{fs.Bool("p", false, "no functions of the environment"), "p"},
		{fs.Bool("r", false, "print commands as understood"), "r"},
		{fs.Bool("s", false, "print statuses"), "s"},
		{fs.Bool("v", false, "print what is read"), "v"},
		{fs.Bool("V", false, "print what is read"), "V"},
		{fs.Bool("x", false, "print commands"), "x"},
	}
	if err := fs.Parse(srv.Letters(fs, args)); err != nil {
		return o, err
	}
	for _, l := range letters {
		if *l.set {
			o.flags += l.name
		}
	}
	o.args = fs.Args()
	return o, nil
}

// readCommand takes the command from -C's descriptor, which no program of it gets.
func (o *options) readCommand() error {
	f := os.NewFile(uintptr(o.from), "command")
	defer f.Close()
	text, err := io.ReadAll(f)
	o.command, o.hasCommand = string(text), true
	return err
}

// check parses scripts, or the standard input, and tells the first error of each.
func check(std [3]*os.File, files []string) error {
	if len(files) == 0 {
		files = []string{"/dev/stdin"}
	}
	var bad error
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil {
			_, err = syntax.Parse(name, string(text))
		}
		if err != nil {
			fmt.Fprintln(std[2], err)
			bad = &ns.ExitError{Code: 1}
		}
	}
	return bad
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

var polls [256]unix.PollFd // of inherited: on a stack it would have that grow, at every start

// inherited gives the descriptors that the process was started with.
func inherited(std [3]*os.File) []int {
	for i := range polls {
		polls[i].Fd = int32(i)
	}
	files := make([]int, 3, 8)
	for i, f := range std {
		files[i] = i
		if f.Fd() != uintptr(i) {
			files[i] = int(f.Fd())
		}
	}
	if _, err := unix.Poll(polls[:], 0); err != nil {
		return files
	}
	for i := range polls {
		if polls[i].Revents&unix.POLLNVAL != 0 {
			if i < 3 {
				files[i] = -1
			}
			continue
		}
		if i < 3 {
			continue
		}
		// What Go opened for itself is closed on exec.
		if flags, err := unix.FcntlInt(uintptr(i), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		for len(files) < i {
			files = append(files, -1)
		}
		files = append(files, i)
	}
	return files
}
