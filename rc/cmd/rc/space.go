package rc

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/ns"
	"ninespace/rc"
	"ninespace/srv"
	srvcmd "ninespace/srv/cmd/srv"
)

// builtin gives the commands that act on the name space of the shell itself. Outside of
// one those names are the system's own commands, if it has them.
func builtin(name string) func(*rc.Call) error {
	var b func(*rc.Call) error
	switch name {
	case "bind":
		b = bind
	case "mount":
		b = mount
	case "unmount":
		b = unmount
	case "ns":
		b = namespace
	case "srv":
		b = post
	}
	if b == nil || ns.Inside() {
		return b
	}
	if _, err := exec.LookPath(name); err == nil || name == "mount" || name == "srv" {
		return nil
	}
	return b // to say so
}

// env is where the name space that the shell is in has its variables: /env, where a
// server of them is mounted.
func env() string {
	var ctl, st unix.Stat_t
	if unix.Stat("/env", &st) != nil || unix.Stat(ns.Own, &ctl) != nil {
		return ""
	}
	if st.Dev != ctl.Dev || unix.Major(st.Dev) != 0 || st.Mode&0o200 == 0 { // the host's, or only a mount point
		return ""
	}
	return "/env"
}

// flags parses the flags of bind and mount, which are a line's.
func flags(c *rc.Call) (fs *flag.FlagSet, op ns.Op, quiet bool, err error) {
	op.Verb = c.Args[0]
	fs = flag.NewFlagSet(c.Args[0], flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	var after, before, create, cache bool
	if c.Args[0] == "bind" || c.Args[0] == "mount" {
		fs.BoolVar(&after, "a", false, "")
		fs.BoolVar(&before, "b", false, "")
		fs.BoolVar(&create, "c", false, "")
		fs.BoolVar(&cache, "C", false, "")
		fs.BoolVar(&quiet, "q", false, "")
	}
	if c.Args[0] == "mount" {
		fs.BoolVar(&op.Auth.None, "n", false, "")
		fs.StringVar(&op.Auth.Key, "k", "", "")
	}
	err = fs.Parse(srv.Letters(fs, c.Args[1:]))
	if err == nil && after && before {
		err = errors.New("-a and -b")
	}
	op.Flag = ns.Flags(after, before, create, cache)
	return fs, op, quiet, err
}

// unless gives an error, but not to who wants none.
func unless(quiet bool, err error) error {
	if quiet {
		return nil
	}
	return err
}

// do changes the name space.
func do(c *rc.Call, op ns.Op) error {
	return c.Patiently(func(ctx context.Context) error { return ns.Do(ctx, op) })
}

func bind(c *rc.Call) error {
	fs, op, quiet, err := flags(c)
	if err != nil || fs.NArg() != 2 {
		return errors.New("usage: bind [-abcCq] new old")
	}
	op.New, op.Old = ns.Abs(c.Dir, fs.Arg(0)), plan9Name(ns.Abs(c.Dir, fs.Arg(1)))
	return unless(quiet, do(c, op))
}

func mount(c *rc.Call) error {
	fs, op, quiet, err := flags(c)
	if err != nil || fs.NArg() < 2 || fs.NArg() > 3 {
		return errors.New("usage: mount [-abcCnq] [-k key] server old [spec]")
	}
	server, err := ns.ServerOf(fs.Arg(0), c.Descriptor)
	if err != nil {
		return unless(quiet, err)
	}
	if path, ok := strings.CutPrefix(server, "unix!"); ok {
		server = "unix!" + ns.Abs(c.Dir, path)
	} else if strings.HasPrefix(server, "./") || strings.HasPrefix(server, "../") {
		server = "unix!" + ns.Abs(c.Dir, server)
	}
	op.New, op.Old, op.Spec = server, ns.Abs(c.Dir, fs.Arg(1)), fs.Arg(2)
	return unless(quiet, do(c, op))
}

func unmount(c *rc.Call) error {
	fs, op, _, err := flags(c)
	if err != nil || fs.NArg() < 1 || fs.NArg() > 2 {
		return errors.New("usage: unmount [new] old")
	}
	op.Old = ns.Abs(c.Dir, fs.Arg(fs.NArg()-1))
	if fs.NArg() == 2 {
		if op.New = fs.Arg(0); strings.Contains(op.New, "/") && !strings.Contains(op.New, "!") {
			op.New = ns.Abs(c.Dir, op.New)
		}
	}
	return do(c, op)
}

// post is srv.
func post(c *rc.Call) error {
	err := srvcmd.Do(context.Background(), [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, c.Dir, c.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return errors.New("usage: srv [-abcCemq] dialstring [name [mountpoint]]")
	}
	return err
}

func namespace(c *rc.Call) error {
	fs, _, _, err := flags(c)
	pid := 0
	if err == nil && fs.NArg() == 1 {
		pid, err = strconv.Atoi(fs.Arg(0))
	}
	if err != nil || fs.NArg() > 1 || pid < 0 {
		return errors.New("usage: ns [pid]")
	}
	text, err := ns.Text(pid)
	if err == nil && pid == 0 {
		// Where the thread is is not where the shell is.
		lines := strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n") + 1
		text = text[:lines] + ns.Op{Verb: "cd", Old: c.Dir}.String() + "\n"
	}
	if err == nil {
		_, err = io.WriteString(c, text)
	}
	return err
}
