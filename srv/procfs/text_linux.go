package procfs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// The files of a process that read as texts.

func (p proc) args() (string, error) {
	words, err := p.strings("/cmdline") // none of a kernel thread, or a zombie
	for i, w := range words {
		words[i] = srv.Quote(w)
	}
	return strings.Join(words, " "), err
}

// environ gives assignments as rc reads them.
func (p proc) environ() (string, error) {
	vars, err := p.strings("/environ")
	var b strings.Builder
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			fmt.Fprintln(&b, srv.Quote(v))
			continue
		}
		fmt.Fprintf(&b, "%s=%s\n", name, srv.Quote(value))
	}
	return b.String(), err
}

// strings reads a file of strings that each end in a NUL.
func (p proc) strings(name string) ([]string, error) {
	b, err := os.ReadFile(p.path(name))
	if err != nil || len(b) == 0 {
		return nil, p.cause(err)
	}
	return strings.Split(string(bytes.TrimSuffix(b, []byte{0})), "\x00"), nil
}

// statText is Linux's own line.
func (p proc) statText() (string, error) {
	var buf [statMost]byte
	b, err := p.read(statFile, buf[:])
	return string(b), err
}

func (p proc) ppid() (string, error) {
	st, err := p.stat()
	return fmt.Sprintf("%11d ", st.ppid), err
}

func (p proc) noteid() (string, error) {
	st, err := p.stat()
	return fmt.Sprintf("%11d ", st.pgrp), err
}

// children asks all processes for their parents, for not each Linux tells it the other
// way round.
func (p proc) children() (string, error) {
	var b strings.Builder
	pids, err := pidsAfter(0)
	for _, pid := range pids {
		if st, err := readStat(pid); err == nil && st.ppid == p.pid {
			fmt.Fprintln(&b, pid)
		}
	}
	return b.String(), err
}

// pidsAfter gives the pids there are above one, in order.
func pidsAfter(low uint64) ([]int, error) {
	f, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && uint64(pid) > low {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, err
}

func (p proc) maps() (string, error) {
	b, err := os.ReadFile(p.path("/maps"))
	return string(b), p.cause(err)
}

// segment makes Plan 9's segments of Linux's maps.
func (p proc) segment() (string, error) {
	maps, err := p.maps()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for l := range strings.Lines(maps) {
		f := strings.Fields(l)
		if len(f) < 5 || len(f[1]) < 4 {
			continue
		}
		low, high, _ := strings.Cut(f[0], "-")
		flag := 'R'
		if f[1][1] == 'w' {
			flag = ' '
		}
		fmt.Fprintf(&b, "%-6s %c  %8s %8s %4d\n", segmentType(f), flag, low, high, 1)
	}
	return b.String(), nil
}

func segmentType(f []string) string {
	name := strings.Join(f[5:], " ")
	switch perm := f[1]; {
	case perm[3] == 's':
		return "Shared"
	case perm[2] == 'x':
		return "Text"
	case strings.HasPrefix(name, "[stack"):
		return "Stack"
	case name == "" || strings.HasPrefix(name, "[heap"):
		return "Bss"
	}
	return "Data"
}

// A callRun are names of calls with one number after the other.
type callRun struct {
	first int
	names string
}

// callName gives a system call's name, or its number where that is all that is known.
func callName(n int) string {
	for _, r := range callRuns {
		if names := strings.Fields(r.names); n >= r.first && n < r.first+len(names) {
			return names[n-r.first]
		}
	}
	return strconv.Itoa(n)
}

// syscall gives the call that the process is in, proc_pid_syscall(5).
func (p proc) syscall() (string, error) {
	b, err := os.ReadFile(p.path("/syscall"))
	if err != nil {
		return "", p.cause(err)
	}
	f := strings.Fields(string(b))
	if len(f) != 9 { // running, or waiting outside of a call
		return "\n", nil
	}
	n, err := strconv.Atoi(f[0])
	if err != nil {
		return "\n", nil
	}
	return fmt.Sprintf("%d %s %s = %s %s\n", p.pid, callName(n), f[8], f[7], strings.Join(f[1:7], " ")), nil
}

func (p proc) fds() (string, error) {
	cwd, err := os.Readlink(p.path("/cwd"))
	if err != nil {
		return "", p.cause(err)
	}
	ents, err := os.ReadDir(p.path("/fd"))
	if err != nil {
		return "", p.cause(err)
	}
	slices.SortFunc(ents, func(a, b fs.DirEntry) int { // numbers: a shorter one is less
		return cmp.Or(len(a.Name())-len(b.Name()), strings.Compare(a.Name(), b.Name()))
	})
	var b strings.Builder
	b.WriteString(line(cwd))
	for _, e := range ents {
		name, err := os.Readlink(p.path("/fd/" + e.Name()))
		var st unix.Stat_t
		if err != nil || unix.Stat(p.path("/fd/"+e.Name()), &st) != nil {
			continue // closed since
		}
		info, _ := os.ReadFile(p.path("/fdinfo/" + e.Name()))
		pos, flags := fdinfo(string(info))
		mode := fs.FileMode(0)
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			mode = fs.ModeDir
		}
		fmt.Fprintf(&b, "%3s %-2s %c %4d (%.16x 0 %.2x) %5d %8d %s", e.Name(), [...]string{"r", "w", "rw", "r"}[flags&3],
			typeOf(st.Mode), st.Dev, st.Ino, uint8(p9.QidTypeOf(mode)), 0, pos, line(name))
	}
	return b.String(), nil
}

