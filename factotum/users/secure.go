package users

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const maxFile = 1 << 20 // bytes

// secure reads a file that only one user and root can have written: it, and each
// directory above it up to top, or to the root where the file is elsewhere, is theirs
// and others may not write it. It is what sshd_config(5) has as StrictModes.
func secure(name, top string, uid uint32) ([]byte, error) {
	real, err := filepath.EvalSymlinks(name)
	if err == nil {
		real, err = filepath.Abs(real) // whose directories come to an end
	}
	if err != nil {
		return nil, err
	}
	// Who owns the directory may have put anything there: a fifo is not waited for.
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", name)
	}
	if err := safe(real, fi, uid); err != nil {
		return nil, err
	}
	if top, err = filepath.EvalSymlinks(top); err != nil {
		return nil, err
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err != nil {
			return nil, err
		}
		if err := safe(dir, fi, uid); err != nil {
			return nil, err
		}
		if dir == top || dir == "/" {
			break
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	return text, err
}

// mapped tells whether a user's number is one of this user namespace. Where a user has made
// that, the machine's root is not, and its directories seem to be nobody's, as are those of
// all others: a file's own number is known, of the directories above only that some have none.
func mapped(uid uint32) bool {
	text, err := os.ReadFile("/proc/self/uid_map") // user_namespaces(7)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, n uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &n); err != nil || inside <= uint64(uid) && uint64(uid) < inside+n {
			return true
		}
	}
	return false
}

func safe(name string, fi os.FileInfo, uid uint32) error {
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return errors.ErrUnsupported
	case st.Uid != 0 && st.Uid != uid && !(fi.IsDir() && !mapped(st.Uid)):
		return fmt.Errorf("%s belongs to user number %d", name, st.Uid)
	case fi.IsDir() && fi.Mode()&os.ModeSticky != 0: // what is not theirs others can't replace there
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others: mode %#o", strings.TrimSuffix(name, "/"), fi.Mode().Perm())
	}
	return nil
}
