package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/srv/p9"
)

// differences lists where a mount may answer otherwise than a local file system,
// and why. One that no longer does is an error: its line goes.
var differences = []struct {
	mount string // path.Match's pattern of mounts
	name  string // of the case
	want  string
	why   string
}{
	{"*-L*", "RENAME_NOREPLACE", "invalid argument", "9P2000.L's rename has no flags"},
	{"*-L*", "RENAME_EXCHANGE", "invalid argument", "9P2000.L's rename has no flags"},
	{"*-L*", "O_TMPFILE", "operation not supported", "v9fs lacks it"},
	{"*-L*", "fallocate", "operation not supported", "v9fs lacks it"},
	{"*-L*", "name_to_handle_at", "operation not supported", "v9fs lacks it"},
	{"*-9P2000", "ENOTEMPTY rename over", "file exists", "9P2000's wstat replaces nothing"},
	{"*-9P2000", "EPERM unlink from a sticky directory", "<nil>", "9P2000 has no sticky bit"},
	{"*-9P2000", "EPERM rename in a sticky directory", "<nil>", "9P2000 has no sticky bit"},
	{"*-L*", "a write takes the set-user-id bit away", "operation not permitted\nf has mode 6777", "v9fs asks as the writer, who may not"},
	{"diskfs-L", "a new file's owner and group", "f has group 65534\nd has group 65534\nl has group 65534\np has group 65534", "the host does not know the user, nor so his groups"},
	{"ramfs-*", "root may read what nobody may", "permission denied", "as in Plan 9, nobody is above permissions"},
}

// testErrno does each case on the mount and on the local file system.
func testErrno(t *T, m *mount, dir, ref string) {
	cases := errnoCases
	if m.dotl() {
		cases = slices.Concat(cases, errnoCasesL)
	}
	for i, c := range cases {
		t.Run(c.name, func(t *T) {
			do := func(dir string) string {
				dir = filepath.Join(dir, fmt.Sprint(i))
				t.ok(os.Mkdir(dir, 0o755))
				return fmt.Sprint(c.do(dir))
			}
			got, want := do(dir), do(ref)
			for _, d := range differences {
				if ok, _ := path.Match(d.mount, m.name); !ok || d.name != c.name {
					continue
				}
				switch got {
				case want:
					t.Errorf("%s, as the local file system says: differences lists it", got)
				case d.want:
					t.Logf("%s, not %s: %s", got, want, d.why)
				default:
					t.Errorf("%s, listed as %s; the local file system says %s", got, d.want, want)
				}
				return
			}
			if got != want {
				t.Errorf("%s, the local file system says %s", got, want)
			}
		})
	}
}

// unknown are those texts of package p9 that Linux's table lacks. It says so on the
// console, as of any text that it does not know, and the test there minds.
var unknown = []string{
	"i/o on hungup channel", "No child processes", "No such process", "Value too large for defined data type",
	"Address already in use", "Cannot assign requested address", "Stale file handle",
}

// testErrors opens files by whose names, "errno text" with | for a slash, the server
// refuses to open them.
func testErrors(t *T, m *mount, dir, ref string) {
	all, err := names(dir, 4096)
	t.ok(err)
	n := 0
	for _, name := range all {
		number, text, _ := strings.Cut(strings.ReplaceAll(name, "|", "/"), " ")
		errno, err := strconv.Atoi(number)
		t.ok(err)
		want := unix.Errno(errno)
		if !m.dotl() && (slices.Contains(unknown, text) || p9.ErrorOfText(text).Errno != want) {
			continue // p9 has a number for it, and no text
		}
		n++
		t.is(name, openErr(filepath.Join(dir, name), unix.O_RDONLY, 0), want)
	}
	t.Logf("%d of %d errors", n, len(all))
}
