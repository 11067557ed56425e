/*
Posix does what its tables say in a directory and prints what came of each line,
so that two file systems can be compared: what one prints the other should.

	posix dir [case ...]

The tables are *.txt here, and the matrices of matrix.go. A case begins with "#
name"; each further line is one operation:

	[who:] [fd =] op word ...

Who is a process of its own: A and B are root, U is user and group 1001, V is 1002
and also in group 1001, W is 1003 alone; without a name it is A. All of them start
each case in a new directory, with the umask 0. In a word, %nN stands for N times
the letter n, and %- for nothing. A line "& op" is not waited for; "who: wait" is
its answer. The operations are those of ops.go.
*/
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if os.Getenv("POSIX_AGENT") != "" {
		agent()
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: posix dir [case ...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println("posix:", err)
		os.Exit(1)
	}
}

// users are who there is: the letter, and user and groups of the process.
var users = map[string]syscall.Credential{
	"A": {}, "B": {},
	"U": {Uid: 1001, Gid: 1001},
	"V": {Uid: 1002, Gid: 1002, Groups: []uint32{1001}},
	"W": {Uid: 1003, Gid: 1003},
}

// An actor is a process that does operations.
type actor struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

type actors map[string]*actor

func (as actors) get(who string) (*actor, error) {
	if a := as[who]; a != nil {
		return a, nil
	}
	u, ok := users[who]
	if !ok {
		return nil, fmt.Errorf("%s: no such user", who)
	}
	a := &actor{cmd: exec.Command("/proc/self/exe")}
	a.cmd.Env = append(os.Environ(), "POSIX_AGENT="+who)
	a.cmd.Stderr = os.Stderr
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &u, Pdeathsig: syscall.SIGKILL}
	var err error
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	as[who] = a
	return a, nil
}

func (a *actor) send(line string) error {
	_, err := io.WriteString(a.in, line+"\n")
	return err
}

func (a *actor) answer() (string, error) {
	s, err := a.out.ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}

func (a *actor) do(line string) (string, error) {
	if err := a.send(line); err != nil {
		return "", err
	}
	return a.answer()
}

// end ends a process and waits for its end, when the kernel has closed its files.
func (as actors) end(who string) {
	if a := as[who]; a != nil {
		a.cmd.Process.Kill()
		a.cmd.Wait()
		delete(as, who)
	}
}

// run does the cases in directories of dir.
func run(dir string, only []string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	as := actors{}
	defer func() {
		for who := range as {
			as.end(who)
		}
	}()
	for i, c := range cases() {
		if len(only) > 0 && !slices.ContainsFunc(only, func(o string) bool { return strings.HasPrefix(c.name, o) }) {
			continue
		}
		d := filepath.Join(dir, "c"+strconv.Itoa(i))
		if err := os.Mkdir(d, 0o777); err != nil {
			return err
		}
		os.Chmod(d, 0o777)
		if err := as.play(d, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, a := range as {
			if _, err := a.do("reset " + dir); err != nil {
				return fmt.Errorf("%s: end: %w", c.name, err)
			}
		}
		exec.Command("rm", "-rf", d).Run()
	}
	return nil
}

var actorAt = regexp.MustCompile(`^([A-Z]): `)

func (as actors) play(dir string, c testCase) error {
	fresh := map[string]bool{}
	for n, line := range c.lines {
		who, op := "A", line
		if m := actorAt.FindStringSubmatch(line); m != nil {
			who, op = m[1], line[len(m[0]):]
		}
		if op == "die" {
			as.end(who)
			delete(fresh, who)
			continue
		}
		a, err := as.get(who)
		if err != nil {
			return err
		}
		if !fresh[who] {
			fresh[who] = true
			if s, err := a.do("reset " + dir); err != nil || s != "ok" {
				return fmt.Errorf("%s: start: %s: %w", who, s, err)
			}
		}
		if op == "wait" {
			op = ""
		} else if err := a.send(strings.TrimPrefix(op, "& ")); err != nil {
			return err
		}
		s := "under way"
		if !strings.HasPrefix(op, "& ") {
			if s, err = a.answer(); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
		fmt.Printf("%s.%d: %s: %s\n", c.name, n+1, line, s)
	}
	return nil
}
