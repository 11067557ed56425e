package ns

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// rights are what a process may do, as far as the kernel asks for that where one wants to look
// into another, ptrace(2).
type rights struct {
	uids, gids string // real, effective, saved and the file system's
	caps       uint64 // permitted
	userns     string // in which those are
	owner      uint32 // of its files in /proc: it, or root where others are not to look into it
}

// within tells whether a process may do no more than another, made, that is of uid and gid alone.
// One that was executed with another's rights has, or had, more.
func (r rights) within(made rights, uid, gid uint32) bool {
	return r.uids == fourTimes(uid) && r.gids == fourTimes(gid) && r.owner == uid &&
		r.caps&^made.caps == 0 && r.userns == made.userns
}

func fourTimes(id uint32) string {
	return strings.TrimPrefix(strings.Repeat("\t"+strconv.FormatUint(uint64(id), 10), 4), "\t")
}

// rightsOf gives the process that a thread is of, and the rights of its first thread: the kernel
// asks for those where one wants to have its descriptors.
func rightsOf(tid int) (pid int, r rights, err error) {
	if pid, r, err = readRights(tid); err == nil && pid != tid {
		pid, r, err = readRights(pid)
	}
	if err == nil {
		r.userns, err = os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/user")
	}
	if err != nil {
		return 0, r, fmt.Errorf("thread %d: %w", tid, bare(err))
	}
	return pid, r, nil
}

// readRights gives those of a thread, but for their user namespace.
func readRights(tid int) (pid int, r rights, err error) {
	f, err := os.Open("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return 0, r, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, r, err
	}
	r.owner = fi.Sys().(*syscall.Stat_t).Uid
	b, err := io.ReadAll(f)
	if err != nil {
		return 0, r, err
	}
	caps := false
	for name, v := range statusLines(b) {
		switch name {
		case "Tgid":
			pid, err = strconv.Atoi(v)
		case "Uid":
			r.uids = v
		case "Gid":
			r.gids = v
		case "CapPrm":
			r.caps, err = strconv.ParseUint(v, 16, 64)
			caps = true
		}
		if err != nil {
			return 0, r, err
		}
	}
	if pid == 0 || r.uids == "" || r.gids == "" || !caps {
		return 0, r, syscall.ESRCH
	}
	return pid, r, nil
}