// fdinfo takes the offset and the open flags from a file of /proc/N/fdinfo.
func fdinfo(s string) (pos int64, flags uint64) {
	for l := range strings.Lines(s) {
		name, v, _ := strings.Cut(strings.TrimSpace(l), ":")
		switch v = strings.TrimSpace(v); name {
		case "pos":
			pos, _ = strconv.ParseInt(v, 10, 64)
		case "flags":
			flags, _ = strconv.ParseUint(v, 8, 64)
		}
	}
	return pos, flags
}

func typeOf(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return 'M'
	case unix.S_IFIFO:
		return '|'
	case unix.S_IFSOCK:
		return 'I'
	case unix.S_IFCHR, unix.S_IFBLK:
		return 'c'
	}
	return 'a'
}

// line ends a name that is the last of its line, quoted if it has newlines.
func line(name string) string {
	if strings.Contains(name, "\n") {
		name = srv.Quote(name)
	}
	return name + "\n"
}

// nsFile is where a process in a name space has the text of it.
const nsFile = "#ns/ns"

// ns reads the process's own nsFile, and tells where it is. The root is the process's to arrange, so that
// nothing in it may lead out, to our own files, and what is not a file is not read.
func (p proc) ns() (string, error) {
	root, err := unix.Open(p.path("/root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", p.cause(err)
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, nsFile, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
	none := p9.NewError(syscall.ENOENT, "not in a name space")
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENXIO):
		return "", none
	case err != nil:
		return "", p.cause(err)
	}
	f := os.NewFile(uintptr(fd), nsFile)
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", p.cause(err)
	}
	if !st.Mode().IsRegular() {
		return "", none
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return "", p.cause(err)
	}
	dir, err := p.dot()
	return string(b) + "cd " + srv.Quote(dir) + "\n", p.cause(err)
}

// dot gives the process's directory by its name in the process's own root.
func (p proc) dot() (string, error) {
	dir, err := os.Readlink(p.path("/cwd"))
	if err != nil {
		return "", err
	}
	root, err := os.Readlink(p.path("/root"))
	if in, ok := strings.CutPrefix(dir, strings.TrimSuffix(root, "/")+"/"); ok {
		return "/" + in, err
	}
	return "/", err
}
