package ns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Flags makes a Flag of bind's letters.
func Flags(after, before, create, cache bool) Flag {
	var f Flag
	for _, v := range []struct {
		set bool
		bit Flag
	}{{after, MAFTER}, {before, MBEFORE}, {create, MCREATE}, {cache, MCACHE}} {
		if v.set {
			f |= v.bit
		}
	}
	return f
}

// Text gives the lines of namespace(6) that build the name space of a process,
// its own for 0, with a last one for its working directory.
func Text(pid int) (string, error) {
	root, cwd := "", ""
	var err error
	if pid == 0 {
		cwd, err = os.Getwd()
	} else {
		proc := "/proc/" + strconv.Itoa(pid)
		root = proc + "/root"
		if _, err := os.Stat(proc); errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("%d: no such process", pid)
		}
		cwd, err = os.Readlink(proc + "/cwd")
	}
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(root + Own + "/ns")
	switch {
	case errors.Is(err, os.ErrNotExist) && pid == 0:
		return "", errNoCtl
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("process %d is not in a name space", pid)
	case err != nil:
		return "", err
	}
	text := string(b)
	if strings.HasPrefix(cwd, "/") {
		text += Op{Verb: "cd", Old: cwd}.String() + "\n"
	}
	return text, nil
}
