package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A process does the operations that it reads, one a line, and writes a line for
// each. fds, maps and stats are what lines before have named.
var (
	fds   = map[string]int{}
	maps  = map[string][]byte{}
	stats = map[string]unix.Stat_t{}
)

func agent() {
	runtime.LockOSThread() // chdir and umask are the process's, but open file tables are too: this is for fcntl's owner to be told apart in traces
	unix.Umask(0)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue // "wait": the answer is on its way
		}
		fmt.Println(oneLine(do(line)))
	}
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", `\n`), "\x00", `\0`)
}

// do does a line and gives what came of it.
func do(line string) string {
	fd, op, named := strings.Cut(line, " = ")
	if !named || strings.Contains(fd, " ") {
		fd, op = "", line
	}
	words := strings.Fields(op)
	for i, w := range words {
		words[i] = expand(w)
	}
	f := ops[words[0]]
	if f == nil {
		return "no such operation"
	}
	defer func() {
		if e := recover(); e != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", line, e)
			os.Exit(1)
		}
	}()
	args := append(words[1:], make([]string, 4)...) // absent is empty
	s, err := f(fd, args)
	switch {
	case err != nil:
		return errName(err)
	case s == "":
		return "ok"
	}
	return s
}

func errName(err error) string {
	var e unix.Errno
	var exit *exec.ExitError
	switch {
	case errors.As(err, &e):
		return unix.ErrnoName(e)
	case errors.As(err, &exit):
		return exit.String()
	}
	return err.Error()
}

// expand fills in %nN and %-.
func expand(w string) string {
	i := strings.IndexByte(w, '%')
	if i < 0 || i+1 >= len(w) {
		return w
	}
	if w[i+1] == '-' {
		return w[:i] + expand(w[i+2:])
	}
	j := i + 2
	for j < len(w) && w[j] >= '0' && w[j] <= '9' {
		j++
	}
	n, _ := strconv.Atoi(w[i+2 : j])
	letter := string(w[i+1])
	if letter == "/" { // a path that long, of ./
		letter, n = "./", n/2
	}
	return w[:i] + strings.Repeat(letter, n) + expand(w[j:])
}

// number reads an argument; none is 0.
func number(s string) int64 {
	if s == "" {
		return 0
	}
	if n, ok := constants[s]; ok {
		return int64(n)
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// flags reads words joined by |.
func flags(s string) (n int) {
	for w := range strings.SplitSeq(s, "|") {
		n |= int(number(w))
	}
	return n
}

// file gives a named descriptor; AT_FDCWD for none.
func file(name string) int {
	if name == "." {
		return unix.AT_FDCWD
	}
	fd, ok := fds[name]
	if !ok {
		return -1
	}
	return fd
}

var constants = map[string]int{
	"RDONLY": unix.O_RDONLY, "WRONLY": unix.O_WRONLY, "RDWR": unix.O_RDWR, "CREAT": unix.O_CREAT, "EXCL": unix.O_EXCL,
	"TRUNC": unix.O_TRUNC, "APPEND": unix.O_APPEND, "DIRECTORY": unix.O_DIRECTORY, "NOFOLLOW": unix.O_NOFOLLOW,
	"TMPFILE": unix.O_TMPFILE, "PATH": unix.O_PATH, "DIRECT": unix.O_DIRECT, "SYNC": unix.O_SYNC, "DSYNC": unix.O_DSYNC,
	"NONBLOCK": unix.O_NONBLOCK, "NOATIME": unix.O_NOATIME,
	"noreplace": unix.RENAME_NOREPLACE, "exchange": unix.RENAME_EXCHANGE, "whiteout": unix.RENAME_WHITEOUT,
	"SET": 0, "CUR": 1, "END": 2, "DATA": unix.SEEK_DATA, "HOLE": unix.SEEK_HOLE,
	"R": unix.PROT_READ, "W": unix.PROT_WRITE, "X": unix.PROT_EXEC, "shared": unix.MAP_SHARED, "private": unix.MAP_PRIVATE,
	"keep": unix.FALLOC_FL_KEEP_SIZE, "punch": unix.FALLOC_FL_PUNCH_HOLE, "zero": unix.FALLOC_FL_ZERO_RANGE,
	"collapse": unix.FALLOC_FL_COLLAPSE_RANGE, "insert": unix.FALLOC_FL_INSERT_RANGE,
	"rd": unix.F_RDLCK, "wr": unix.F_WRLCK, "un": unix.F_UNLCK,
	"sh": unix.LOCK_SH, "ex": unix.LOCK_EX, "unlock": unix.LOCK_UN, "nb": unix.LOCK_NB,
	"XCREATE": unix.XATTR_CREATE, "XREPLACE": unix.XATTR_REPLACE,
	"r": unix.R_OK, "w": unix.W_OK, "x": unix.X_OK, "f": unix.F_OK,
	"max": 1<<63 - 1,
}
