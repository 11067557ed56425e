package ns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ServerOf gives the name by which mount has a server: of the descriptor of a process where
// it is /fd/N, dup(3), and else itself. number gives the process's own number for N. The
// descriptor is posted, under one name however often that is done, so that all mounts of
// it share one conversation.
func ServerOf(name string, number func(n int) (int, error)) (string, error) {
	word, ok := strings.CutPrefix(name, "/fd/")
	n, err := strconv.Atoi(word)
	if !ok || err != nil {
		return name, nil
	}
	fd, err := number(n)
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, errBadFd)
	}
	at := fmt.Sprintf("/srv/fd.%x.%x", st.Dev, st.Ino)
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return at, nil
	}
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(fd))
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, bare(err))
	}
	return at, nil
}
