package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// short cuts what is long, keeping its length.
func short(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%s...(%d)", s[:10], len(s))
	}
	return s
}

// quote shows bytes: of zeros or other long runs only how many there are.
func quote(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		n := 1
		for n < len(b) && b[n] == b[0] {
			n++
		}
		switch {
		case b[0] == 0 || n > 8:
			fmt.Fprintf(&s, "<%q*%d>", b[0], n)
		default:
			s.Write(b[:n])
		}
		b = b[n:]
	}
	if out := s.String(); len(out) > 200 {
		s.Reset()
		fmt.Fprintf(&s, "%s...%s", out[:20], out[len(out)-20:])
	}
	return `"` + string(bytes.ToValidUTF8([]byte(s.String()), []byte("?"))) + `"`
}

func typeBits(m fs.FileMode) int {
	switch {
	case m.IsDir():
		return unix.S_IFDIR
	case m&fs.ModeSymlink != 0:
		return unix.S_IFLNK
	case m&fs.ModeNamedPipe != 0:
		return unix.S_IFIFO
	case m&fs.ModeSocket != 0:
		return unix.S_IFSOCK
	case m&fs.ModeDevice != 0 && m&fs.ModeCharDevice != 0:
		return unix.S_IFCHR
	case m&fs.ModeDevice != 0:
		return unix.S_IFBLK
	}
	return unix.S_IFREG
}

func kindOf(mode uint32) string {
	return map[uint32]string{unix.S_IFREG: "", unix.S_IFDIR: "/", unix.S_IFLNK: "@", unix.S_IFIFO: "|", unix.S_IFSOCK: "=",
		unix.S_IFCHR: "%c", unix.S_IFBLK: "%b"}[mode&unix.S_IFMT]
}

// tell gives the attributes that a's further words name.
func tell(a []string, stat func(string, *unix.Stat_t) error) (string, error) {
	var st unix.Stat_t
	if err := stat(a[0], &st); err != nil {
		return "", err
	}
	var out []string
	for _, w := range a[1:] {
		switch w {
		case "type":
			out = append(out, "type"+kindOf(st.Mode))
		case "mode":
			out = append(out, fmt.Sprintf("%04o", st.Mode&0o7777))
		case "size":
			if st.Mode&unix.S_IFMT != unix.S_IFDIR {
				out = append(out, strconv.FormatInt(st.Size, 10))
			}
		case "nlink":
			out = append(out, fmt.Sprint("nlink ", st.Nlink))
		case "owner":
			out = append(out, fmt.Sprintf("%d:%d", st.Uid, st.Gid))
		case "rdev":
			out = append(out, fmt.Sprintf("%#x", st.Rdev))
		case "atime":
			out = append(out, fmt.Sprintf("%d.%09d", st.Atim.Sec, st.Atim.Nsec))
		case "mtime":
			out = append(out, fmt.Sprintf("%d.%09d", st.Mtim.Sec, st.Mtim.Nsec))
		case "blocks": // whether it has holes
			out = append(out, fmt.Sprint("sparse ", st.Blocks*512 < st.Size))
		case "":
		default:
			panic("stat: " + w)
		}
	}
	return strings.Join(out, " "), nil
}

func utimens(name, a, m string, flags int) error {
	ts := []unix.Timespec{timespec(a), timespec(m)}
	return unix.UtimesNanoAt(unix.AT_FDCWD, name, ts, flags)
}

func timespec(s string) unix.Timespec {
	switch s {
	case "now":
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case "omit":
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	sec, nsec, _ := strings.Cut(s, ".")
	return unix.Timespec{Sec: number(sec), Nsec: number(strings.TrimLeft(nsec, "0"))}
}

// stamp remembers the times of a file and lets the clock by which files are
// stamped go past them.
func stamp(name string) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return err
	}
	last := max(st.Atim.Nano(), st.Mtim.Nano(), st.Ctim.Nano())
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		var now unix.Timespec
		if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); now.Nano() > last {
			break
		}
	}
	stats[name] = st
	return nil
}

// moved tells which times have changed since stamp: of access, data, attributes.
func moved(name string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return "", err
	}
	old := stats[name]
	s := ""
	if st.Atim != old.Atim {
		s += "a"
	}
	if st.Mtim != old.Mtim {
		s += "m"
	}
	if st.Ctim != old.Ctim {
		s += "c"
	}
	if s == "" {
		s = "none"
	}
	return s, stamp(name)
}
