package ns

import (
	"errors"
	"strconv"
	"syscall"

	"ninespace/srv/p9"
)

// Bin is where the commands of ninespace are inside a name space.
const Bin = "/mnt/bin"

// Own is the directory of a group's own files, ctl and ns, over which nothing can be bound. They are
// in /mnt/ns as well, which is for who types.
const Own = "/" + ownSpec

const ctlName = Own + "/ctl"

// An ExitError is an error by which a command ends with a status of its own.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return "exit status " + strconv.Itoa(e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode gives the status.
func (e *ExitError) ExitCode() int { return e.Code }

var errNoCtl = errors.New("not in a name space: start one with `nine up` or `nine newns`")

// notYours is the error of who would change another user's name space.
func notYours() error {
	return p9.NewError(syscall.EPERM, "only the user who began the name space may change it")
}
