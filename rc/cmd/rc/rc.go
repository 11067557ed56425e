package rc

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/rc"
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
	if len(o.args) == 0 && !o.hasCommand && o.state < 0 && !strings.Contains(o.flags, "I") && isTerminal(std[0]) {
		o.flags += "i"
	}
	n := newNotes()
	config := rc.Config{Name: "rc", Args: o.args, Env: os.Environ(), Files: inherited(std), Flags: o.flags, Hooks: hooks(n)}
	if o.state >= 0 {
		os.Exit(rc.ExitCode(continued(ctx, config, n, o.state)))
	}
	r := rc.New(config)
	n.to(r, strings.Contains(o.flags, "i"))
	if o.hasCommand {
		r.Set("cflag", o.command)
	}
	status := r.Main(ctx, o.rcmain)
	r.Wait()
	os.Exit(rc.ExitCode(status))
	return nil
}

// options are what the arguments say.
type options struct {
	flags      string
	command    string
	hasCommand bool
	rcmain     string
	state      int // -Z's descriptor; -1: none
	args       []string
}

// letters are the flags without a value. Plan 9's -d, and plan9port's -D, -S and -Y,
// do nothing.
const letters = "srdiIlxebpvVSDY"

func parse(args []string) (options, error) {
	o := options{state: -1}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for word != "" {
			c := word[0]
			word = word[1:]
			if strings.IndexByte(letters, c) >= 0 {
				o.flags += string(c)
				continue
			}
			if c != 'c' && c != 'm' && c != 'Z' {
				return o, fmt.Errorf("-%c: no such flag", c)
			}
			if word == "" {
				if len(args) == 0 {
					return o, fmt.Errorf("-%c: wants an argument", c)
				}
				word, args = args[0], args[1:]
			}
			switch c {
			case 'c':
				o.command, o.hasCommand = word, true
			case 'm':
				o.rcmain = word
			case 'Z':
				if _, err := fmt.Sscan(word, &o.state); err != nil || o.state < 0 {
					return o, fmt.Errorf("-Z: %q: no descriptor", word)
				}
			}
			word = ""
		}
		if o.hasCommand {
			break // what follows are the command's arguments
		}
	}
	o.args = args
	return o, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// inherited gives the descriptors that the process was started with.
func inherited(std [3]*os.File) []int {
	const most = 256
	var polls [most]unix.PollFd
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
