package ps

import (
	"bytes"
	"context"
	_ "embed" // for the manual page
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"ninespace/srv/procfs"
)

//go:embed doc.go
var Man string // the manual page

const (
	dir  = "/mnt/proc"
	host = "/bin/ps" // the machine's own
)

// Main is the command ps; see doc.go.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	if len(args) > 0 {
		err := syscall.Exec(host, append([]string{"ps"}, args...), os.Environ())
		return fmt.Errorf("%s: %w", host, err)
	}
	ents, err := os.ReadDir(dir)
	if err != nil {
		return errors.New("no processes in " + dir + ": nine up has them there")
	}
	var pids []int
	for _, e := range ents {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	var out bytes.Buffer
	for _, pid := range pids {
		text, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(pid), "status"))
		if err != nil {
			continue // it has ended
		}
		if s, ok := procfs.ParseStatus(string(text)); ok {
			fmt.Fprintf(&out, "%-10s %8d %7.2f %7.2f %8dK %-9s %s\n", s.User, pid, s.Utime.Seconds(), s.Stime.Seconds(), s.Size>>10, s.State, s.Name)
		}
	}
	_, err = out.WriteTo(std[1])
	return err
}
